"""The text of a PromQL query → the tree that answers it; what is malformed or not known here is refused."""

import re
from collections.abc import Callable

from trimtab.demo.estate.promql import AGGREGATIONS, RANGE_FUNCTIONS, Aggregate, Arithmetic, Node, Number, Over, PromError, Ranged, Selector

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?![\w.]))|(?P<duration>\d+[smhd])|(?P<name>[A-Za-z_][\w:]*)|(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<mark>=~|!~|!=|[-+*/(){}\[\],:=]))"
)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse(query: str) -> Node:
    """The query as a tree. Raises PromError for what is malformed or not known here."""
    reader = _Reader(_tokens(query))
    node = reader.sum_of_products()
    if reader.peek() != ("end", ""):
        raise PromError(f"unexpected {reader.peek()[1]!r}")
    return node


def duration(text: str) -> float:
    """`90s`, `5m`, `1h`, `2d`, or plain seconds."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not re.fullmatch(r"\d+[smhd]", text):
        raise PromError(f"not a valid duration: {text!r}")
    return float(int(text[:-1]) * _UNITS[text[-1]])


def _tokens(query: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at, text = 0, query.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise PromError(f"unexpected character at {at}: {text[at : at + 10]!r}")
        tokens.append((found.lastgroup, found[found.lastgroup]))
        at = found.end()
    return [*tokens, ("end", "")]


class _Reader:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    def peek(self) -> tuple[str, str]:
        return self._tokens[self._at]

    def take(self, text: str | None = None) -> str:
        """The next token, which must be `text` where that is given."""
        kind, value = self._tokens[self._at]
        if kind == "end" or (text is not None and value != text):
            raise PromError(f"expected {text or 'more'}, got {value or 'the end'!r}")
        self._at += 1
        return value

    def sum_of_products(self) -> Node:
        return self._chain(("+", "-"), lambda: self._chain(("*", "/"), self._operand))

    def _chain(self, operators: tuple[str, ...], below: Callable[[], Node]) -> Node:
        node = below()
        while self.peek()[0] == "mark" and self.peek()[1] in operators:
            node = Arithmetic(self.take(), node, below())
        return node

    def _operand(self) -> Node:
        kind, value = self.peek()
        if kind == "number":
            return Number(float(self.take()))
        if value == "(":
            return self._parenthesized()
        if kind == "name" and value in AGGREGATIONS:
            return self._aggregate()
        if kind == "name" and value in RANGE_FUNCTIONS:
            return self._over()
        if kind == "name" or value == "{":
            return self._selector()
        raise PromError(f"unexpected {value or 'end of input'!r}")

    def _parenthesized(self) -> Node:
        self.take("(")
        node = self.sum_of_products()
        self.take(")")
        return node

    def _aggregate(self) -> Node:
        name = self.take()
        grouping = self._grouping()
        inner = self._parenthesized()
        is_without, labels = grouping or self._grouping() or (False, frozenset())
        return Aggregate(name=name, inner=inner, labels=labels, is_without=is_without)

    def _grouping(self) -> tuple[bool, frozenset[str]] | None:
        if self.peek()[1] not in {"by", "without"}:
            return None
        is_without = self.take() == "without"
        self.take("(")
        names: list[str] = []
        while self.peek()[1] != ")":
            names.append(self.take())
            if self.peek()[1] != ")":
                self.take(",")
        self.take(")")
        return is_without, frozenset(names)

    def _over(self) -> Node:
        name = self.take()
        self.take("(")
        inner = self._operand()
        self.take("[")
        seconds = duration(self.take())
        resolution = None
        if self.peek()[1] == ":":
            self.take(":")
            resolution = duration(self.take())
        self.take("]")
        self.take(")")
        return Over(name, Ranged(inner, seconds, resolution))

    def _selector(self) -> Node:
        name = self.take() if self.peek()[0] == "name" else ""
        if self.peek()[1] == "(":
            raise PromError(f"unknown function {name!r}")
        matchers = self._matchers() if self.peek()[1] == "{" else ()
        names = [value for key, operator, value in matchers if key == "__name__" and operator == "="]
        if not name and len(names) != 1:
            raise PromError("a selector needs the name of its metric here")
        return Selector(name=name or names[0], matchers=tuple(matcher for matcher in matchers if matcher[0] != "__name__"))

    def _matchers(self) -> tuple[tuple[str, str, str], ...]:
        self.take("{")
        found: list[tuple[str, str, str]] = []
        while self.peek()[1] != "}":
            key, operator, (kind, text) = self.take(), self.take(), self.peek()
            if operator not in {"=", "!=", "=~", "!~"} or kind != "text":
                raise PromError(f"bad matcher for label {key!r}")
            self.take()
            found.append((key, operator, re.sub(r"\\(.)", r"\1", text[1:-1])))
            if self.peek()[1] != "}":
                self.take(",")
        self.take("}")
        return tuple(found)
