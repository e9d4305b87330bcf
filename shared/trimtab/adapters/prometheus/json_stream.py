"""A long JSON document read value by value, so that its size is bounded by its largest part and not by all of it. No I/O."""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from trimtab.errors import Upstream

LONGEST_VALUE = 8 << 20
"""Characters of one value; a series of 11,000 points is a third of a million."""
_SPACE = re.compile(r"[ \t\n\r]*")
_ENDS = (",", "]", "}", " ", "\t", "\n", "\r")
_DECODER = json.JSONDecoder()


class JsonText:
    """The part of a document that has arrived and was not read yet."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = codecs.iterdecode(iter(chunks), "utf-8")
        self._text, self._at = "", 0

    def peek(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more(1):
                return ""

    def take(self, wanted: str) -> None:
        """Pass over one character. Raises Upstream where another stands there."""
        found = self.peek()
        if found != wanted:
            raise Upstream(f"not the JSON that was expected: {f'{found!a}' if found else 'the end'} where {wanted!r} should be")
        self._at += 1

    def has(self, wanted: str) -> bool:
        """Pass over one character where it is there."""
        if self.peek() != wanted:
            return False
        self._at += 1
        return True

    def value(self) -> Any:
        """The next whole value, whatever it is."""
        self.peek()
        while True:
            waiting = len(self._text) - self._at
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                # Twice as much before the next try, so that a long value in small pieces is not read a hundred times over.
                if waiting > LONGEST_VALUE or isinstance(error, RecursionError) or not self._more(max(waiting, 1)):
                    raise Upstream(f"not JSON, or cut off: {type(error).__name__}") from None
            else:
                # "-1" may go on as "-1.5", and "-1." as well: only what cannot be part of a number ends one.
                if isinstance(value, str | list | dict) or self._text[end : end + 1] in _ENDS or not self._more(1):
                    self._at = end
                    return value

    def items(self) -> Iterator[str]:
        """The keys of an object; its value must be read after each."""
        self.take("{")
        if self.has("}"):
            return
        while True:
            key = self.value() if self.peek() == '"' else None
            if key is None:
                raise Upstream("not the JSON that was expected: an object without a key")
            self.take(":")
            yield key
            if self.has("}"):
                return
            self.take(",")

    def elements(self) -> Iterator[Any]:
        """The values of an array, one at a time."""
        self.take("[")
        if self.has("]"):
            return
        while True:
            yield self.value()
            if self.has("]"):
                return
            self.take(",")

    def end(self) -> None:
        """Nothing may follow. Raises Upstream where something does."""
        if self.peek():
            raise Upstream("not the JSON that was expected: something follows the answer")

    def _more(self, least: int) -> bool:
        """Read on, at least so many characters; False = there is no more."""
        parts = [self._text[self._at :]]
        found = 0
        try:
            while found < least and (chunk := next(self._chunks, None)) is not None:
                parts.append(chunk)
                found += len(chunk)
        except UnicodeDecodeError:
            raise Upstream("not the JSON that was expected: not UTF-8") from None
        self._text, self._at = "".join(parts), 0
        return found > 0
