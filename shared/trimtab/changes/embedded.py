r"""YAML inside a text of another file: a pack's values in a YAML block scalar (`values: |`) or in a Terraform heredoc.

The inner YAML is parsed on its own, and what is found there is told in bytes of the outer file, so that the same splice, the same
guard and the same diff serve both. Whoever reads the outer format makes a `Text` of what it holds and asks `scalar` for a key path:

    text = Text(text="a:\n  replicas: 3\n", lines=(120, 127), chars=(0, 3), line=9, token=41, problem="")
    scalar(text, parse("a.replicas"), "main.tf")   # Scalar(value="3", start=139, end=140, token=41, line=10, within=...)

`lines[n]` is the byte of the outer file at which the n-th line of `text` begins (after the indentation that is not part of it), and
`chars[n]` the character of the outer token's value at which it begins; for a YAML block scalar that value is the text itself, for a
heredoc it is the raw leaf with its indentation. Between two line breaks, bytes of the file and characters of the text must be the
same; a line break may be one or two bytes. A text with expressions in it gets `problem`: it is read, and never written.

`guard` is called after the splice with the scalars before and after: the inner texts, parsed again, must differ by the plan alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from trimtab.changes import yaml_nodes, yaml_paths
from trimtab.changes.documents import Scalar, Within
from trimtab.changes.yaml_nodes import Node, Stream
from trimtab.errors import BadInput, Refused
from trimtab.keypaths import Step


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A YAML text inside a file, and where each of its lines is there."""

    text: str
    lines: tuple[int, ...]
    """[line] byte of the outer file."""
    chars: tuple[int, ...]
    """[line] character of the outer token's value."""
    line: int
    """The outer file's number of its first line."""
    token: int
    """Index of the outer token that holds it."""
    problem: str = ""
    """Why nothing in it may be edited; "" = it may."""


def scalar(text: Text, steps: Sequence[Step], path: str) -> Scalar | None:
    """The value at a key path of the inner YAML, in bytes of the outer file; None = there is none.

    Refused where a key on the way stands twice, or the text holds several YAML documents. BadInput where it is not YAML, with the
    inner line counted as the outer file's.
    """
    inner = _parsed(text, path)
    if len(inner.roots) > 1:
        raise Refused(f"{path}: line {text.line}: the text there holds {len(inner.roots)} YAML documents; which one is meant is not known")
    way = yaml_paths.walk(inner.roots[0], steps, path) if inner.roots else ()
    if len(way) < len(steps) or not way:
        nested = way and way[-1].meant.kind == "scalar" and way[-1].meant.style in {"|", ">"}
        if nested:
            raise Refused(f"{path}: line {way[-1].line}: a text inside a text inside this file; it is not followed that deep")
        if inner.roots and _merges(inner.roots[0], way):
            raise Refused(f"{path}: line {text.line}: the value may come from a merge (<<) in the text there; write it out")
        return None
    return _outer(yaml_paths.located(way, inner), text, inner)


def _parsed(text: Text, path: str) -> Stream:
    try:
        return yaml_nodes.parse(text.text.encode(), path, first_line=text.line)
    except BadInput:
        if not text.problem:
            raise
    raise Refused(f"{path}: line {text.line}: the text there is not edited: {text.problem}")


def _merges(root: Node, way: Sequence[Node]) -> bool:
    last = way[-1] if way else root
    return bool(last.meant.values("<<"))


def _outer(found: Scalar, text: Text, inner: Stream) -> Scalar:
    """A scalar of the inner text (bytes of that text) as one of the outer file."""
    content = inner.text.encode()
    begin = content.rfind(b"\n", 0, found.start) + 1
    row = content.count(b"\n", 0, begin)
    offset, length = found.start - begin, found.end - found.start
    written = text.chars[row] + len(content[begin : found.start].decode())
    return replace(
        found,
        start=text.lines[row] + offset,
        end=text.lines[row] + offset + length,
        line=text.line + row,
        token=text.token,
        problem=text.problem or found.problem,
        within=Within(text=inner.text, token=found.token, start=written, end=written + len(found.value)),
    )


def from_block(node: Node, stream: Stream, path: str) -> Text:
    """The text of a literal block scalar (`|`, `|-`, `|2`), line by line. Refused where its lines do not pair up with the file's.

    A folded (`>`) or quoted text loses its line breaks on the way to its reader, so that no byte of it can be pointed at.
    """
    if node.style != "|":
        kind = {">": "folded (>)", "": "plain"}.get(node.style, "quoted")
        raise Refused(f"{path}: line {node.line}: the YAML there is {kind} text; write it as a literal block (|)")
    first = stream.mark + node.start
    header, *body = stream.text[first : stream.mark + node.end].split("\n")
    wanted = node.value.split("\n")
    if not wanted[-1]:
        wanted.pop()
    depth = next((len(line.removesuffix("\r")) - len(value) for line, value in zip(body, wanted, strict=False) if value), 0)
    if len(body) < len(wanted) or depth < 0 or not all(map(lambda line, value: _pairs(line, value, depth), body, wanted)):
        raise Refused(f"{path}: line {node.line}: the lines of the text there cannot be told apart; edit it by hand")
    at, char = len(stream.text[:first].encode()) + len(header.encode()) + 1, 0
    lines, chars = [], []
    for line, value in zip(body, wanted, strict=False):
        lines.append(at + min(depth, len(line)))
        chars.append(char)
        at += len(line.encode()) + 1
        char += len(value) + 1
    return Text(text=node.value, lines=tuple(lines), chars=tuple(chars), line=node.line + 1, token=node.token)


def _pairs(line: str, value: str, depth: int) -> bool:
    """True where this line of the file is that line of the text, behind its indentation."""
    bare = line.removesuffix("\r")
    return bare[depth:] == value and not bare[:depth].strip(" ")


def guard(before: Sequence[Scalar], after: Sequence[Scalar], news: Sequence[str], path: str) -> None:
    """Both inner texts parsed: every token is what it was, but for the planned values. Refused otherwise."""
    for outer in {scalar.token for scalar in before if scalar.within is not None}:
        mine = [index for index, scalar in enumerate(before) if scalar.within is not None and scalar.token == outer]
        old, new = before[mine[0]].within, after[mine[0]].within
        if old is None or new is None:
            raise Refused(f"{path}: after the edit the text there would be another one than planned; edit it by hand")
        wanted = list(yaml_nodes.parse(old.text.encode(), path).tokens)
        for index in mine:
            within = before[index].within
            if within is not None:
                wanted[within.token] = (*wanted[within.token][:-1], news[index])
        if tuple(wanted) != yaml_nodes.parse(new.text.encode(), path).tokens:
            raise Refused(f"{path}: after the edit the text there would mean something else than planned; edit it by hand")
