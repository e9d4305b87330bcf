"""Files of a commit: which there are from its tree, their bytes by the blob's own id, so that what did not change is not read again."""

import tarfile
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO

from trimtab.adapters.gitlab.api import Rejected
from trimtab.adapters.gitlab.protocol import REGULAR, Entry
from trimtab.adapters.gitlab.repo import Repo, quoted
from trimtab.changes import git_blob
from trimtab.errors import Upstream
from trimtab.records import CommitSha

LARGEST = 5_000_000
"""Bytes of a file that may be edited; what is larger counts as not there."""
_ONE_BY_ONE = 4
"""So many files are asked for singly; from there on the archive has them all in one call, which GitLab allows a few times a minute."""
_LARGEST_ARCHIVE = 64_000_000
_LARGEST_UNPACKED = 256_000_000
_KEPT = 1 << 18
"""Larger files are read again rather than remembered."""


def regular_files(repo: Repo, commit: CommitSha) -> Mapping[str, str]:
    """Path → blob id of every regular file."""

    def read() -> Mapping[str, str]:
        return _regular(repo.writer.every(Entry, repo.path("repository/tree"), ref=commit, recursive="true"))

    return repo.for_good("tree", commit, read=read)


def read_files(repo: Repo, commit: CommitSha, paths: Sequence[str]) -> Mapping[str, bytes]:
    """The regular files among these paths."""
    there = _blobs(repo, commit, paths)
    missing = {blob for blob in there.values() if not repo.memory.knows((repo.project.id, "blob", blob))}
    unpacked = _unpacked(repo, commit, there, missing) if len(missing) > _ONE_BY_ONE else {}
    found = {path: unpacked[blob] if blob in unpacked else _blob(repo, blob) for path, blob in there.items()}
    return {path: content for path, content in found.items() if content is not None}


def read_changed(repo: Repo, commit: CommitSha, paths: Sequence[str]) -> Mapping[str, bytes]:
    """Files that a comparison has shown to be regular ones at that commit, so that no tree need be read."""
    if len(paths) > _ONE_BY_ONE:
        return read_files(repo, commit, paths)
    found = {path: _raw(repo, commit, path) for path in paths}
    return {path: content for path, content in found.items() if content is not None}


def _raw(repo: Repo, commit: CommitSha, path: str) -> bytes | None:
    content = repo.writer.raw(repo.path(f"repository/files/{quoted(path)}/raw"), LARGEST, ref=commit)
    if content is not None:
        remember(repo, content)
    return content


def _blobs(repo: Repo, commit: CommitSha, paths: Sequence[str]) -> Mapping[str, str]:
    """Path → blob id, from the whole tree where it is known, else from the folders that these are in."""
    if repo.memory.knows((repo.project.id, "tree", commit)):
        known = regular_files(repo, commit)
    else:
        folders = {path.rpartition("/")[0] for path in paths}
        known = {path: blob for folder in sorted(folders) for path, blob in _folder(repo, commit, folder).items()}
    return {path: known[path] for path in paths if path in known}


def _folder(repo: Repo, commit: CommitSha, folder: str) -> Mapping[str, str]:
    def read() -> Mapping[str, str]:
        try:
            query = {"path": folder} if folder else {}
            return _regular(repo.writer.every(Entry, repo.path("repository/tree"), ref=commit, **query))
        except Rejected as error:
            if not error.is_absence:
                raise
            return {}

    return repo.for_good("folder", commit, folder, read=read)


def _regular(entries: list[Entry]) -> Mapping[str, str]:
    """No symlinks, no submodules, and no names that nobody could type."""
    return {entry.path: entry.id for entry in entries if entry.type == "blob" and entry.mode in REGULAR and entry.path.isprintable()}


def _blob(repo: Repo, blob: str) -> bytes | None:
    """A blob's bytes; None = it is too large to edit."""
    key = (repo.project.id, "blob", blob)
    is_known, held = repo.memory.known(key)
    if is_known:
        found: bytes | None = held
        return found
    content = repo.writer.raw(repo.path(f"repository/blobs/{blob}/raw"), LARGEST)
    if content is not None and git_blob(content) != blob:
        raise Upstream(f"gitlab: blob {blob}: other bytes arrived than its id says")
    if content is None or len(content) <= _KEPT:
        repo.memory.keep(key, content)
    return content


def remember(repo: Repo, content: bytes) -> None:
    """A file that we have just written need not be read."""
    if len(content) <= _KEPT:
        repo.memory.keep((repo.project.id, "blob", git_blob(content)), content)


def _unpacked(repo: Repo, commit: CommitSha, there: Mapping[str, str], missing: set[str]) -> Mapping[str, bytes]:
    """Blob id → bytes of the missing ones, as far as the archive has them.

    A repo can have files left out of archives, or changed in them (export-ignore, export-subst), so the blob's id decides.
    """
    try:
        archive = repo.writer.raw(repo.path("repository/archive"), _LARGEST_ARCHIVE, sha=commit, format="tar.gz")
    except (Rejected, Upstream):
        return {}
    wanted = {path: blob for path, blob in there.items() if blob in missing}
    found = {}
    for path, content in _members(archive or b""):
        if path in wanted and git_blob(content) == wanted[path]:
            found[wanted[path]] = content
            remember(repo, content)
    return found


def _members(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of the regular files that are small enough; ends early at what is not an archive, or unpacks to too much."""
    left = _LARGEST_UNPACKED
    try:
        with tarfile.open(fileobj=BytesIO(archive), mode="r|gz") as tar:
            for member in tar:
                left -= member.size
                if left < 0:
                    return
                file = tar.extractfile(member) if member.isreg() and member.size <= LARGEST else None
                if file is not None:
                    # Everything is below one folder that is named after the project and the commit.
                    yield member.name.partition("/")[2], file.read()
    except (tarfile.TarError, OSError, EOFError):
        return
