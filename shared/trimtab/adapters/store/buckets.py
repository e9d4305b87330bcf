"""Where exports and usage drops land: folders, buckets of S3 and Google Cloud Storage, containers of Azure, by URL.

What is fetched is a copy of our own under a name of our own: whoever can write to the bucket cannot change it after it was checked.
"""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import ObjectStore

from trimtab.adapters.store.foreign import Access, open_bucket
from trimtab.errors import BadInput, TooLarge, Upstream
from trimtab.locations import local_path
from trimtab.ports import StoredObject

MOST_READ = 16 << 20
_EXTENSIONS = (".csv.gz", ".csv", ".parquet", ".json")


class Forbidden(Upstream):
    """These credentials may not do that; others may."""


@dataclass(frozen=True, slots=True)
class StoreBuckets:
    """Objects by full URL.

    `mounts` are URL prefixes with a directory that stands in for each, for replays; `options` are the cloud stores' own; `access` is
    how to open what lies below a URL prefix, where that is not as everything else.
    """

    mounts: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    access: Mapping[str, Access] = field(default_factory=dict)

    def read(self, url: str) -> bytes:
        """A small object's bytes. Raises BadInput where there is none, TooLarge over 16 MiB."""
        local = self._local(url)
        with _said(url):
            if local:
                _check_size(url, _regular(local).stat().st_size)
                return local.read_bytes()
            found = obstore.get(*self._remote(url))
            _check_size(url, found.meta["size"])
            return bytes(found.bytes())

    def fetch(self, url: str, directory: Path) -> Path:
        """Copy one object into `directory`, under a name of our own that keeps its extension. Raises BadInput where there is none."""
        extension = next((known for known in _EXTENSIONS if url.lower().endswith(known)), "")
        target = directory / f"{hashlib.sha256(url.encode()).hexdigest()[:20]}{extension}"
        local = self._local(url)
        with _said(url):
            if local:
                shutil.copyfile(_regular(local), target)
                return target
            with target.open("wb") as out:
                for chunk in obstore.get(*self._remote(url)).stream():
                    out.write(bytes(chunk))
        return target

    def put(self, url: str, body: bytes) -> bool:
        """Create an object; True = these bytes lie there now, False = others did before and stay as they are."""
        local = self._local(url)
        with _said(url):
            try:
                if local:
                    _create(local, body)
                else:
                    obstore.put(*self._remote(url), body, mode="create", use_multipart=False)
            except (AlreadyExistsError, FileExistsError):
                # The sender may have been refused by its own object, put by a first try whose answer was lost.
                return self._is_there(url, body)
            except PermissionDeniedError:
                # Google says so too where something exists that this account may not replace.
                return self._refused(url, body)
        return True

    def _is_there(self, url: str, body: bytes) -> bool:
        """Whether these very bytes lie there; who may only create cannot look, and does not know: False."""
        try:
            return self.read(url) == body
        except Forbidden:
            return False

    def _refused(self, url: str, body: bytes) -> bool:
        """True where these bytes lie there all the same, False where others do. Raises Forbidden where nothing does, or nobody can tell."""
        try:
            return self.read(url) == body
        except (BadInput, Forbidden):
            raise Forbidden(f"{url}: may not be put there; check the role's rights") from None

    def modified(self, url: str) -> datetime:
        """When the store got the object, UTC. Raises BadInput where there is none."""
        local = self._local(url)
        with _said(url):
            return _stored(url, _regular(local)).modified if local else obstore.head(*self._remote(url))["last_modified"]

    def list(self, prefix: str) -> list[StoredObject]:
        """Every object below a URL, sorted by URL."""
        local = self._local(prefix)
        with _said(prefix):
            found = _walk(prefix, local) if local else self._listed(prefix)
            return sorted(found, key=lambda each: each.url)

    def _listed(self, prefix: str) -> Iterator[StoredObject]:
        root, _ = _split(prefix)
        store, key = self._remote(prefix)
        for page in obstore.list(store, key, chunk_size=1000):
            for meta in page:
                yield StoredObject(f"{root}/{meta['path']}", meta["size"], meta["last_modified"])

    def _local(self, url: str) -> Path | None:
        """The path on this disk, where the URL is a file's or a mount stands in for it."""
        for prefix, directory in self.mounts.items():
            if f"{url}/".startswith(f"{prefix.rstrip('/')}/"):
                return _below(Path(directory), url[len(prefix.rstrip("/")) :].strip("/"), url)
        if "://" not in url:
            return Path(url).absolute()
        return local_path(url) if url.startswith("file://") else None

    def _remote(self, url: str) -> tuple[ObjectStore, str]:
        root, key = _split(url)
        return open_bucket(root, self._access(url)), key

    def _access(self, url: str) -> Access:
        """That of the longest prefix which covers the URL."""
        covering = [prefix for prefix in self.access if f"{url.rstrip('/')}/".startswith(f"{prefix.rstrip('/')}/")]
        return self.access[max(covering, key=len)] if covering else Access(options=self.options)


def _check_size(url: str, size: int) -> None:
    if size > MOST_READ:
        raise TooLarge(f"{url}: {size} bytes; at most {MOST_READ} are read at once")


def _split(url: str) -> tuple[str, str]:
    scheme, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    if ".." in key.split("/"):
        raise BadInput(f"{url!a}: a key may not contain '..'")
    return f"{scheme}://{bucket}", key.strip("/")


def _below(directory: Path, key: str, url: str) -> Path:
    path = (directory / key).absolute()
    if ".." in key.split("/") or not path.is_relative_to(directory.absolute()):
        raise BadInput(f"{url!a}: it does not stay below its mount")
    return path


def _regular(path: Path) -> Path:
    if path.is_symlink() or not path.is_file():
        raise BadInput(f"{path}: no regular file; links and folders are not read")
    return path


def _create(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    part.write_bytes(body)
    try:
        # A link, unlike a rename, fails where something is already: that is create-only, and whole.
        os.link(part, path)
    finally:
        part.unlink()


def _walk(prefix: str, root: Path) -> Iterator[StoredObject]:
    base = prefix.rstrip("/")
    for path in root.rglob("*") if root.is_dir() else ():
        if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
            below = path.relative_to(root).as_posix()
            yield _stored(f"{base}/{quote(below, safe='/=@:+,') if base.startswith('file://') else below}", path)


def _stored(url: str, path: Path) -> StoredObject:
    status = path.stat()
    return StoredObject(url, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


@contextmanager
def _said(url: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise Upstream(f"{url}: no such bucket; check the URL and the settings") from None
        raise BadInput(f"{url}: there is no such object") from None
    except (FileExistsError, AlreadyExistsError, Forbidden):
        raise
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise Forbidden(f"{url}: {_first_line(error)}; check the role's rights") from None
    except (BaseError, OSError, ValueError) as error:
        raise Upstream(f"{url}: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
