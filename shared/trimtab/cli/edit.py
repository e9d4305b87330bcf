"""`trimtab edit`: one surgical edit of a file, or of whichever file of a folder declares the thing, shown as a diff."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, get_args

import typer

from trimtab.errors import BadInput, Refused, TooLarge
from trimtab.records import FieldChange, Layout, PoolField, SubjectKind

MOST_FILES = 20_000
"""A GitOps repo has hundreds; what has more is a home directory given by mistake."""
_KINDS: tuple[SubjectKind, ...] = ("pool", "namespace", "workspace", "virtual-cluster", "workload")


def edit(
    path: Annotated[Path, typer.Argument(metavar="FILE", exists=True, help="the file, or a folder in which one file declares it")],
    changes: Annotated[
        list[str],
        typer.Argument(
            metavar="key=value...",
            help="fields to set. Pools: count, min, max, instance_type, capacity_type; quotas: cpu_cores, memory_mib, gpu_limit; "
            "workloads: cpu_request, cpu_limit, memory_request, memory_limit, gpu_request",
        ),
    ],
    pool: Annotated[str | None, typer.Option("--pool", help="name of a machine pool")] = None,
    namespace: Annotated[str | None, typer.Option("--namespace", help="name of a namespace, for its quota")] = None,
    workspace: Annotated[str | None, typer.Option("--workspace", help="name of a workspace, for its quota")] = None,
    virtual_cluster: Annotated[str | None, typer.Option("--virtual-cluster", help="name of a virtual cluster, for its resources")] = None,
    workload: Annotated[
        str | None, typer.Option("--workload", metavar="NS/KIND/NAME[/CONTAINER]", help="a workload's container, for its requests")
    ] = None,
    cluster: Annotated[str, typer.Option("--cluster", help="name of the cluster, where a file holds several")] = "",
    layout: Annotated[
        Path | None,
        typer.Option("--layout", help="YAML with one layout, as in .trimtab/config.yaml; without it the known shapes are tried"),
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="write the file")] = False,
) -> None:
    """Show, and with --write make, one edit."""
    from trimtab.changes import edit_in_files

    kind, name = _subject(dict(zip(_KINDS, (pool, namespace, workspace, virtual_cluster, workload), strict=True)))
    wanted = tuple(_change(text) for text in changes)
    folder = path if path.is_dir() else path.parent
    files = _files(folder) if path.is_dir() else {**_terraform_beside(path), path.name: _content(path)}
    planned = edit_in_files(files, name, cluster, wanted, _layouts(layout), kind, file="" if path.is_dir() else path.name)
    if planned.path != path.name or path.is_dir():
        typer.echo(f"{planned.path} holds the value", err=True)
    for doubt in planned.unsure:
        typer.echo(doubt, err=True)
    typer.echo(planned.diff, nl=not planned.diff.endswith("\n"))
    if write:
        write_over(folder / planned.path, files[planned.path], planned.content)


def _subject(given: Mapping[SubjectKind, str | None]) -> tuple[SubjectKind, str]:
    said = [(kind, name) for kind, name in given.items() if name]
    if len(said) != 1:
        raise BadInput(f"say one of {', '.join(f'--{kind}' for kind in given)}: what the edit is about; got {len(said)}")
    return said[0]


def _change(text: str) -> FieldChange:
    name, found, value = text.partition("=")
    field = next((each for each in get_args(PoolField) if each == name), None)
    if not found or field is None:
        raise BadInput(f"{text}: expected field=value with a field of {', '.join(get_args(PoolField))}")
    return FieldChange(field=field, old="", new=value)


def _layouts(path: Path | None) -> tuple[Layout, ...]:
    if path is None:
        return ()
    from trimtab.policy.rules import parse_layout

    return (parse_layout(path.read_bytes(), path.name),)


# ── Files ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _content(path: Path) -> bytes:
    """A regular file's bytes. Refused for a link: what it names may be anywhere."""
    from trimtab.changes.documents import MAX_BYTES

    if path.is_symlink():
        raise Refused(f"{path.name}: a symbolic link; edit the file that it names")
    if not path.is_file():
        raise Refused(f"{path.name}: no regular file")
    if path.stat().st_size > MAX_BYTES:
        raise TooLarge(f"{path.name}: {path.stat().st_size} bytes; files over {MAX_BYTES} bytes are not read")
    return path.read_bytes()


def _terraform_beside(path: Path) -> dict[str, bytes]:
    """The other Terraform files of a Terraform file's folder: together they are one module."""
    from trimtab.changes import TERRAFORM

    if not path.name.endswith(TERRAFORM):
        return {}
    decides = (*TERRAFORM, ".tf.json", ".tfvars.json")
    beside = [each for each in sorted(path.parent.iterdir()) if each.name.endswith(decides) and each.is_file() and not each.is_symlink()]
    return {each.name: _content(each) for each in beside}


def _files(folder: Path) -> dict[str, bytes]:
    """Every file below that may be edited, by its path from there; links and dot folders are not followed."""
    from trimtab.changes import is_editable
    from trimtab.changes.documents import MAX_BYTES

    found: dict[str, bytes] = {}
    for top, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for each in (Path(top) / name for name in sorted(names)):
            path = each.relative_to(folder).as_posix()
            if is_editable(path) and not each.is_symlink() and each.is_file() and each.stat().st_size <= MAX_BYTES:
                found[path] = each.read_bytes()
            if len(found) > MOST_FILES:
                raise BadInput(f"{folder}: over {MOST_FILES} files; name the file, or a folder further down")
    return found


def write_over(path: Path, was: bytes, content: bytes) -> None:
    """Replace the file whole. The name of the new one is random: a repo may hold a link of any name that could be guessed."""
    handle, partial = tempfile.mkstemp(prefix=path.name, suffix=".trimtab-partial", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        _guard_unchanged(path, was)
        os.chmod(partial, path.stat().st_mode)  # noqa: PTH101  (a name, as mkstemp gives it)
        os.replace(partial, path)  # noqa: PTH105
    except BaseException:
        os.unlink(partial)  # noqa: PTH108
        raise


def _guard_unchanged(path: Path, was: bytes) -> None:
    if _content(path) != was:
        raise Refused(f"{path.name}: it was changed by somebody else in the meantime; run it again")
