"""Annotations of a cluster: read, changed and written back as whole maps, because Palette replaces what it is given. No I/O."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from trimtab.adapters.palette.answers import inner, json_object, maybe
from trimtab.errors import BadInput

WITH_TAGS = {"includeTags": "true"}
"""Without it the labels come without the tags that are part of them, and writing them back would lose those."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Metadata:
    """What Palette replaces with one write."""

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    def with_annotations(self, values: Mapping[str, str | None]) -> "Metadata":
        """The same, with these set, or gone where None is given."""
        after = {name: value for name, value in {**self.annotations, **values}.items() if value is not None}
        return Metadata(name=self.name, labels=self.labels, annotations=after)

    def body(self) -> dict[str, object]:
        """What is written."""
        return {"metadata": {"name": self.name, "labels": dict(self.labels), "annotations": dict(self.annotations)}}


def metadata_path(uid: str) -> str:
    """Where it is written."""
    return f"/v1/spectroclusters/{uid}/metadata"


def parse_metadata(answer: bytes) -> Metadata:
    """A cluster's name and maps. Raises BadInput for a map that cannot be written back as it was."""
    found = inner(json_object(answer, "cluster"), "metadata", "cluster")
    name = found.get("name")
    if not isinstance(name, str) or not name:
        raise BadInput("Palette: cluster.metadata.name: expected a text")
    return Metadata(name=name, labels=_texts(found, "labels"), annotations=_texts(found, "annotations"))


def _texts(found: Mapping[str, object], key: str) -> dict[str, str]:
    values = maybe(found, key)
    strange = next((name for name, value in values.items() if not isinstance(value, str)), None)
    if strange is not None:
        raise BadInput(f"Palette: cluster.metadata.{key}: {json.dumps(strange)}: expected a text; nothing is written back")
    return dict(values)
