"""Pack values of a cluster profile in Terraform: YAML in a heredoc, `values = <<-EOT … EOT`."""

from collections.abc import Sequence
from dataclasses import replace

from tree_sitter import Node

from trimtab.changes import embedded
from trimtab.changes.documents import Scalar
from trimtab.changes.embedded import Text
from trimtab.changes.hcl_nodes import Source, bare, leaves, line_of
from trimtab.errors import Refused
from trimtab.keypaths import Step


def scalar(source: Source, pack: Node, steps: Sequence[Step]) -> Scalar | None:
    """The value at a key path, the first step of which is the attribute with the text ("values")."""
    expression = source.attribute(pack, steps[0].key)
    if expression is None:
        return None
    found = embedded.scalar(_heredoc(source, expression), steps[1:], source.path)
    return _in_its_leaf(source, bare(expression), found) if found is not None else None


def _heredoc(source: Source, expression: Node) -> Text:
    """The YAML of a heredoc, and where each of its lines is. Refused where it is written any other way."""
    node = bare(expression)
    if node.type != "heredoc_template":
        where = f"{source.path}: line {line_of(expression)}"
        raise Refused(f"{where}: the values are {source.shown(expression)} and no heredoc; edit them where they come from")
    first, *lines = source.text(node).split("\n")
    body = lines[:-1]
    depth = _depth(body) if first.startswith("<<-") else 0
    starts, at = [], node.start_byte + len(first.encode()) + 1
    for line in body:
        starts.append(at + min(depth, len(line)))
        at += len(line.encode()) + 1
    return Text(
        text="".join(f"{line[depth:]}\n" for line in body),
        lines=tuple(starts),
        chars=(0,) * len(starts),
        line=line_of(node) + 1,
        token=-1,
        problem="the text there has directives (%{…}); Terraform decides what it says" if "%{" in source.text(node) else "",
    )


def _depth(lines: Sequence[str]) -> int:
    """What `<<-` takes away: the least indentation of a line that holds something. One for all lines, so that YAML means the same."""
    return min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), default=0)


def _in_its_leaf(source: Source, heredoc: Node, found: Scalar) -> Scalar:
    """Expressions part a heredoc into several leaves: the value is a piece of one of them."""
    leaf = next((leaf for leaf in leaves(heredoc) if leaf.start_byte <= found.start and found.end <= leaf.end_byte), None)
    if leaf is None or found.within is None:
        return replace(found, problem=found.problem or "it is a template expression; change it where its value comes from")
    before = len(source.content[leaf.start_byte : found.start].decode())
    within = replace(found.within, start=before, end=before + len(found.value))
    return replace(found, token=source.token_of(leaf), within=within)
