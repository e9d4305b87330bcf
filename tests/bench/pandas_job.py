"""The yardstick: attribution of hourly node bills as a careful analyst writes it in pandas, vectorized and in float64.

It knows only what the bench's month holds (hourly bills, every pod measured or with requests) and gives the same columns and the
same parts; money is a float64, so the cent is not promised.
"""

from typing import Any

import numpy as np
import pandas as pd

from trimtab.attribution.owners import OwnerRules, Place, allocated_tags, cluster_of, compile_rules, texts_of
from trimtab.records import Governance
from trimtab.tables import ALLOCATED, COST

Frame = Any
"""Frames whose columns are made by name: their types say nothing that mypy could follow."""
concat: Any = pd.concat

SPLIT = (
    "BilledCost", "EffectiveCost", "ContractedCost", "ListCost",
    "CommitmentDiscountQuantity", "ConsumedQuantity", "PricingQuantity", "PricingCurrencyEffectiveCost",
)  # fmt: skip
BASE = {"cpu": 31611 / 1000, "memory": 4237 / 1024, "gpu": 950000 / 1000}
"""Millionths of a dollar for one hour of a millicore, a MiB, a thousandth of a GPU."""
UNITS = {"cpu": "mCPU-Seconds", "memory": "MiB-Seconds", "gpu": "mGPU-Seconds"}
KEY = ["provider_id", "hour"]


def attribute(cost: Frame, usage: Frame, governance: Governance) -> Frame:
    """Every bill row once: cut over the pods of its node and hour, or whole."""
    owners = compile_rules(governance.owner_rules, governance.teams)
    cost = cost.assign(provider_id=cost["ResourceId"].str.extract(r"/(i-[^/]+)$", expand=False), hour=cost["ChargePeriodStart"])
    bins = _bins(usage)
    lines = concat([_pods(usage, bins), _idle(bins)], ignore_index=True)
    cost["origin"] = np.arange(len(cost))
    cut = lines.merge(cost[["origin", *KEY]], on=KEY)
    whole = cost[~cost["origin"].isin(cut["origin"].unique())]
    return concat([_cut_rows(cut, cost, owners), _whole_rows(whole, usage)], ignore_index=True)[[column.name for column in ALLOCATED]]


def _taken(usage: Frame) -> Frame:
    """What each pod took: the larger of request and use, times its seconds."""
    pods = usage[usage["pod"].notna()].copy()
    hours = pods["seconds"]
    pods["cpu"] = np.fmax(pods["cpu_request"].fillna(0), pods["cpu_used"].fillna(0)) * hours
    pods["memory"] = np.fmax(pods["memory_request"].fillna(0), pods["memory_used"].fillna(0)) * hours / (1 << 20)
    pods["gpu"] = pods["gpu_request"].fillna(0) * hours
    # Warm idle: what a pod held of GPUs and did not compute with, where somebody measured it.
    pods["gpu_busy"] = np.minimum(pods["gpu_compute_used"], pods["gpu_request"]) / pods["gpu_request"].where(pods["gpu_request"] > 0)
    pods["is_measured"] = pods["cpu_used"].notna() & pods["memory_used"].notna()
    return pods


def _bins(usage: Frame) -> Frame:
    """Each node and hour: the share of its cost that is CPU, memory, GPU, and what they are divided by."""
    nodes = usage[usage["pod"].isna()]
    bins = nodes[[*KEY, "cluster", "pool", "node", "instance_type"]].assign(
        cpu=nodes["cpu_capacity"] * nodes["seconds"],
        memory=nodes["memory_capacity"] * nodes["seconds"] / (1 << 20),
        gpu=nodes["gpu_capacity"] * nodes["seconds"],
    )
    worth = sum(bins[name] * price for name, price in BASE.items())
    for name, price in BASE.items():
        bins[f"{name}_part"] = bins[name] * price / worth
    pods = _taken(usage)
    taken = pods.groupby(KEY)[["cpu", "memory", "gpu"]].sum().add_suffix("_taken")
    measured = pods.groupby(KEY)["is_measured"].all().rename("is_all_measured")
    return bins.merge(taken, on=KEY, how="left").merge(measured, on=KEY, how="left")


def _pods(usage: Frame, bins: Frame) -> Frame:
    wanted = [*KEY, "cluster", "pool", "node", "namespace", "workload", "workload_kind", "pod", "labels", "cpu", "memory", "gpu",
              "gpu_busy", "is_measured"]  # fmt: skip
    facts = [f"{name}{of}" for name in BASE for of in ("_part", "_taken")]
    capacity = bins.rename(columns={name: f"{name}_capacity" for name in BASE})[[*KEY, *facts, *(f"{name}_capacity" for name in BASE)]]
    lines = _taken(usage)[wanted].merge(capacity, on=KEY)
    for name in BASE:
        divisor = np.maximum(np.maximum(lines[f"{name}_capacity"], lines[f"{name}_taken"]), 1)
        lines[f"{name}_ratio"] = lines[f"{name}_part"] * lines[name] / divisor
    return lines.assign(kind="pod").drop(columns=[*facts, *(f"{name}_capacity" for name in BASE)])


def _idle(bins: Frame) -> Frame:
    lines = bins[[*KEY, "cluster", "pool", "node"]].assign(kind="idle", is_measured=bins["is_all_measured"])
    for name in BASE:
        left = np.maximum(bins[name] - bins[f"{name}_taken"], 0)
        lines[name] = left
        lines[f"{name}_ratio"] = bins[f"{name}_part"] * left / np.maximum(np.maximum(bins[name], bins[f"{name}_taken"]), 1)
    return lines[sum(lines[f"{name}_ratio"] for name in BASE) > 0]


def _cut_rows(cut: Frame, cost: Frame, owners: OwnerRules) -> Frame:
    """The output columns of lines of nodes: the origin's, with its amounts times the share."""
    share = sum(cut[f"{name}_ratio"] for name in BASE)
    rows = cost[[column.name for column in COST]].take(cut["origin"]).reset_index(drop=True)
    effective = rows["EffectiveCost"].astype("float64")
    by_resource = {name: effective * cut[f"{name}_ratio"] for name in BASE}
    for name in SPLIT:
        rows[name] = rows[name].astype("float64") * share
    resource = cut["cluster"] + "/" + cut["namespace"] + "/" + cut["pod"]
    owned = _owned(cut, rows, owners)
    is_pod = cut["kind"] == "pod"
    has_team = owned["team"].notna()
    details = {
        "AllocatedMethodId": "trimtab-max-request-use-1", "AllocatedMethodDetails": _details(cut), "AllocatedResourceId": resource,
        "AllocatedResourceName": cut["pod"], "AllocatedTags": owned["tags"],
        "x_AllocatedRowId": _ids(rows["x_RowId"] + "/" + resource.fillna("idle")),
        "x_Part": np.where(~is_pod, "idle", np.where(has_team, "allocated", "unallocated")),
        "x_Team": owned["team"], "x_CostCenter": owned["cost_center"], "x_BusinessUnit": owned["business_unit"],
        "x_OwnerRule": owned["rule"], "x_SharedRule": None,
        "x_Confidence": np.where(cut["is_measured"].astype(bool), "metered", "estimated"),
        "x_Reason": np.select(
            [~is_pod, ~cut["is_measured"].astype(bool)],
            ["capacity that no pod asked for or used", "its requests on the node; use was not measured"],
            "the larger of its requests and its use on the node",
        ),
        "x_Cluster": cut["cluster"], "x_Pool": cut["pool"], "x_Node": cut["node"], "x_Namespace": cut["namespace"],
        "x_WorkloadKind": cut["workload_kind"], "x_Workload": cut["workload"], "x_Pod": cut["pod"],
        "x_CpuCost": by_resource["cpu"], "x_MemoryCost": by_resource["memory"], "x_GpuCost": by_resource["gpu"],
        "x_GpuIdleCost": by_resource["gpu"] * (1 - cut["gpu_busy"]),
        "x_CpuSeconds": cut["cpu"].astype("int64"), "x_MemorySeconds": cut["memory"].astype("int64"),
        "x_GpuSeconds": cut["gpu"].astype("int64"), "x_GpuModel": pd.Series("A10G", index=cut.index).where(cut["pool"] == "gpu"),
    }  # fmt: skip
    return rows.assign(**details)


def _owned(cut: Frame, rows: Frame, owners: OwnerRules) -> Frame:
    """Team, rule and tags of every line; decided once for each distinct pair of pods' group and bill."""
    keys = pd.DataFrame({"cluster": cut["cluster"], "namespace": cut["namespace"], "labels": cut["labels"], "tags": rows["Tags"]})
    number = keys.groupby(["cluster", "namespace", "labels", "tags"], dropna=False, sort=False).ngroup().to_numpy()
    first = np.unique(number, return_index=True)[1]
    found = [_owner(owners, row) for row in keys.take(first).itertuples(index=False)]
    columns = ["team", "cost_center", "business_unit", "rule", "tags"]
    return pd.DataFrame(found, columns=columns).take(number).reset_index(drop=True)


def _owner(owners: OwnerRules, row: Any) -> tuple[str | None, str | None, str | None, str | None, str]:
    if not isinstance(row.namespace, str):
        return None, None, None, None, row.tags
    labels, tags = texts_of(row.labels), texts_of(row.tags)
    owner = owners.owner(Place(cluster=row.cluster, namespace=row.namespace, labels=labels, account="", tags=tags))
    tagged = allocated_tags(tags, labels)
    return (owner.team, owner.cost_center, owner.business_unit, owner.rule, tagged) if owner else (None, None, None, None, tagged)


def _details(cut: Frame) -> Frame:
    """FOCUS AllocatedMethodDetails; GPUs only where the node has any."""
    texts = {name: _element(cut[f"{name}_ratio"], UNITS[name], cut[name]) for name in BASE}
    gpu = np.where(cut["pool"] == "gpu", "," + texts["gpu"], "")
    return '{"Elements":[' + texts["cpu"] + "," + texts["memory"] + gpu + "]}"


def _element(ratio: Frame, unit: str, quantity: Frame) -> Frame:
    text = pd.Series(np.char.mod("%.9f", ratio.to_numpy()), dtype=object)
    return '{"AllocatedRatio":' + text + f',"UsageUnit":"{unit}","UsageQuantity":' + quantity.astype("int64").astype(str) + "}"


def _ids(names: Frame) -> Frame:
    """Unique and stable; pandas' own hash, which is cheaper than a SHA."""
    return "alloc-" + pd.Series(np.char.mod("%020x", pd.util.hash_array(names.to_numpy(dtype=object))), dtype=object)


def _whole_rows(whole: Frame, usage: Frame) -> Frame:
    """Bill rows that stay whole: of a node that was not measured, of a cluster as a whole, or of none."""
    rows = whole[[column.name for column in COST]].reset_index(drop=True)
    clusters = rows["Tags"].map({text: cluster_of(texts_of(text)) for text in rows["Tags"].dropna().unique()})
    nodes = usage.drop_duplicates("provider_id").set_index("provider_id")
    ids = whole["provider_id"].reset_index(drop=True)
    is_cluster = clusters.notna() & (clusters != "")
    nothing = dict.fromkeys(column.name for column in ALLOCATED if column.name not in rows.columns)
    told = {
        "x_AllocatedRowId": _ids(rows["x_RowId"] + "/whole"), "x_Part": np.where(is_cluster, "unallocated", "not-kubernetes"),
        "x_Reason": np.where(is_cluster, "not split: no usage of its own", "neither its resource nor its tags name a cluster"),
        "x_Cluster": clusters, "x_Pool": ids.map(nodes["pool"]), "x_Node": ids.map(nodes["node"]),
    }  # fmt: skip
    return rows.assign(**(nothing | told))
