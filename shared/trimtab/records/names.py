"""Ids and words that every record uses."""

from typing import Literal, NewType

ClusterUid = NewType("ClusterUid", str)
ProjectUid = NewType("ProjectUid", str)
ProposalId = NewType("ProposalId", str)
PersonId = NewType("PersonId", str)
CommitSha = NewType("CommitSha", str)
BillForm = Literal["focus", "cur", "azure", "gcp", "oci"]
"""The forms of bill that are read."""
ExportPart = Literal["all", "commitment-purchases"]
"""What of its files an export brings: Azure's ActualCost beside an AmortizedCost export of the same scope brings only the purchases."""
Json = dict[str, object]
"""A JSON object we wrote ourselves; foreign JSON never has this type."""
Cloud = Literal["aws", "gcp", "azure"]
Measure = Literal["BilledCost", "EffectiveCost"]
PoolField = Literal[
    "count", "min", "max", "instance_type", "capacity_type",
    "cpu_cores", "memory_mib", "gpu_limit",
    "cpu_request", "cpu_limit", "memory_request", "memory_limit", "gpu_request",
    "gpu_sharing", "storage_class",
]  # fmt: skip
"""What one change is about: of a pool, of a quota, of a workload's container, of a pool's GPUs, of a volume."""
Driver = Literal["cpu-seconds", "memory-seconds", "gpu-seconds", "network-bytes", "volume-bytes"]
"""What of their usage shared cost can be divided by."""
FieldUnit = Literal["cores", "millicores", "bytes", "mib", "gib", "pieces", "quantity"]
"""How a file writes an amount: as a plain number of these, or as a Kubernetes quantity ("8Gi", "500m")."""
Grouping = Literal["none", "file"]
SubjectKind = Literal["pool", "namespace", "workspace", "virtual-cluster", "workload", "volume"]
