"""The six clusters: one table, read top to bottom. Each pool says in a word what it is there to show."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from trimtab.demo.estate.model import EstateCluster, EstatePool, Gpu, Trace, Workload, cluster_uid, project_uid
from trimtab.records import Cloud, Cluster, Pool
from trimtab.units import GIB, Bytes, Millicores, gib

NODE_AGENT = Workload(
    name="node-agent", namespace="kube-system", kind="DaemonSet", replicas=0, cpu=Millicores(100), memory=Bytes(200 << 20),
    load=Trace(vm="116", at_full=Millicores(2400)), memory_used=Bytes(120 << 20), has_local_volume=True,
)  # fmt: skip
HAND_SCALED = datetime(2026, 7, 20, 10, tzinfo=UTC)


def _work(
    name: str, namespace: str, kind: str, size: tuple[int, int, float], load: tuple[str, int, int], team: str | None, used: float
) -> Workload:
    """`size` = replicas, millicores, GiB requested; `load` = VM, millicores at its 100 %, hours ahead; `used` = GiB."""
    replicas, cpu, memory = size
    vm, at_full, shift = load
    return Workload(
        name=name, namespace=namespace, kind=kind, replicas=replicas, cpu=Millicores(cpu), memory=gib(memory),  # type: ignore[arg-type]
        load=Trace(vm=vm, at_full=Millicores(at_full), shift=shift), memory_used=gib(used), team=team,
    )  # fmt: skip


def _budget(workload: Workload, allowed: int = 1) -> Workload:
    """With a PodDisruptionBudget that lets so many pods go at once."""
    return replace(workload, disruptions_allowed=allowed)


def _gpu(workload: Workload, gpu: Gpu) -> Workload:
    return replace(workload, gpus=1, gpu=gpu)


def _slice(workload: Workload, slices: int, gpu: Gpu) -> Workload:
    """On so many of an A100's seven slices."""
    return replace(workload, slices=(slices, 7), gpu=gpu)


def _claims(workload: Workload, volume_gib: int) -> Workload:
    """Each replica with a volume of its own."""
    return replace(workload, volume_gib=volume_gib)


def _sends(workload: Workload, kib: int) -> Workload:
    """So many KiB a second."""
    return replace(workload, sent=kib << 10)


def _scratch(workload: Workload) -> Workload:
    """With files on its node's own disk."""
    return replace(workload, has_local_volume=True)


def _pool(
    cluster: str, name: str, instance_type: str, count: int, *workloads: Workload, disk: int = 100, bounds: tuple[int, int] | None = None
) -> EstatePool:
    labels = {"pool": name} | ({"accelerator": "nvidia"} if any(workload.gpu for workload in workloads) else {})
    taints = ("nvidia.com/gpu=present:NoSchedule",) if any(workload.gpu for workload in workloads) else ()
    live = Pool(
        cluster_uid=cluster_uid(cluster), name=name, instance_type=instance_type, count=count, labels=labels, taints=taints,
        minimum=bounds[0] if bounds else None, maximum=bounds[1] if bounds else None,
    )  # fmt: skip
    return EstatePool(pool=live, declared=count, disk_gib=disk, workloads=(NODE_AGENT, *workloads))


def _cluster(
    name: str,
    project: str,
    cloud: Cloud,
    *pools: EstatePool,
    annotations: Mapping[str, Mapping[str, str]] | None = None,
    ingress: tuple[str, str] | None = None,
) -> EstateCluster:
    region, zone = ("us-east-1", "us-east-1a") if cloud == "aws" else ("us-central1", "us-central1-a")
    namespaces = sorted({workload.namespace for pool in pools for workload in pool.workloads})
    pools = tuple(
        replace(pool, pool=replace(pool.pool, zones=tuple(sorted(pool.zones or (zone,))), arch="amd64", surge="RollingUpdateScaleOut"))
        for pool in pools
    )
    live = Cluster(
        uid=cluster_uid(name), name=name, project_uid=project_uid(project), project=project, cloud=cloud, region=region, state="Running",
        health="Healthy", is_repave_pending=False, tags={"environment": project, "managed-by": "gitops"},
        pools=tuple(pool.pool for pool in pools), namespaces=tuple(namespaces),
    )  # fmt: skip
    return EstateCluster(cluster=live, zone=zone, pools=pools, annotations=annotations or {}, ingress=ingress)


PROD_WEB = _cluster(
    "prod-web", "production", "aws",
    # Busy and right-sized: requests fill eight nodes and no fewer.
    replace(_pool("prod-web", "web", "m6a.xlarge", 8,
        _sends(_budget(_work("storefront", "storefront", "Deployment", (14, 1000, 3), ("997", 1100, 0), "web", 2.3), 3), 96),
        _sends(_budget(_work("checkout", "checkout", "Deployment", (8, 1000, 3), ("997", 1050, 1), "web", 2.2), 2), 20),
        _claims(_budget(_work("search", "search", "StatefulSet", (8, 750, 3), ("997", 800, 3), "web", 2.6)), 50),
    ), is_committed=True),
    # The autoscaler may not go below six, and the load needs three.
    replace(_pool("prod-web", "platform", "m6i.2xlarge", 6,
        _sends(_budget(_work("gateway", "ingress", "Deployment", (4, 1000, 1.5), ("997", 900, 0), "platform", 0.8)), 240),
        _budget(_work("auth", "identity", "Deployment", (4, 500, 1), ("871", 900, 0), "platform", 0.6)),
        _work("orders", "orders", "Deployment", (6, 750, 2), ("957", 1500, 0), "web", 1.4),
        _claims(_budget(_work("events", "events", "StatefulSet", (3, 1000, 3), ("677", 1500, 0), "data", 2.2)), 200),
        _work("importer", "legacy-import", "Deployment", (2, 500, 1), ("378", 2000, 0), None, 0.4),
        bounds=(6, 10),
    ), is_committed=True),
    # Stateless, many replicas, two zones, a type that is rarely interrupted: a spot candidate.
    replace(_pool("prod-web", "batch", "c5.xlarge", 8,
        _sends(_work("render", "media", "Deployment", (10, 1800, 2.5), ("244", 1500, 0), "media", 1.9), 150),
        _work("thumbnails", "media", "Deployment", (6, 1800, 2.5), ("242", 1500, 0), "media", 1.7),
    ), zones=("us-east-1a", "us-east-1b")),
    ingress=("ingress", "gateway"),
)  # fmt: skip
PROD_ML = _cluster(
    "prod-ml", "production", "aws",
    # Warm, not idle: almost no compute, but the model is loaded.
    _pool("prod-ml", "serving", "g6.xlarge", 4,
        _gpu(_work("llm-serving", "inference", "Deployment", (4, 3000, 11), ("323", 9000, 0), "ml", 9.5),
             Gpu(activity=12, swing=10, memory=gib("20.6"))),
    ),
    # Busy: a real queue that seldom leaves one GPU free.
    _pool("prod-ml", "train-h100", "p5.4xlarge", 3,
        _gpu(_work("pretrain", "training", "Job", (5, 14000, 200), ("997", 9000, 0), "ml", 150),
             Gpu(activity=610, swing=190, memory=gib(66), queue="vcJLV")), disk=500,
    ),
    _pool("prod-ml", "system", "m6i.large", 3,
        _claims(_work("prometheus", "monitoring", "StatefulSet", (2, 900, 3), ("740", 9000, 0), "platform", 2.4), 300),
        _work("model-router", "inference", "Deployment", (3, 800, 2), ("463", 9000, 0), "ml", 1.1),
    ),
)  # fmt: skip
PROD_DATA = _cluster(
    "prod-data", "production", "gcp",
    # Undersized: the queue waits, up to two jobs at a time.
    _pool("prod-data", "train-a100", "a2-highgpu-1g", 6,
        _gpu(_work("finetune", "training", "Job", (8, 10000, 70), ("997", 7000, 2), "ml", 52),
             Gpu(activity=540, swing=210, memory=gib(34), queue="vc6YE")), disk=200,
    ),
    # One A100 cut into slices: five of seven are asked for.
    _pool("prod-data", "slices-a100", "a2-highgpu-1g", 1,
        _slice(_work("embed", "inference", "Deployment", (2, 1500, 8), ("463", 3000, 0), "ml", 5.5), 1,
               Gpu(activity=420, swing=120, memory=gib("3.1"))),
        _slice(_work("rerank", "inference", "Deployment", (1, 3000, 16), ("323", 4000, 0), "ml", 11), 3,
               Gpu(activity=280, swing=90, memory=gib("14.2"))),
    ),
    # GKE has no bounds in Terraform: only the count can change.
    _pool("prod-data", "workers", "n2-standard-8", 6,
        _work("etl", "etl", "Deployment", (8, 1500, 6), ("871", 3000, 0), "data", 4.1),
        # All three replicas must be up, so its budget lets none go: a drain would stop there.
        _claims(_budget(_work("warehouse", "warehouse", "StatefulSet", (3, 2000, 8), ("997", 2000, 0), "data", 6.8), 0), 500),
        _work("adhoc", "scratch", "Deployment", (2, 500, 2), ("379", 2500, 0), None, 0.7),
    ),
    # No label says whose it is; the namespace's annotation does.
    annotations={"scratch": {"owner": "data"}},
)  # fmt: skip
STAGING_WEB = _cluster(
    "staging-web", "staging", "aws",
    # Somebody scaled it by hand: the file says four, six are running.
    replace(_pool("staging-web", "web", "m6i.large", 6,
        _work("storefront", "storefront", "Deployment", (4, 500, 1), ("957", 1100, 0), "web", 0.7),
        _work("checkout", "checkout", "Deployment", (3, 500, 1), ("957", 900, 2), "web", 0.7),
        _work("search", "search", "StatefulSet", (2, 500, 1.5), ("677", 900, 0), "web", 0.9),
    ), declared=4, late={4: HAND_SCALED, 5: HAND_SCALED}),
    # Nothing measures this pool.
    replace(_pool("staging-web", "jobs", "m6i.large", 3,
        _work("nightly", "jobs", "Deployment", (3, 500, 1), ("871", 900, 0), "platform", 0.5),
    ), is_measured=False),
    # A load balancer has no pod's labels.
    annotations={"storefront": {"owner": "web"}},
    ingress=("storefront", "storefront"),
)  # fmt: skip
STAGING_ML = _cluster(
    "staging-ml", "staging", "gcp",
    # Half busy: its queue lets two jobs in at a time.
    _pool("staging-ml", "gpu-l4", "g2-standard-8", 2,
        _gpu(_work("evaluation", "evaluation", "Job", (2, 6000, 24), ("997", 4000, 0), "ml", 17),
             Gpu(activity=320, swing=160, memory=gib(16), queue="vcSoL")),
    ),
    _pool("staging-ml", "cpu", "e2-standard-4", 3,
        _work("notebooks", "notebooks", "StatefulSet", (3, 1500, 5), ("677", 2200, 0), "ml", 3.2),
        _work("feature-store", "features", "Deployment", (4, 1000, 2), ("957", 1500, 0), "data", 1.2),
    ),
)  # fmt: skip
DEV_SANDBOX = _cluster(
    "dev-sandbox", "development", "aws",
    # Eight nodes for a load of three, and nothing on them that a drain could hurt: it may merge by itself.
    _pool("dev-sandbox", "general", "m5.xlarge", 8,
        _budget(_work("previews", "previews", "Deployment", (6, 800, 2), ("871", 900, 0), "web", 1.2), 2),
        _budget(_work("api", "dev-web", "Deployment", (3, 500, 1), ("957", 1200, 0), "web", 0.6)),
        _work("experiments", "scratch", "Deployment", (3, 400, 1), ("379", 2500, 0), None, 0.4),
    ),
    # Idle: nobody asks for two of the GPUs, and the sessions that hold the others compute nothing.
    _pool("dev-sandbox", "gpu-t4", "g4dn.xlarge", 4,
        _gpu(_scratch(_work("gpu-notebook", "notebooks", "StatefulSet", (2, 2500, 10), ("463", 3000, 0), "ml", 1.6)),
             Gpu(activity=0, swing=3, memory=Bytes(GIB * 35 // 100))),
    ),
    _pool("dev-sandbox", "builders", "c6i.xlarge", 3,
        _scratch(_work("ci-runner", "ci", "Deployment", (6, 1500, 2), ("281", 1350, 0), "platform", 1.3)),
        _work("pipelines", "dev-data", "StatefulSet", (2, 300, 1), ("449", 900, 0), "data", 0.5),
    ),
)  # fmt: skip

CLUSTERS = (PROD_WEB, PROD_ML, PROD_DATA, STAGING_WEB, STAGING_ML, DEV_SANDBOX)
