"""Whether the Terraform of a repo reads a key of a YAML file. What nothing reads is ignored without a word: an edit would do nothing.

    reads(files, "clusters/a.yaml", "node_groups", "min", "eks")   # Reading(answer="read", why="…")

- `read`: some block that is repeated over the file's pools reads the key.
- `ignored`: every block that is repeated over them was found, and none reads it. Refuse the edit; `why` says which files were looked at.
- `unknown`: it could not be told; `why` is a sentence for the people who review the edit (PlannedEdit.unsure).

Followed are `yamldecode(file(…))`, `templatefile` and `fileset` patterns to the modules that decode the file, those modules' local
modules, and, for Palette's own public module, what that module is known to read per cloud. What a for expression takes counts where
it is a local that some resource reads. A map that is handed on whole is not followed, nor is a module from elsewhere: unknown.
"""

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from trimtab import keypaths
from trimtab.changes.decoding import decodes, sources
from trimtab.changes.hcl_module import Call, Files, Module
from trimtab.changes.turns import Answer, Turns, answer_of, is_handed_on, is_of_others, places_of, relevant, turns_over

_PUBLIC = re.compile(
    r"(registry\.terraform\.io/)?spectrocloud/modules/spectrocloud|.*[/:]spectrocloud/terraform-spectrocloud-modules(\.git)?([/?].*)?"
)
"""Sources of Palette's public module: the registry's, and its repository's."""
_ALL = frozenset({"name", "additional_labels", "taints", "node", "update_strategy"})
_HOSTS = _ALL | {"control_plane", "control_plane_as_worker"}
_MACHINES = _HOSTS | {"count", "node_repave_interval", "disk_size_gb", "memory_mb", "cpu"}
_PUBLIC_POOLS: Mapping[str, frozenset[str]] = {
    "eks": _ALL | {"count", "min", "max", "capacity_type", "instance_type", "disk_size_gb", "worker_subnets", "eks_launch_template"},
    "tke": (_ALL - {"update_strategy"}) | {"count", "min", "max", "instance_type", "disk_size_gb", "worker_subnets"},
    "maas": _HOSTS | {"count", "min", "max", "node_repave_interval", "placement", "min_memory_mb", "min_cpu", "azs", "node_tags"},
    "vsphere": _MACHINES | {"placement"},
    "edge-vsphere": _MACHINES | {"placements"},
    "edge-native": _HOSTS | {"edge_hosts"},
    "libvirt": _MACHINES | {"cpus_sets", "attached_disks", "placements", "gpu_config"},
}
"""What Palette's public module reads of `node_groups[]`, per cloudType."""
_PUBLIC_NAMESPACES = frozenset({"name", "resource_allocation.cpu_cores", "resource_allocation.memory_MiB"})


@dataclass(frozen=True, slots=True)
class Reading:
    """The answer, and a sentence that says what it rests on."""

    answer: Answer
    why: str
    paths: tuple[str, ...] = ()
    """The Terraform files that it rests on."""


def reads(files: Files, path: str, pools: str, key: str, cloud: str = "") -> Reading:
    """Whether the repo's Terraform reads the key (a key path) of the items at `pools` in the YAML file at `path`.

    `cloud` is the cluster type that the file names ("eks"), or "".
    """
    steps = tuple(step.key for step in keypaths.parse(key))
    what = f"{pools}[].{key} of {path}" if pools else f"{key} of {path}"
    decoding = [folder for folder in _folders(files) if decodes(Module(files, folder), path)]
    if not decoding:
        return Reading("unknown", f"No Terraform in the repo was found that reads {path}.")
    modules = _with_local(files, decoding)
    calls = [call for folder in decoding for call in _calls(Module(files, folder))]
    if any(_PUBLIC.fullmatch(_source_of(call)) for call in calls):
        found = _public(what, pools, key, cloud)
    else:
        turns = [turns for module in modules for turns in turns_over(module, _last(pools))] if pools else []
        mine = [each for each in turns if not is_of_others(each, path)]
        found = _judged(relevant(mine, cloud), steps, what, modules)
        if found.answer == "ignored" and any(is_handed_on(module, _last(pools), turns) for module in modules):
            found = Reading("unknown", f"Whether {what} is read could not be told: {pools} is read in other ways than by repeated blocks.")
    return replace(found, paths=tuple(sorted(path for module in modules for path in module.paths if path.endswith(".tf"))))


def _last(pools: str) -> str:
    return keypaths.parse(pools)[-1].key


def _folders(files: Files) -> tuple[str, ...]:
    return tuple(sorted({posixpath.dirname(path) for path in files if path.endswith(".tf")}))


def _calls(module: Module) -> list[Call]:
    return [Call(source, block) for source in sources(module) for block in source.blocks(source.body, "module")]


def _source_of(call: Call) -> str:
    expression = call.source.attribute(call.block, "source")
    written = call.source.string(expression) if expression is not None else None
    return (written or "").removeprefix("git::").removeprefix("https://")


def _with_local(files: Files, folders: Sequence[str]) -> list[Module]:
    """The modules, and every module of the repo that they call."""
    seen: list[str] = []
    waiting = list(folders)
    while waiting:
        folder = waiting.pop()
        if folder not in seen:
            seen.append(folder)
            waiting.extend(called for call in _calls(Module(files, folder)) if (called := call.folder) is not None)
    return [Module(files, folder) for folder in seen]


def _public(what: str, pools: str, key: str, cloud: str) -> Reading:
    known = _PUBLIC_NAMESPACES if _last(pools or "-") == "namespaces" else _PUBLIC_POOLS.get(cloud.replace("_", "-"))
    if known is None or _last(pools or "-") not in ("node_groups", "namespaces"):
        return Reading("unknown", f"Whether Palette's public Terraform module reads {what} is not known.")
    if key in known or key.partition(".")[0] in known:
        return Reading("read", f"Palette's public Terraform module reads {what}.")
    return Reading("ignored", f"Palette's public Terraform module does not read {what}: the edit would change nothing")


def _judged(turns: Sequence[Turns], steps: tuple[str, ...], what: str, modules: Sequence[Module]) -> Reading:
    folders = ", ".join(sorted(module.folder or "the root folder" for module in modules))
    answers = {answer_of(each, steps) for each in turns}
    if answers == {"read"}:
        return Reading("read", f"{what} is read at {places_of(turns)}.")
    if answers == {"ignored"} and not any(call.folder is None for module in modules for call in _calls(module)):
        return Reading(
            "ignored", f"{what} is read by nothing: the blocks at {places_of(turns)} leave it out, and the edit would change nothing"
        )
    if not turns:
        return Reading("unknown", f"No block of {folders} was found that reads {what}.")
    return Reading("unknown", f"Whether {what} is read at {places_of(turns)} could not be told.")
