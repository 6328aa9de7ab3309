"""Values of a JSON file one after the other, so that a large file need not fit into memory.

A file may hold one value, several, or lists of them: lists are opened, and their items come out.
Each value comes out with exactly the bytes that the file has for it.
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_BLANK = re.compile(r"\s*+")
# A whole number may have more digits than Python reads.
_DECODER = json.JSONDecoder(strict=False, parse_int=float)
_TOO_LONG = "is longer than any delivery of Meta"
_ADVICE = "write a list of records one record a line, as jq -c '.requests | reverse[]' does"
# Bytes that are no UTF-8 become characters that are written as the same bytes again.
_EXACT = "surrogateescape"


class RawValue(NamedTuple):
    """Bytes of a value, and the line on which it begins, counted from 1."""

    raw: bytes
    line: int


class JsonValuesError(Exception):
    """A file whose values cannot be told apart: its `line`, and the reason as the message."""

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        super().__init__(reason)


def split_values(chunks: Iterable[bytes], most: int) -> Iterator[RawValue]:
    """Yield the values of a file that is read in chunks; memory grows with the largest one.

    A damaged value comes out together with all that follows it, since its end cannot be found.
    Raises JsonValuesError for a value of more than `most` characters, and for a list that has no
    end.
    """
    return _Splitter(chunks, most).split()


def split_lines(chunks: Iterable[bytes], most: int) -> Iterator[RawValue]:
    """Yield the lines of a file that is read in chunks, with their ends, but for blank ones.

    Raises JsonValuesError for a line of more than `most` bytes.
    """
    line, rest = 1, b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for raw in whole:
            if raw.strip():
                yield RawValue(_short(raw, line, most) + b"\n", line)
            line += 1
        _short(rest, line, most)
    if rest.strip():
        yield RawValue(rest, line)


def _short(raw: bytes, line: int, most: int) -> bytes:
    if len(raw) > most:
        raise JsonValuesError(line, _TOO_LONG)
    return raw


class _Splitter:
    """Text that was read and not yet given out, from `_at` on."""

    def __init__(self, chunks: Iterable[bytes], most: int) -> None:
        self._chunks = iter(chunks)
        self._decode = codecs.getincrementaldecoder("utf-8")(_EXACT).decode
        self._most = most
        self._text = ""
        self._at = 0
        self._line = 1

    def split(self) -> Iterator[RawValue]:
        depth = 0
        while mark := self._next_mark():
            if mark == "[" or (depth and mark in ",]"):
                depth += {"[": 1, ",": 0, "]": -1}[mark]
                self._at += 1
            else:
                yield self._take_value()
        if depth:
            raise JsonValuesError(self._line, "is cut: its list has no end")

    def _next_mark(self) -> str:
        """Pass blanks and return the next character, "" at the end of the file."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            self._pass(blank.end() if blank else self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read_more():
                return ""

    def _take_value(self) -> RawValue:
        while True:
            try:
                end = _DECODER.raw_decode(self._text, self._at)[1]
                break
            except (json.JSONDecodeError, RecursionError):
                if not self._read_more():
                    end = len(self._text)
                    break
        value = RawValue(self._text[self._at : end].encode(errors=_EXACT), self._line)
        self._pass(end)
        return value

    def _pass(self, end: int) -> None:
        self._line += self._text.count("\n", self._at, end)
        self._at = end

    def _read_more(self) -> bool:
        """Read as much as is waiting once more, so that a long value is tried few times."""
        waiting = self._text[self._at :]
        if len(waiting) > self._most:
            raise JsonValuesError(self._line, f"{_TOO_LONG}; {_ADVICE}")
        self._text, self._at, length = waiting, 0, 0
        parts = [waiting]
        for chunk in self._chunks:
            parts.append(self._decode(chunk))
            length += len(parts[-1])
            if length > len(waiting):
                break
        else:
            parts.append(self._decode(b"", True))
        self._text = "".join(parts)
        return len(self._text) > len(waiting)
