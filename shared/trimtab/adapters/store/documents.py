"""Small JSON documents that may be replaced: summaries, run results, cached configuration. Nothing rests on their history."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trimtab.adapters.store.canonical import encode, parse
from trimtab.adapters.store.objects import Objects
from trimtab.records import Json


@dataclass(frozen=True, slots=True)
class StoreDocuments:
    """docs/<key>.json, and texts as docs/<key>."""

    objects: Objects

    def publish(self, key: str, value: Json) -> None:
        """Put `value` under `key`, replacing what was there."""
        self.objects.publish(_path(key), encode(value, key))

    def find(self, key: str) -> Json | None:
        """The document, or None. Raises Broken where it is not a JSON object."""
        encoded = self.objects.read(_path(key))
        return None if encoded is None else parse(encoded, _path(key))

    def find_all(self, keys: Sequence[str]) -> Iterator[tuple[str, Json | None]]:
        """Each key with its document or None, in the order given, several read at a time. Raises Broken as `find` does."""
        found = self.objects.read_all(_path(key) for key in keys)
        return ((key, None if encoded is None else parse(encoded, path)) for key, (path, encoded) in zip(keys, found, strict=True))

    def publish_text(self, key: str, text: str) -> None:
        """Put `text` under `key`, replacing what was there."""
        self.objects.publish(f"docs/{key}", text.encode())

    def find_text(self, key: str) -> str | None:
        """The text, or None."""
        encoded = self.objects.read(f"docs/{key}")
        return None if encoded is None else encoded.decode()

    def keys(self, prefix: str) -> list[str]:
        """All keys that start with `prefix`, sorted."""
        # A store lists whole folders only: the last folder of the prefix is listed, the rest of it is compared here.
        folder = prefix.rpartition("/")[0]
        paths = self.objects.keys(f"docs/{folder}/" if folder else "docs/")
        keys = [path.removeprefix("docs/").removesuffix(".json") for path in paths if path.endswith(".json")]
        return sorted(key for key in keys if key.startswith(prefix))


def _path(key: str) -> str:
    return f"docs/{key}.json"
