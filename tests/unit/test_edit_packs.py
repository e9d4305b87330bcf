"""YAML inside YAML: a pack's values are edited in the outer file's bytes."""

import pytest

from trimtab.changes import edit_by_hand
from trimtab.errors import TrimtabError
from trimtab.records import FieldChange, Layout, PlannedEdit

NAME = "ops/DaemonSet/exporter/exporter"
LAYOUT = Layout(
    name="exporter",
    files=("**",),
    cluster_name="training",
    kind="workload",
    pool=NAME,
    fields={"cpu_request": "packs[name=gpu].values.exporter.cpu", "memory_request": "packs[name=gpu].values.exporter.memory"},
)


def profile(values: str) -> str:
    return f"packs:\n  - name: cni\n    values: |\n      exporter: {{cpu: 500m}}\n  - name: gpu\n    values: {values}"


def edited(content: str, **fields: str) -> PlannedEdit:
    changes = tuple(FieldChange(field=field, old="", new=new) for field, new in fields.items())  # type: ignore[arg-type]
    return edit_by_hand(content.encode(), "profile.yaml", NAME, "", changes, (LAYOUT,), "workload")


@pytest.mark.parametrize(
    "values",
    [
        "|\n      exporter:\n        cpu: 500m\n",
        "|-\n      exporter:\n        cpu: 500m",
        "|+ # kept\n\n\n      exporter:\n        é: 漢 # cpu: 3\n        cpu: 500m  \n\n\n",
        "|2\n        exporter:\n          cpu: 500m\n",
        "|\r\n      exporter:\r\n        cpu: '500m' # then\r\n",
        "|\n      exporter: {cpu: 500m}",
        '|\n      exporter: {"cpu": "500m", other: 500m}\n',
        "|\n      exporter:\n      \n         note: |\n           cpu: 500m\n         cpu: 500m\n",
    ],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_one_value_inside_the_text_changes_and_no_other_byte(values: str, mark: str) -> None:
    content = mark + profile(values)

    edit = edited(content, cpu_request="250m")

    old, new = content.encode().split(b"\n"), edit.content.split(b"\n")
    changed = [(before, after) for before, after in zip(old, new, strict=True) if before != after]
    assert len(changed) == 1
    assert changed[0][0].replace(b"500m", b"250m", 1) == changed[0][1]
    assert edit.content.split(b"name: gpu")[0] == content.encode().split(b"name: gpu")[0]
    assert edited(edit.content.decode(), cpu_request="500m").content == content.encode()


def test_two_values_of_one_text_change_together() -> None:
    content = profile("|\n      exporter: {cpu: 500m, memory: 1Gi}\n")

    edit = edited(content, cpu_request="1", memory_request="512Mi")

    assert edit.content.decode() == content.replace("500m, memory: 1Gi", "1000m, memory: 512Mi")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (">\n      exporter: {cpu: 500m}\n", "line 6: the YAML there is folded (>) text"),
        ("'exporter: {cpu: 500m}'\n", "the YAML there is quoted text"),
        ('"exporter: {cpu: 500m}"\n', "the YAML there is quoted text"),
        ("&v |\n      exporter: {cpu: 500m}\n", "it has the anchor &v"),
        ("&v |\n      exporter: {cpu: 500m}\n  - *v\n", "the anchor &v, which other places refer to"),
        ("!!str |\n      exporter: {cpu: 500m}\n", "it has the tag"),
        ("|\n      exporter:\n        cpu: 500m\n        cpu: 400m\n", "cpu stands more than once (lines 8, 9)"),
        ("|\n      a: 1\n      ---\n      exporter: {cpu: 500m}\n", "holds 2 YAML documents"),
        ("|\n      base: &b {cpu: 500m}\n      exporter: *b\n", "is the alias *b"),
        ("|\n      base: &b {cpu: 500m}\n      exporter:\n        <<: *b\n", "may come from a merge (<<)"),
        ("|\n      exporter: {cpu: '${CPU}'}\n", "template expression"),
        ("|\n      exporter: {cpu: '{{.spectro.var.cpu}}'}\n", "template expression"),
        ("|\n      exporter: {{ .Values.all }}\n      b: 1\n", "profile.yaml"),
        ("|\n      exporter: |\n        cpu: 500m\n", "a text inside a text"),
        ("|\n      exporter: [\n", "line 8: not YAML"),
        ("|\n\n", "has no key packs[name=gpu].values.exporter.cpu"),
        ("small\n", "has no key packs[name=gpu].values.exporter.cpu"),
        ("|\n      exporter: {cpu: 500m}\n  - name: gpu\n    values: x\n", "an item with name 'gpu' stands more than once"),
    ],
)
def test_what_cannot_be_pointed_at_is_refused(values: str, reason: str) -> None:
    with pytest.raises(TrimtabError) as refusal:
        edited(profile(values), cpu_request="250m")
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)
