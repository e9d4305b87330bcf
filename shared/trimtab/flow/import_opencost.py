"""Saved answers of OpenCost or Kubecost → usage drops, which go the way that every drop goes.

A drop says whole hours, so all files of one import are read together. All imported hours count as collected when the first one ended:
what our own collector read of any of them is better, came later, and holds, unless whoever imports says otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from trimtab.errors import BadInput
from trimtab.flow.ingest_usage import UsageLoaded, ingest_usage
from trimtab.flow.usage_drop import leave
from trimtab.ports import Buckets, Engine, Ports
from trimtab.records import ClusterUid
from trimtab.sources import opencost
from trimtab.sources.opencost import Allocation
from trimtab.sources.opencost_usage import ImportedHours, clusters_of, hours_of_cluster
from trimtab.sources.prometheus import Target
from trimtab.sources.usage import folder_of, slug_of
from trimtab.tables import scan, text_literal

HOUR = timedelta(hours=1)
Answer = tuple[str, bytes]
"""(file, its bytes)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportChoice:
    """What only a person can say of an import."""

    uids: Mapping[str, str]
    """Cluster's name → its Palette uid, where the lake does not know it."""
    may_spread: bool = False
    """Steps over an hour are spread evenly, as estimates."""
    replaces: bool = False
    """It holds over what is there of the same hours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    buckets: Buckets
    engine: Engine
    scratch: Path
    store: str


def import_answers(
    answers: Sequence[Answer], assets: Sequence[Answer], choice: ImportChoice, ports: Ports, scratch: Path, now: datetime
) -> list[UsageLoaded]:
    """Load every cluster of the answers; what each changed. Raises BadInput that names file and allocation, with nothing loaded."""
    allocations = read_allocations(answers)
    nodes = [node for file, body in assets for node in opencost.nodes(opencost.read_answer(body, file), file)]
    opencost.refuse_repeats(nodes)
    names = clusters_of(allocations)
    if not names:
        raise BadInput(f"{answers[0][0]}: no pod is in it")
    targets = [_target(name, choice, ports) for name in names]
    _check_folders([target for target, _ in targets])
    hours = [(target, hours_of_cluster(target, allocations, nodes, may_spread=choice.may_spread)) for target, _ in targets]
    said = {target.cluster: words for target, words in targets}
    return [_loaded(target, found, said[target.cluster], choice, ports, scratch, now) for target, found in hours]


def read_allocations(answers: Sequence[Answer]) -> list[Allocation]:
    """All allocations of all files. Raises BadInput that names file and allocation; the same one twice is refused."""
    found = [each for file, body in answers for each in opencost.allocations(opencost.read_answer(body, file), file)]
    opencost.refuse_repeats(found)
    return found


def _check_folders(targets: Sequence[Target]) -> None:
    """`Prod EU` and `prod-eu` have one folder where no uid tells them apart: the second would be taken for the first."""
    folders: dict[str, str] = {}
    for target in targets:
        folder = folder_of(target.cluster, target.cluster_uid)
        other = folders.setdefault(folder, target.cluster)
        if other != target.cluster:
            raise BadInput(f"clusters {other!a} and {target.cluster!a}: both would be in the folder {folder}; rename one and ask again")


def _loaded(
    target: Target, found: ImportedHours, said: tuple[str, ...], choice: ImportChoice, ports: Ports, scratch: Path, now: datetime
) -> UsageLoaded:
    place = _Place(buckets=ports.buckets, engine=ports.engine, scratch=scratch, store=ports.settings.store)
    collected_at = now if choice.replaces else found.start + HOUR
    marker = leave(target, (found.start, found.end), found.rows, place, collected_at, edition=collected_at.isoformat())
    loaded = ingest_usage(marker, ports, scratch)
    return UsageLoaded(
        cluster_uid=loaded.cluster_uid, cluster=loaded.cluster, cluster_slug=loaded.cluster_slug, rows=loaded.rows, hours=loaded.hours,
        days=loaded.days, version=loaded.version, warnings=(*said, *found.warnings, *loaded.warnings),
    )  # fmt: skip


def _target(cluster: str, choice: ImportChoice, ports: Ports) -> tuple[Target, tuple[str, ...]]:
    """The cluster by the uid that was given, or that the lake has; else its name stands for it, and that is said."""
    uid = choice.uids.get(cluster) or _known_uid(cluster, ports)
    words = () if uid else (f"{cluster}: no uid is known, so its name stands for it; --cluster {cluster}=UID joins it with Palette's",)
    return Target(cluster_uid=ClusterUid(uid or cluster), cluster=cluster), words


def _known_uid(cluster: str, ports: Ports) -> str | None:
    """The uid that the lake has for the name. Raises BadInput where it has two."""
    if ports.lake.version("usage") is None:
        return None
    # The log lists days in order, so that the last of a folder is its newest.
    newest = {part["cluster_slug"]: part for part in ports.lake.partitions("usage") if part["cluster_slug"].startswith(slug_of(cluster))}
    files = [file for part in newest.values() for file in ports.lake.files("usage", part)]
    if not files:
        return None
    asked = f"SELECT DISTINCT cluster_uid FROM ({scan('usage', files)}) WHERE cluster = {text_literal(cluster)} ORDER BY 1"
    with ports.engine.session() as session:
        uids = [str(uid) for (uid,) in session.rows(asked)]
    if len(uids) > 1:
        raise BadInput(f"cluster {cluster!a}: the lake has it as {' and as '.join(uids)}; say which one is meant: --cluster {cluster}=UID")
    return uids[0] if uids else None
