"""Reader of damaged JSON that recovers all it can; total, in linear time and bounded depth.

Damage does not spread. A string ends where the next bytes can follow a string, so a quote too many
or too few inside it moves no bracket of its neighbours. A missing or surplus bracket is found by
the brackets around it. Unreadable parts of a string or a value read as U+FFFD, and an object that
lost a name, a value or its end is marked `torn`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import orjson

# orjson writes 254 levels, and a salvaged value is written inside other values.
DEEPEST = 200
# Strings, words and marks: more than in any webhook, and read within some seconds.
MOST_PARTS = 500_000
LOST = "\ufffd"

# The text between two members or items: it ends a string that has lost its own end. No intact
# string holds it, because the quote in it would end the string and no name could follow.
_BETWEEN = (
    rb"\s{0,99}+(?:[}\]]\s{0,99}+){0,9}+"
    rb'(?:,\s{0,99}+(?:[{\[]\s{0,99}+){0,3}+"[\w.-]{1,99}+"\s{0,99}+:|(?<=[}\]\s])\Z)'
)
_CLOSED = rb'(?:[}\]]\s*+){2,}+|[}\]]\s*+(?:[,{\["]|\Z)|\Z'
_ENDS = {
    "name": rb"\s*+:",
    "member": rb'\s*+(?:,\s*+"(?:[^"\\]|\\.)*+"\s*+:|' + _CLOSED + rb")",
    "item": rb"\s*+(?:,\s*+[^\s,:}\]]|" + _CLOSED + rb")",
}
_STRINGS = {
    where: re.compile(
        rb'"((?:[^"\\,}\]]++|\\(?!"' + _BETWEEN + rb').|"(?!' + end + rb")|(?!" + _BETWEEN + rb")"
        rb'[,}\]])*+)(?:\\?+"|(\\?+\Z)|)',
        re.DOTALL,
    )
    for where, end in _ENDS.items()
}
_WORD = re.compile(rb'[^\s{}\[\],:"]++')
_BLANK = re.compile(rb"\s*+")
_GOES_ON = re.compile(rb"\s*+(?:,\s*+[{\[]|\])")
_ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|u[0-9a-fA-F]{0,3}|([\"\\/bfnrt])|)")
_MEANT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_MARRED = re.compile(f"[\\x00-\\x1f{LOST}]")
_MARK = b"\xef\xbb\xbf"


class Scanned(dict[str, Any]):
    """An object, its position in the body, and whether any of its structure is lost."""

    __slots__ = ("begins", "ends", "torn")

    def __init__(self, begins: int) -> None:
        """Open an object."""
        super().__init__()
        self.begins = self.ends = begins
        self.torn = False


Holder = Scanned | list[Any]


def salvage(body: bytes) -> list[Any]:
    """Return the documents of a body, which should be one, and any values between them."""
    return _Scanner(body).scan()


def loads(body: bytes) -> Any:
    """Return the value of JSON, even if strings or values of an object are damaged.

    Raises orjson.JSONDecodeError if its structure is damaged, or it is no object at all.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        documents = salvage(body)
        if not isinstance(documents[0] if len(documents) == 1 else None, Scanned):
            raise
        if is_torn(documents):
            raise
        return documents[0]


def is_torn(value: Any) -> bool:
    """Say whether any structure of a value, or of the values inside it, is lost."""
    if isinstance(value, list):
        return any(map(is_torn, value))
    return isinstance(value, Scanned) and (value.torn or any(map(is_torn, value.values())))


def is_marred(name: str) -> bool:
    """Say whether a name holds characters that no identifier can hold."""
    return bool(_MARRED.search(name))


@dataclass(slots=True)
class _Scanner:
    body: bytes
    at: int = 0
    # Documents are the items of a list that is never closed.
    holders: list[Holder] = field(default_factory=lambda: [[]])
    objects: list[Scanned] = field(default_factory=list)  # the objects among the holders
    name: str | None = None  # of the next member
    beyond: int = 0  # open brackets that are too deep to be read

    def scan(self) -> list[Any]:
        """Scan the whole body."""
        documents = self.holders[0]
        for mark in self._marks():
            if mark in b"{[":
                self._open(mark)
            elif mark in b"}]":
                self._close(mark)
            elif mark == b"," or self.name is None:
                self._pass(mark)
        while len(self.holders) > 1:
            self._leave(torn=True)
        return list(documents)

    def _marks(self) -> Iterator[bytes]:
        """Yield brackets, commas and colons, having read the strings and words before each."""
        self.at = len(_MARK) if self.body.startswith(_MARK) else 0
        for _ in range(MOST_PARTS):
            self._take(_BLANK)
            mark = self.body[self.at : self.at + 1]
            if not mark:
                return
            if mark == b'"':
                self._read_string()
            elif mark in b"{}[],:":
                self.at += 1
                yield mark
            else:
                self._read_word()
        self.holders[0].append(LOST)  # type: ignore[union-attr]

    def _read_string(self) -> None:
        is_name = self._wants_a_name()
        where = "name" if is_name else "member" if self._in_object() else "item"
        match = self._take(_STRINGS[where])
        text, is_whole = _decode_string(match[1])
        if not is_name:
            self._put(text if match[2] is None else text + LOST)
        elif not self.beyond:
            self.name = text
            self._tear(not is_whole)

    def _read_word(self) -> None:
        word = self._take(_WORD)[0]
        try:
            self._put(orjson.loads(word))
        except orjson.JSONDecodeError:
            self._put(LOST)

    def _take(self, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        """Read the match of a pattern; the caller's patterns match at any position."""
        match = cast("re.Match[bytes]", pattern.match(self.body, self.at))
        self.at = match.end()
        return match

    def _in_object(self) -> bool:
        return isinstance(self.holders[-1], Scanned)

    def _wants_a_name(self) -> bool:
        return self.name is None and self._in_object()

    def _tear(self, torn: bool = True) -> None:
        """Mark the innermost object as torn."""
        if torn and self.objects:
            self.objects[-1].torn = True

    def _put(self, value: Any) -> None:
        if self.beyond:
            return
        holder, name = self.holders[-1], self.name
        if isinstance(holder, list):
            holder.append(value)
        elif name is None:
            holder.torn = True
        else:
            holder[name] = value
        self.name = None

    def _pass(self, mark: bytes) -> None:
        """Pass a comma, before which a value may be missing, or a colon without a name."""
        if not self.beyond:
            self._tear(mark == b":" or self.name is not None)
            self.name = None

    def _open(self, mark: bytes) -> None:
        if self.beyond or len(self.holders) > DEEPEST:
            self.beyond += 1
            return
        # A bracket in place of a name: the ends of this object and of all up to a list are missing.
        while self._wants_a_name():
            self._leave(torn=True)
        opened: Holder = Scanned(self.at - 1) if mark == b"{" else []
        self._put(opened)
        self.holders.append(opened)
        if isinstance(opened, Scanned):
            self.objects.append(opened)

    def _close(self, mark: bytes) -> None:
        if self.beyond:
            self.beyond -= 1
            if not self.beyond:
                self._put(LOST)
                self._tear()
        elif self._closes_nothing(mark):
            self._tear()
        else:
            while self._in_object() is not (mark == b"}"):
                self._leave(torn=True)
            self._leave(torn=self.name is not None)

    def _closes_nothing(self, mark: bytes) -> bool:
        """Say whether a bracket is surplus; a brace in a list is if the list goes on."""
        if mark == b"]":
            return len(self.holders) - 1 == len(self.objects)
        goes_on = not self._in_object() and _GOES_ON.match(self.body, self.at)
        return bool(goes_on) or not self.objects

    def _leave(self, *, torn: bool) -> None:
        """Leave the innermost object or list; a list that is torn tears the object around it."""
        self._tear(torn)
        if isinstance(holder := self.holders.pop(), Scanned):
            holder.ends = self.at
            self.objects.pop()
        self.name = None


def _decode_string(inner: bytes) -> tuple[str, bool]:
    """Return the text of a string, and whether all of it could be read."""
    try:
        return str(orjson.loads(b'"' + inner + b'"')), True
    except orjson.JSONDecodeError:
        pass
    units = _ESCAPED.sub(_unescape, inner.decode("utf-8", "replace"))
    # A surrogate pair becomes one character, and a lone surrogate becomes U+FFFD.
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"), False


def _unescape(match: re.Match[str]) -> str:
    unit, short = match.groups()
    if unit:
        return chr(int(unit, 16))
    return _MEANT.get(short, short) if short else LOST
