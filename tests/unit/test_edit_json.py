"""JSON is read strictly, and edited like YAML."""

import json

import pytest

from trimtab.changes import edit_by_hand
from trimtab.errors import BadInput, Refused
from trimtab.records import FieldChange, PlannedEdit


def edited(content: str | bytes, new: str = "4", file: str = "a.json") -> PlannedEdit:
    raw = content.encode() if isinstance(content, str) else content
    return edit_by_hand(raw, file, "gpu", "", (FieldChange(field="count", old="", new=new),))


@pytest.mark.parametrize(
    "content",
    [
        '{"name": "a", "node_groups": [{"name": "gpu", "count": 6}]}',
        '{"name":"a",\n\t"node_groups":[\r\n\t{"name":"\\u0067pu","count" : "6" , "note":"count: 6 \\/ \\" é"}]}\n\n',
        '\ufeff{"name": "a", "node_groups": [{"name": "x", "count": 6}, {"count": 6, "name": "gpu"}], "n": [1.5e-3, -0, null, true]}',
    ],
)
def test_one_number_changes_and_no_other_byte(content: str) -> None:
    edit = edited(content)

    before = json.loads(content.removeprefix("\ufeff"))
    after = json.loads(edit.content.decode().removeprefix("\ufeff"))
    pool = next(pool for pool in before["node_groups"] if pool["name"] == "gpu")
    pool["count"] = type(pool["count"])(4)
    assert after == before
    assert len(edit.content) == len(content.encode())
    assert edited(edit.content, "6").content == content.encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"name": "a", "name": "b"}', "line 1: the key 'name' stands twice"),
        ('{"name": "a",\n "\\u006eame": "b"}', "line 2: the key 'name' stands twice"),
        ('{"a": 1,}', "expected a key, got '}'"),
        ("{'a': 1}", "not JSON"),
        ('{"a": 1} {"b": 2}', "expected the end"),
        ('{"a": 01}', "not JSON"),
        ('{"a": +1}', "not JSON"),
        ('{"a": NaN}', "not JSON"),
        ('{"a": "tab\there"}', "not JSON"),
        ('{"a": "\\x41"}', "not JSON"),
        ('{"a": "\\ud800"}', "half of a character"),
        ('// no\n{"a": 1}', "line 1: not JSON"),
        ("", "expected a value, got the end"),
        ("[" * 150 + "]" * 150, "nested deeper than 100"),
        (b'{"a": "\xff"}', "not UTF-8"),
    ],
)
def test_what_is_not_json_is_bad_input(content: str | bytes, reason: str) -> None:
    with pytest.raises(BadInput) as error:
        edited(content)
    assert reason in str(error.value)
    assert str(error.value).startswith("a.json: ")


def test_terraforms_json_is_read_as_terraform_reads_it() -> None:
    pool = '{"name": "gpu", "count": "6", "taints": [{"key": "k"}]}'
    content = f'{{"resource": [{{"spectrocloud_cluster_eks": {{"main": [{{"name": "training", "machine_pool": [{pool}]}}]}}}}]}}'

    edit = edited(content, file="main.tf.json")

    assert edit.changes == (("spectrocloud_cluster_eks.main.machine_pool[gpu].count", "6", "4"),)
    assert edit.content.decode() == content.replace('"6"', '"4"')


@pytest.mark.parametrize(
    ("pool", "more", "reason"),
    [
        ('{"name": "gpu", "count": "${var.gpus}"}', "", "template expression"),
        ('{"name": "gpu", "count": 6}', ', "for_each": "${local.x}"', "its resource has for_each"),
        ('{"name": "gpu", "count": 6, "control_plane": true}', "", "a control plane is never resized"),
    ],
)
def test_what_terraform_computes_there_is_refused(pool: str, more: str, reason: str) -> None:
    content = f'{{"resource": {{"spectrocloud_cluster_eks": {{"main": {{"name": "training", "machine_pool": {pool}{more}}}}}}}}}'

    with pytest.raises(Refused, match=reason):
        edited(content.replace(pool, f"[{pool}]"), file="main.tf.json")


def test_a_number_is_not_replaced_by_what_json_could_not_read() -> None:
    content = b'{"kind": "LimitRange", "metadata": {"namespace": "a"}, "spec": {"limits": [{"type": "Container", "default": {"cpu": 2}}]}}'

    with pytest.raises(Refused, match="after the edit the file could not be read"):
        edit_by_hand(content, "a.json", "a", "", (FieldChange(field="cpu_limit", old="", new="500m"),), (), "namespace")
