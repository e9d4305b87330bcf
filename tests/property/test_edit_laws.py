"""An edit changes the bytes of its values and no others, and can be taken back to the byte."""

from dataclasses import dataclass
from difflib import SequenceMatcher
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from trimtab.changes import KNOWN, branch_name, git_blob, plan_edit
from trimtab.changes.layouts import is_editable
from trimtab.errors import TrimtabError
from trimtab.records import ClusterUid, FieldChange, Layout, Place, Subject

LAYOUT = KNOWN[0]
PLACE = Place(repo="gitops", path="clusters/a.yaml", cluster="training", pool="gpu")
TERRAFORM = next(layout for layout in KNOWN if layout.name == "terraform")

quotes = st.sampled_from(["", "'", '"'])
comments = st.sampled_from(["", "  # as of March: count: 6", " # é ü 漢 🚢", "\t# tab"])
separators = st.sampled_from([" ", "  ", "\t"])
others = st.lists(
    st.sampled_from(
        [
            "labels: {gpu: 'true', team: \"ml\"}",
            "additional_labels: {a: b}",
            "disk_size_gb: 60",
            "note: 'count: 6, gpu'",
            'note2: "a\\tb"',
            "note3: >-\n      count: 6\n      folded",
            "unicode: ünïcode 漢字",
            "worker_subnets:\n      us-east-1a: subnet-1",
        ]
    ),
    unique=True,
    max_size=4,
)


asides = st.sampled_from(
    [
        [],
        ["# a comment", ""],
        ["profiles: [a, 'b']"],
        ["defaults: &defaults", "  count: 6 # \tof whoever asks", "other: *defaults"],
        ["base: &base {count: 6}", "extended:", "  <<: *base", "  max: 9"],
    ]
)
asides_below = st.sampled_from(
    [[], ["later: &later [6, 6]", "again: *later"], ["text: |", "  node_groups:", "    - {name: gpu, count: 6}"]]
)
documents_before = st.sampled_from(
    [
        "",
        "---\n",
        "%YAML 1.2\n---\n",
        "# first\n---\nname: serving\nnode_groups: [{name: gpu, count: 6}]\n---\n",
        "kind: ConfigMap\n...\n---\n",
    ]
)
endings = st.sampled_from(
    ["", "\n", "\n\n# the end", "\n...\n", "\n---\nname: batch\nnode_groups:\n- {name: gpu, count: 6}", "\n   \n  # \ta tab\n"]
)


@dataclass(frozen=True, slots=True)
class File:
    """A generated cluster file and the pool's count in it."""

    content: bytes
    count: int


@st.composite
def pools(draw: st.DrawFn, name: str, count: int) -> str:
    if draw(st.booleans()):
        quote = draw(quotes)
        return f"  - {{name: {name}, count: {quote}{count}{quote}, instance_type: m5.large}}{draw(comments)}"
    lines = [
        f"name:{draw(separators)}{draw(quotes.map(lambda q: q + name + q))}{draw(comments)}",
        f"count:{draw(separators)}{draw(quotes.map(lambda q: q + str(count) + q))}{draw(comments)}",
        *draw(others),
    ]
    head, *rest = draw(st.permutations(lines))
    return "\n".join([f"  - {head}", *(f"    {line}" for line in rest)])


@st.composite
def files(draw: st.DrawFn) -> File:
    count = draw(st.integers(1, 99))
    names = draw(st.permutations(["gpu", "gpu-2", "cpu"]))
    body = [draw(pools(name, count if name == "gpu" else draw(st.integers(1, 99)))) for name in names]
    lines = ["name: training", *draw(asides), "node_groups:", *body, *draw(asides_below)]
    text = draw(documents_before) + "\n".join(lines) + draw(endings)
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return File(draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode(), count)


def change(old: int, new: int) -> tuple[FieldChange, ...]:
    return (FieldChange(field="count", old=str(old), new=str(new)),)


def counts(content: bytes) -> list[object]:
    """What an independent, pure-Python reader sees, with our one value taken out (it takes no tab before a comment; YAML does)."""
    documents = list(YAML(typ="safe", pure=True).load_all(StringIO(content.decode("utf-8-sig").replace("\t", " "))))
    mine = next(document for document in documents if document and document.get("name") == "training")
    pool = next(pool for pool in mine["node_groups"] if pool["name"] == "gpu")
    pool["count"] = type(pool["count"]).__name__
    return documents


@settings(max_examples=150, deadline=None)
@given(files(), st.integers(1, 120))
def test_only_the_bytes_of_the_value_change(file: File, new: int) -> None:
    if new == file.count:
        return

    edit = plan_edit({PLACE.path: file.content}, PLACE, LAYOUT, change(file.count, new))

    changed = [block for block in SequenceMatcher(None, file.content, edit.content, autojunk=False).get_opcodes() if block[0] != "equal"]
    assert 1 <= len(changed) <= 3
    start, end = changed[0][1], changed[-1][2]
    assert set(file.content[start:end]) <= set(b"0123456789")
    assert counts(edit.content) == counts(file.content)
    assert (edit.base_blob, edit.new_blob) == (git_blob(file.content), git_blob(edit.content))


@settings(max_examples=100, deadline=None)
@given(files(), st.integers(1, 120))
def test_the_reverse_edit_restores_every_byte(file: File, new: int) -> None:
    if new == file.count:
        return

    edit = plan_edit({PLACE.path: file.content}, PLACE, LAYOUT, change(file.count, new))
    back = plan_edit({PLACE.path: edit.content}, PLACE, LAYOUT, change(new, file.count))

    assert back.content == file.content
    assert back.new_blob == edit.base_blob


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="a:-{}[]&*!|>#'\"%@`\n \t<?,$", max_size=80).map(str.encode))
def test_whatever_a_file_holds_the_answer_is_a_plan_or_a_reason(content: bytes) -> None:
    for layout, path in ((LAYOUT, "a.yaml"), (TERRAFORM, "a.tf")):
        try:
            plan_edit({path: content}, Place(repo="r", path=path, cluster="a", pool="a"), layout, change(1, 2))
        except TrimtabError as error:
            assert str(error).startswith(path)  # noqa: PT017  (a plan is as good an answer)


hostile = st.sampled_from(
    [
        ".trimtab/policy.yaml",
        ".github/workflows/a.yaml",
        ".gitlab-ci.yml",
        ".gitlab-ci-extra.yaml",
        "CODEOWNERS",
        "docs/CODEOWNERS",
        "run.sh",
    ]
)


@pytest.mark.security(3)
@given(st.lists(st.sampled_from(["clusters", "a", ".."]), max_size=2), hostile, st.sampled_from([str, str.upper, str.title]))
def test_no_layout_reaches_a_file_that_gives_permissions(folders: list[str], name: str, case: type[str]) -> None:
    """Security row 3: whoever may edit these may do everything."""
    path = case("/".join([*folders, name]))
    layout = Layout(
        name="evil", files=("**", "**/*", path), cluster="name", pools="node_groups", pool_name="name", fields={"count": "count"}
    )

    assert not is_editable(path)
    try:
        plan_edit(
            {path: b"name: a\nnode_groups: [{name: a, count: 1}]\n"},
            Place(repo="r", path=path, cluster="a", pool="a"),
            layout,
            change(1, 2),
        )
    except TrimtabError as error:
        assert "never edited" in str(error)  # noqa: PT017
    else:
        raise AssertionError(path)


names = st.text(min_size=1, max_size=60) | st.from_regex(r"[A-Za-z0-9._-]{1,50}", fullmatch=True)


@settings(max_examples=200)
@given(names, names, names, names)
def test_two_pools_never_share_a_branch(cluster: str, pool: str, cluster2: str, pool2: str) -> None:
    """Whoever could name a pool into somebody else's branch would own its pull request."""
    one, two = (
        branch_name(Subject(cluster_uid=ClusterUid("u"), pool=p, field="count"), c) for c, p in ((cluster, pool), (cluster2, pool2))
    )

    assert (one == two) == ((cluster, pool) == (cluster2, pool2))
    assert one.lower() == one
