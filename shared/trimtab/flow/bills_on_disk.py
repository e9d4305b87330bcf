"""Bills that somebody has on a disk: which files a path stands for, by its manifest where it has one."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from trimtab.errors import BadInput
from trimtab.sources import drops
from trimtab.sources.bill_files import EXTENSIONS


def chosen(path: Path) -> list[Path]:
    """The files that a path stands for."""
    path = path.absolute()
    if not path.is_dir():
        return _by_signal(path, path.parent.parent) if drops.is_export_signal(path.name) else [path]
    below = sorted(file for file in path.rglob("*") if file.is_file() and not file.is_symlink())
    signals = [file for file in below if drops.is_export_signal(file.as_posix())]
    # A legacy report's folder of one run has a copy of the manifest that lies above it.
    signals = signals or [file for file in below if drops.is_export_signal(file.name)]
    _check_one_per_period(signals, path)
    found = [file for signal in signals for file in _by_signal(signal, path)] if signals else [f for f in below if _is_bill(f)]
    if not found:
        raise BadInput(f"{path}: no manifest and no {', '.join(EXTENSIONS)} file in this folder")
    return found


def _is_bill(file: Path) -> bool:
    return file.name.lower().endswith(EXTENSIONS)


def _check_one_per_period(signals: Sequence[Path], folder: Path) -> None:
    # A "create new" export keeps every delivery of a month side by side: read together, the month would count many times.
    periods = [drops.period_in(file.as_posix()) for file in signals]
    for period in periods:
        if periods.count(period) > 1:
            raise BadInput(f"{folder}: more than one delivery of {period or 'an unnamed period'}; name the folder of the one to read")


def _by_signal(signal: Path, folder: Path) -> list[Path]:
    body, place = signal.read_bytes(), signal.as_posix()
    found = [_on_disk(listed, signal, folder) for listed in drops.listed_files(body, place)]
    for file, size in zip(found, drops.listed_sizes(body, place), strict=False):
        if file.stat().st_size != size:
            raise BadInput(f"{file}: {file.stat().st_size} bytes, {signal.name} says {size}; copy the whole delivery")
    return found


def _on_disk(listed: str, signal: Path, folder: Path) -> Path:
    """Where a file that a manifest names by its URL lies in a copy of the export: the longest tail of the key that exists."""
    parts = [part for part in listed.split("://", 1)[-1].split("/") if part not in {"", ".", ".."}]
    tails = ["/".join(parts[start:]) for start in range(len(parts))]
    for candidate in (root / tail for tail in tails for root in (folder, signal.parent)):
        if candidate.is_file() and not candidate.is_symlink():
            return candidate
    raise BadInput(f"{signal}: it lists {parts[-1] if parts else listed!a}, which is not in {folder}; copy the whole delivery")


def short_names(files: Iterable[Path]) -> dict[Path, str]:
    """File name, with as many folders before it as keep the names apart."""
    every = list(files)
    for depth in range(1, max((len(file.parts) for file in every), default=1) + 1):
        names = {file: "/".join(file.parts[-depth:]) for file in every}
        counts = Counter(names.values())
        if len(counts) == len(every):
            break
    return {file: file.name if Counter(f.name for f in every)[file.name] == 1 else names[file] for file in every}
