"""Objects by key on disk, S3 or Google Cloud Storage: create-only, but for the one function `publish`.

The rules come from what the services really do. "Already exists" is no answer, because the sender repeats a put whose answer
was lost and is then refused by its own object: what lies there is read back and compared. Nothing is ever updated in place.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import GCSStore, LocalStore, MemoryStore, ObjectStore, S3Store

from trimtab.errors import BadInput, Refused, Upstream
from trimtab.locations import local_path

if TYPE_CHECKING:
    # These exist for type checkers only.
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, RetryConfig

NO_OPTIONS: Mapping[str, str] = MappingProxyType({})
READERS = 16
_BATCH = 512
_ATTEMPTS = 3
# No leading dot (hidden, "."), no "..", "#" (obstore's temporary files) or "%" (two spellings of one key); 240 bytes leave a disk
# room for the temporary suffix.
_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._:=@+-]{0,239}")
_RETRY: "RetryConfig" = {"max_retries": 4, "retry_timeout": timedelta(seconds=30)}


class _Absent(Upstream):
    """No such object: an answer to whoever asks for one, a failure to everybody else."""


class Listed(NamedTuple):
    """One object as a listing shows it."""

    key: str
    modified: datetime


class Objects(NamedTuple):
    """The objects below one URL, or below one folder of it; a named tuple, because `dataclasses` costs a cold `receive` 4 ms."""

    store: ObjectStore
    place: str
    """The URL, for messages."""
    folder: str = ""

    def within(self, folder: str) -> "Objects":
        """The same store, one folder down; its keys begin there."""
        return self._replace(folder=f"{self.folder}{check_key(folder)}/")

    def create(self, key: str, body: bytes) -> bool:
        """Put `body` where nothing is yet; True = what lies there now are these very bytes.

        Give each writer's body a nonce, and True means: we won. A put whose answer was lost still tells the truth.
        """
        found = self._put_new(key, body)
        return found is None or found == body

    def keep(self, key: str, body: bytes) -> bool:
        """Put `body` where nothing is yet; False = something was there already, maybe ours from a put whose answer was lost."""
        return self._put_new(key, body) is None

    def _put_new(self, key: str, body: bytes) -> bytes | None:
        """None = put; else what was found there."""
        # Two puts in flight may refuse each other and leave nothing: then the put is made again.
        for _ in range(_ATTEMPTS):
            try:
                with self._said(key):
                    obstore.put(self.store, self._full(key), body, mode="create", use_multipart=False)
            except AlreadyExistsError:
                found = self.read(key)
            except Upstream:
                # No answer, or a server error: the object may have arrived all the same.
                found = self.read(key)
                if found is None:
                    raise
                return None if found == body else found
            else:
                return None
            if found is not None:
                return found
        raise Upstream(f"{self.place}/{self._full(key)}: the store says that it exists, and has no such object; try again")

    def read(self, key: str) -> bytes | None:
        """The object's bytes, or None where there is none."""
        try:
            with self._said(key):
                return bytes(obstore.get(self.store, self._full(key)).bytes())
        except _Absent:
            return None

    def read_all(self, keys: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        """Each key with its bytes, in the order given, several at a time."""
        waiting = list(keys)
        from concurrent.futures import ThreadPoolExecutor  # `receive` never reads, and must not pay for this

        with ThreadPoolExecutor(READERS) as pool:
            for start in range(0, len(waiting), _BATCH):
                batch = waiting[start : start + _BATCH]
                yield from zip(batch, pool.map(self.read, batch), strict=True)

    def has(self, key: str) -> bool:
        """True where there is an object."""
        try:
            with self._said(key):
                obstore.head(self.store, self._full(key))
        except _Absent:
            return False
        return True

    def listed(self, folder: str) -> list[Listed]:
        """Every object below `folder` ("streams/", "" for all), sorted by key; a disk lists in no order at all."""
        return self._sorted(folder, lambda path: (meta for page in obstore.list(self.store, path, chunk_size=1000) for meta in page))

    def keys(self, folder: str) -> list[str]:
        """The keys below `folder`, sorted."""
        return [found.key for found in self.listed(folder)]

    def children(self, folder: str) -> list[str]:
        """The keys directly in `folder`, sorted; folders inside it are not entered."""
        found = self._sorted(folder, lambda path: obstore.list_with_delimiter(self.store, path)["objects"])
        return [child.key for child in found]

    def publish(self, key: str, body: bytes) -> None:
        """Put `body`, replacing what was there: the only overwrite in this package, and only for documents."""
        if not key.startswith("docs/"):
            raise Refused(f"{self._full(key)}: only documents may be overwritten; everything else is created once")
        with self._said(key):
            obstore.put(self.store, self._full(key), body, mode="overwrite", use_multipart=False)

    def delete(self, key: str) -> None:
        """Remove an expired inbox or done object, or who a person was; the record itself is never removed."""
        if not key.startswith(("inbox/", "done/", "people/")):
            raise Refused(f"{self._full(key)}: only inbox and done objects expire, and people are forgotten; the record is never deleted")
        try:
            with self._said(key):
                obstore.delete(self.store, self._full(key))
        except _Absent:
            return

    def _full(self, key: str) -> str:
        return self.folder + check_key(key)

    def _sorted(self, folder: str, ask: "Callable[[str], Iterable[ObjectMeta]]") -> list[Listed]:
        path = self.folder + (f"{check_key(folder.removesuffix('/'))}/" if folder else "")
        skip = len(self.folder)
        with self._said(folder):
            found = [Listed(meta["path"][skip:], meta["last_modified"]) for meta in ask(path)]
        return sorted(found, key=lambda item: item.key)

    @contextmanager
    def _said(self, key: str) -> Iterator[None]:
        """Turn the library's errors into ours; what is there already stays for the caller to judge."""
        try:
            yield
        except AlreadyExistsError:
            raise
        except FileNotFoundError as error:
            self._refuse_missing_bucket(error)
            raise _Absent(f"{self.place}/{self.folder}{key}: not there") from None
        except (BaseError, OSError, ValueError) as error:
            self._refuse_missing_bucket(error)
            raise Upstream(f"{self.place}/{self.folder}{key}: {_first_line(error)}") from None

    def _refuse_missing_bucket(self, error: Exception) -> None:
        """A missing bucket must not look like a missing object: "nothing there" would be believed."""
        if "NoSuchBucket" in str(error):
            raise Upstream(f"{self.place}: no such bucket; create it, or correct the store URL") from None


def check_key(key: str) -> str:
    """The key itself. Raises BadInput for one that some store would refuse, hide, or keep under another name."""
    if len(key) > 900:
        raise BadInput(f"object key {key[:60]!a}…: {len(key)} characters; at most 900")
    for segment in key.split("/"):
        if not _SEGMENT.fullmatch(segment) or ".." in segment:
            raise BadInput(f"object key {key!a}: {segment!a} must be 1-240 of A-Z a-z 0-9 . _ : = @ + - without '..' or a leading dot")
    return key


def open_objects(url: str, *, options: Mapping[str, str] = NO_OPTIONS) -> Objects:
    """The objects at file:///path, s3://bucket/prefix, gs://bucket/prefix or memory://.

    `options` are the cloud store's own (endpoint, region, keys), and `timeout` ("30s") of one request, and `allow_http` ("true").
    What is not given comes from the function's role.
    """
    parts = urlsplit(url)
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise BadInput(f"store URL {url!a}: no user, query or fragment; credentials come from the role")
    match parts.scheme:
        case "memory":
            return Objects(MemoryStore(), "memory:/")
        case "file":
            return Objects(_on_disk(url), url.rstrip("/"))
        case "s3" | "gs" if parts.netloc:
            return Objects(_in_cloud(url, parts.scheme, parts.netloc, parts.path.strip("/"), options), url.rstrip("/"))
        case _:
            raise BadInput(f"store URL {url!a}: expected file:///path, s3://bucket/prefix or gs://bucket/prefix")


def _on_disk(url: str) -> LocalStore:
    try:
        return LocalStore(prefix=local_path(url), mkdir=True)
    except (BaseError, OSError, ValueError) as error:
        raise BadInput(f"store URL {url!a}: cannot use that directory: {_first_line(error)}") from None


def _in_cloud(url: str, scheme: str, bucket: str, prefix: str, options: Mapping[str, str]) -> S3Store | GCSStore:
    below = check_key(prefix) if prefix else None
    kind = S3Store if scheme == "s3" else GCSStore
    config = {name: value for name, value in options.items() if name not in {"allow_http", "timeout"}}
    client: ClientConfig = {
        "connect_timeout": "5s", "timeout": options.get("timeout", "30s"), "allow_http": options.get("allow_http") == "true",
    }  # fmt: skip
    try:
        return kind(bucket, prefix=below, config=config, client_options=client, retry_config=_RETRY)  # type: ignore[arg-type]
    except (BaseError, OSError, ValueError) as error:
        raise BadInput(f"store URL {url!a}: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    """The library's message without its dump of causes."""
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
