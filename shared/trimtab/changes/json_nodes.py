"""JSON, strictly (RFC 8259), as the same nodes that YAML gives; no key may stand twice, because readers differ on which one they take."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from trimtab.changes.documents import Token, checked_size
from trimtab.changes.yaml_nodes import MAX_DEPTH, MAX_NODES, Node, Stream
from trimtab.errors import BadInput

_PIECE = re.compile(
    r"(?P<space>[ \t\r\n]+)|(?P<mark>[{}\[\],:])"
    r'|(?P<text>"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")'
    r"|(?P<plain>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![0-9A-Za-z.+-])|(?:true|false|null)(?![0-9A-Za-z]))"
)
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class _Piece:
    kind: str
    start: int
    end: int
    line: int
    written: str


def parse(content: bytes, path: str) -> Stream:
    """Parse a JSON file. BadInput names the file and line."""
    try:
        text = checked_size(content, path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: byte {error.start}: not UTF-8; save it as UTF-8") from None
    mark = 1 if text.startswith(_BOM) else 0
    reader = _Reader(path, _pieces(text[mark:], path))
    return Stream(text, mark, (reader.document(),), tuple(reader.tokens), frozenset())


def _pieces(text: str, path: str) -> Iterator[_Piece]:
    at, line = 0, 1
    while at < len(text):
        found = _PIECE.match(text, at)
        if found is None:
            raise BadInput(f"{path}: line {line}: not JSON: {text[at : at + 20]!r}")
        written, kind = found.group(), found.lastgroup or ""
        if kind != "space":
            yield _Piece(kind if kind != "mark" else written, at, found.end(), line, written)
        line += written.count("\n")
        at = found.end()
    yield _Piece("end", at, at, line, "")


class _Reader:
    """Pieces in, nodes and tokens out; depth is bounded, so that it may call itself."""

    def __init__(self, path: str, pieces: Iterator[_Piece]) -> None:
        self.path = path
        self.tokens: list[Token] = []
        self._pieces = pieces
        self._ahead = next(pieces)

    def document(self) -> Node:
        """The one value of the file."""
        root = self._value(0)
        self._take("end")
        return root

    def _value(self, depth: int) -> Node:
        piece = self._next()
        if depth > MAX_DEPTH:
            raise BadInput(f"{self.path}: line {piece.line}: nested deeper than {MAX_DEPTH} levels")
        if piece.kind in {"text", "plain"}:
            return self._scalar(piece)
        if piece.kind not in {"{", "["}:
            raise self._bad(piece, "a value")
        return self._many(piece, depth)

    def _scalar(self, piece: _Piece) -> Node:
        is_text = piece.kind == "text"
        value = json.loads(piece.written) if is_text else piece.written
        if is_text and not value.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise BadInput(f"{self.path}: line {piece.line}: half of a character (a lone surrogate)")
        self.tokens.append((piece.kind, value))
        return self._node("scalar", piece, value, '"' if is_text else "")

    def _many(self, opening: _Piece, depth: int) -> Node:
        is_map = opening.kind == "{"
        closing = "}" if is_map else "]"
        self.tokens.append((opening.kind,))
        node = self._node("map" if is_map else "list", opening)
        keys: set[str] = set()
        while self._peek().kind != closing:
            if node.children:
                self._take(",")
            if is_map:
                node.children.append(self._key(keys))
            node.children.append(self._value(depth + 1))
        node.end = self._next().end
        self.tokens.append((closing,))
        return node

    def _key(self, seen: set[str]) -> Node:
        key = self._scalar(self._take("text"))
        if key.value in seen:
            raise BadInput(f"{self.path}: line {key.line}: the key {key.value[:40]!r} stands twice in its object; keep one")
        seen.add(key.value)
        self._take(":")
        return key

    def _node(self, kind: str, piece: _Piece, value: str = "", style: str = "") -> Node:
        if len(self.tokens) > MAX_NODES:
            raise BadInput(f"{self.path}: line {piece.line}: over {MAX_NODES} values; so large a file is not read")
        return Node(kind, piece.start, piece.end, piece.line, len(self.tokens) - 1, None, None, value, style)

    def _peek(self) -> _Piece:
        return self._ahead

    def _next(self) -> _Piece:
        piece = self._ahead
        self._ahead = next(self._pieces, piece)
        return piece

    def _take(self, kind: str) -> _Piece:
        piece = self._next()
        if piece.kind != kind:
            raise self._bad(piece, "the end" if kind == "end" else "a key" if kind == "text" else repr(kind))
        return piece

    def _bad(self, piece: _Piece, wanted: str) -> BadInput:
        saw = "the end" if piece.kind == "end" else repr(piece.written[:20])
        return BadInput(f"{self.path}: line {piece.line}: not JSON: expected {wanted}, got {saw}")
