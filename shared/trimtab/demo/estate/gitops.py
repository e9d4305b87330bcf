"""The estate's GitOps repo: a YAML file per cluster, as its people wrote it, and the three files of `.trimtab/`."""

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable


def gitops_files() -> dict[str, bytes]:
    """Path in the repo → bytes, sorted by path."""
    root = files("trimtab.demo") / "data" / "gitops"
    found = {path.replace("trimtab/", ".trimtab/", 1) if path.startswith("trimtab/") else path: body for path, body in _walk(root, "")}
    return dict(sorted(found.items()))


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry.read_bytes()
