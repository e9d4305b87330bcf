"""In Terraform too an edit changes the bytes of its value and no others, in whichever file the value stands."""

import re
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.changes import KNOWN, edit_by_hand, plan_edit
from trimtab.errors import Refused, TrimtabError
from trimtab.records import FieldChange, Layout, Place, PlannedEdit

TERRAFORM = next(layout for layout in KNOWN if layout.name == "terraform")
PACKS = Layout(
    name="packs", files=("**/*.tf",), cluster="name", pools="spectrocloud_cluster_profile.pack", pool_name="name",
    kind="workload", fields={"cpu_request": "values.pack.requests.cpu"},
)  # fmt: skip
PLACE = Place(repo="gitops", path="root/main.tf", cluster="training", pool="gpu")

spaces = st.sampled_from([" ", "  ", "\t", " /* é */ "])
tails = st.sampled_from(["", " # count = 6", " // \t漢 { ", " /* } */", "\t"])
asides = st.lists(
    st.sampled_from(
        [
            'note = "count = 6 }"',
            "tags = [\"a:${var.other}\", 'b']".replace("'b'", '"b"'),
            'extra = { count = 6, "key" : [1, 2] } # }',
            "text = <<EOT\ncount = 6\n  machine_pool {\nEOT",
            'indented = <<-EOT\n      count = 6 ${var.other} "\n    EOT',
            "size = var.other == 1 ? 2 : 3",
            'nested {\n      count = 6\n      deeper { name = "gpu" }\n    }',
            "/* count = 6 */",
            '# machine_pool { name = "gpu" }',
            'odd = "$${count} %%{count} \\" 6"',
        ]
    ),
    unique=True,
    max_size=4,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Way:
    """How a block comes to its count."""

    expression: str
    """What the block says."""
    reader: str
    """What a second reader of the same value would say."""
    path: str
    """Where the value stands."""
    text: str
    """The file there, with @ for the value."""
    around: tuple[tuple[str, str], ...] = ()
    """Other files that belong to it."""


DEFAULT = ("root/n.tf", 'variable "n" {\n  default = 77\n}\n')
WAYS = (
    Way("var.n", "var.n", "root/n.tf", 'variable "n" {\n  default = @\n}\n'),
    Way("var.n", "var.n", "root/terraform.tfvars", "# ours\nother = 6\nn = @\nmore = [6, { n = 6 }]\n", (DEFAULT,)),
    Way(
        "var.n",
        "[var.n]",
        "root/b.auto.tfvars",
        "n\t=\t@",
        (DEFAULT, ("root/a.auto.tfvars", "n = 7\n"), ("root/terraform.tfvars", "n = 8")),
    ),
    Way("var.n", "-var.n", "live/main.tf", 'module "it" {\n  source = "../root"\n  n = @\n}\n', (DEFAULT,)),
    Way("local.n", '"${local.n} nodes"', "root/locals.tf", "locals {\n  m = 6\n  n = @\n}\n"),
    Way("local.n.m", "local.n", "root/locals.tf", "locals {\n  n = { m = @, o = 6 }\n}\n"),
    Way("local.n[1]", "local.n[var.other]", "root/locals.tf", "locals {\n  n = [6, @, 6]\n}\n"),
    Way(
        'var.n["gpu"].count',
        "values(var.n)",
        "root/terraform.tfvars",
        'n = {\n  cpu = { count = 6 }\n  "gpu" = { kind = "a", count = @ }\n}\n',
        (("root/n.tf", 'variable "n" {}\n'),),
    ),
    Way(
        "each.value.n",
        "local.clusters.training.n",
        "root/locals.tf",
        "locals {\n  clusters = {\n    training = { n = @ }\n    serving = { n = 6 }\n  }\n}\n",
    ),
    Way(
        "machine_pool.value.n", "local.pools", "root/locals.tf", "locals {\n  pools = {\n    gpu = { n = @ }\n    tpu = { n = 6 }\n  }\n}\n"
    ),
)


@dataclass(frozen=True, slots=True)
class Repo:
    """Generated Terraform, and where the pool's count stands in it."""

    files: dict[str, bytes]
    path: str
    value: str
    """The value with what is around it; nothing else in its file is like it."""
    count: int
    reader: str
    """What a second reader of it would say; "" where the block says it itself."""


def pool(draw: st.DrawFn, name: str, count: str) -> str:
    """The lines of a pool, in any order, among others."""
    lines = [
        f"name{draw(spaces)}={draw(spaces)}{name}{draw(tails)}",
        f"count{draw(spaces)}={draw(spaces)}{count}{draw(tails)}",
        *draw(asides),
    ]
    return "\n".join(f"    {line}" for line in draw(st.permutations(lines)))


def resource(draw: st.DrawFn, count: str) -> str:
    """A cluster with the pool and another one."""
    name, inside = '"training"', f"  machine_pool{draw(spaces)}{{\n{pool(draw, QUOTED, count)}\n  }}"
    if count.startswith("machine_pool"):
        content = pool(draw, "machine_pool.key", count)
        inside = f'  dynamic "machine_pool" {{\n    for_each = local.pools\n    content {{\n{content}\n    }}\n  }}'
    if count.startswith("each"):
        name, inside = "each.key", f"  for_each = local.clusters\n{inside}"
    other = '  machine_pool {\n    name = "cpu"\n    count = 6\n  }'
    lines = draw(st.permutations([f"  name = {name}", inside, other, *(f"  {line}" for line in draw(asides))]))
    return 'resource "spectrocloud_cluster_eks" "a" {\n' + "\n".join(lines) + "\n}\n"


QUOTED = '"gpu"'


@st.composite
def repos(draw: st.DrawFn, *, is_literal: bool = True) -> Repo:
    """A cluster whose pool says its count itself, or leaves it to a variable, a local, a map or a call of its module."""
    count = draw(st.integers(1, 99))
    quote = draw(st.sampled_from(["", '"']))
    value = f"{quote}{count}{quote} /*mark*/"
    way = draw(st.sampled_from([*WAYS, *([None] if is_literal else [])]))
    files = {
        "root/main.tf": f"// é\n{resource(draw, way.expression if way else value)}",
        "root/variables.tf": 'variable "other" {\n  default = 6\n}\n',
        "root/outputs.tf": 'output "n" {\n  value = var.other\n}\n',
        **(dict(way.around) | {way.path: way.text.replace("@", value)} if way else {}),
    }
    line = draw(st.sampled_from(["\n", "\r\n"]))
    bom = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    ends = draw(st.sampled_from(["", "\n", "\n\n# the end"]))
    final = {file: bom + (text.rstrip("\n") + ends).replace("\n", line).encode() for file, text in files.items()}
    return Repo(final, way.path if way else "root/main.tf", value, count, way.reader if way else "")


def edited(repo: Repo, old: int, new: int, content: dict[str, bytes]) -> PlannedEdit:
    return plan_edit(content, PLACE, TERRAFORM, (FieldChange(field="count", old=str(old), new=str(new)),))


@settings(max_examples=250, deadline=None)
@given(repos(), st.integers(1, 120))
def test_only_the_bytes_of_the_value_change_wherever_it_stands(repo: Repo, new: int) -> None:
    if new == repo.count:
        return

    edit = edited(repo, repo.count, new, repo.files)

    assert edit.path == repo.path
    assert edit.content == repo.files[repo.path].replace(repo.value.encode(), repo.value.replace(str(repo.count), str(new)).encode())
    assert {path for path, _ in edit.reads} <= set(repo.files) - {edit.path}


@settings(max_examples=150, deadline=None)
@given(repos(), st.integers(1, 120))
def test_the_reverse_edit_restores_every_byte_wherever_the_value_stands(repo: Repo, new: int) -> None:
    if new == repo.count:
        return

    edit = edited(repo, repo.count, new, repo.files)
    back = edited(repo, new, repo.count, {**repo.files, edit.path: edit.content})

    assert (back.path, back.content) == (repo.path, repo.files[repo.path])


readers = st.sampled_from(['output "x" {\n  value = @\n}\n', "locals {\n  again = @\n}\n", 'resource "a" "b" {\n  c = f(@)\n}\n'])


@settings(max_examples=150, deadline=None)
@given(repos(is_literal=False), st.integers(1, 120), readers)
def test_a_second_reader_anywhere_makes_it_a_refusal(repo: Repo, new: int, reader: str) -> None:
    """Else the pull request would change more than it says."""
    if new == repo.count:
        return
    files = {**repo.files, "root/reader.tf": reader.replace("@", repo.reader).encode()}

    with pytest.raises(Refused, match=r"is also read by root/reader\.tf line 2"):
        edited(repo, repo.count, new, files)


@st.composite
def packs(draw: st.DrawFn) -> tuple[bytes, int]:
    """A profile with YAML in a heredoc."""
    cpu = draw(st.integers(1, 999))
    depth = draw(st.integers(0, 6))
    start, end = draw(st.sampled_from([("<<-EOT", "    EOT"), ("<<EOT", "EOT")]))
    quote = draw(st.sampled_from(["", "'", '"']))
    request = draw(
        st.sampled_from(
            [f"  requests: {{memory: 1Gi, cpu: {quote}{cpu}m{quote}}}", f"  requests:\n    cpu: {quote}{cpu}m{quote} # é\n    x: 6"]
        )
    )
    other = draw(st.sampled_from(["", "# a comment\n", "a: ${var.x}\n", "\n", "list:\n- cpu: 6m\n- 7\n", 'text: "6m"\n']))
    lines = f"{other}pack:\n{request}\n  after: |\n    cpu: 6m\n".rstrip("\n").split("\n")
    yaml = "\n".join(" " * depth + line if line else "" for line in lines)
    text = (
        'resource "spectrocloud_cluster_profile" "p" {\n  name = "training"\n  pack {\n    name = "gpu"\n'
        f"    values = {start}\n{yaml}\n{end}\n  }}\n}}\n"
    )
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"]))).encode(), cpu


@settings(max_examples=150, deadline=None)
@given(packs(), st.integers(1000, 9999))
def test_a_pack_value_in_a_heredoc_is_edited_and_taken_back(pack: tuple[bytes, int], new: int) -> None:
    content, cpu = pack
    change = (FieldChange(field="cpu_request", old=f"{cpu}m", new=f"{new}m"),)
    back = (FieldChange(field="cpu_request", old=f"{new}m", new=f"{cpu}m"),)

    edit = plan_edit({PLACE.path: content}, PLACE, PACKS, change)

    assert re.sub(rb"\d+m", b"#", edit.content) == re.sub(rb"\d+m", b"#", content)
    assert edit.content.count(b"\n") == content.count(b"\n")
    assert sum(a != b for a, b in zip(edit.content.split(b"\n"), content.split(b"\n"), strict=True)) == 1
    assert plan_edit({PLACE.path: edit.content}, PLACE, PACKS, back).content == content


pieces = st.sampled_from(
    [
        'resource "spectrocloud_cluster_eks" "a" {', 'name = "a"', "machine_pool {", "}", "count = 1", "count = var.n",
        "for_each = local.m", 'dynamic "machine_pool" {', "content {", "locals {", "n = local.n", "m = { a = 1 }", 'variable "n" {',
        "default = 1", "<<EOT", "EOT", '"${', "/*", "*/", "#", "\\", "each.value", "lifecycle {", "ignore_changes = [machine_pool]",
        "\n", "\t", "é", "[", "]", "(", ")",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(pieces, max_size=12).map("\n".join), min_size=1, max_size=3))
def test_whatever_terraform_holds_the_answer_is_a_plan_or_a_reason(texts: list[str]) -> None:
    files = {f"m/{number}.tf": text.encode() for number, text in enumerate(texts)}
    for path, content in files.items():
        try:
            plan_edit(files, Place(repo="r", path=path, cluster="a", pool="a"), TERRAFORM, (FieldChange(field="count", old="1", new="2"),))
        except TrimtabError as error:
            assert str(error).startswith("m/")  # noqa: PT017
        try:
            edit_by_hand(content, path, "a", "", (FieldChange(field="count", old="", new="2"),))
        except TrimtabError as error:
            assert str(error).startswith("m/")  # noqa: PT017
