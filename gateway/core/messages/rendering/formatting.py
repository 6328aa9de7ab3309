"""WhatsApp's text formatting, read into runs: *bold*, _italic_, ~struck~, code, and web addresses.

https://faq.whatsapp.com/539178204879377
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

MARKS = {"*": "bold", "_": "italic", "~": "struck"}
MOST_CHARACTERS = 70_000  # more than any message has
# Only these are links that can be followed. Marks of direction end an address, as spaces do.
_ADDRESS = re.compile(r"https://[^\s<>\"'`\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_BEHIND_ADDRESS = ".,:;!?)]}*_~"
_CODE = re.compile(r"```(.+?)```|`([^`\n]+)`", re.DOTALL)
# Characters that no document may have; a line break and a tab are none of them.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class TextRun(NamedTuple):
    """Characters of one look; with an `address` they are a link."""

    text: str
    styles: frozenset[str] = frozenset()
    address: str = ""


Line = tuple[TextRun, ...]


def clean(value: object) -> str:
    """Return a text without what no document may have; numbers are text, all else is ""."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = str(value)[:MOST_CHARACTERS].replace("\r\n", "\n").replace("\r", "\n")
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


def plain_lines(value: object) -> tuple[Line, ...]:
    """Return the lines of a text in which nothing is formatted; () for an empty one."""
    text = clean(value)
    return tuple((TextRun(line),) for line in text.split("\n")) if text.strip() else ()


def format_text(value: object) -> tuple[Line, ...]:
    """Return the lines of a text as the chat shows them; () for an empty one."""
    text = clean(value)
    if not text.strip():
        return ()
    lines: list[list[TextRun]] = [[]]
    for run in _runs(text):
        for place, part in enumerate(run.text.split("\n")):
            if place:
                lines.append([])
            if part:
                lines[-1].append(run._replace(text=part))
    return tuple(map(tuple, lines))


def _runs(text: str) -> Iterator[TextRun]:
    """Yield the runs of a text; code is shown as it is written."""
    end = 0
    for code in _CODE.finditer(text):
        yield from _styled(text[end : code.start()])
        yield TextRun(code[1] or code[2], frozenset({"code"}))
        end = code.end()
    yield from _styled(text[end:])


def _styled(text: str) -> Iterator[TextRun]:
    for place, line in enumerate(text.split("\n")):
        if place:
            yield TextRun("\n")
        yield from _styled_line(line)


def _styled_line(line: str) -> Iterator[TextRun]:
    """Yield the runs of one line: its marks in pairs are styles, all others are characters."""
    links = dict(_iter_addresses(line))
    starts, ends = _find_pairs(line, links)
    styles: list[str] = []
    buffer, at = "", 0
    while at < len(line):
        is_special = at in links or at in starts or at in ends
        if is_special and buffer:
            yield TextRun(buffer, frozenset(styles))
            buffer = ""
        if at in links:
            yield TextRun(links[at], frozenset(styles), links[at])
        elif at in starts:
            styles.append(MARKS[line[at]])
        elif at in ends:
            styles.pop()
        else:
            buffer += line[at]
        at += len(links.get(at, " "))
    if buffer:
        yield TextRun(buffer, frozenset(styles))


def _iter_addresses(line: str) -> Iterator[tuple[int, str]]:
    """Yield the web addresses of a line with their places, without what a sentence puts behind."""
    for found in _ADDRESS.finditer(line):
        address = found[0].rstrip(_BEHIND_ADDRESS)
        if len(address) > len("https://"):
            yield found.start(), address


def _find_pairs(line: str, links: dict[int, str]) -> tuple[set[int], set[int]]:
    """Return where styles begin and end, each inside the other or beside it."""
    starts, ends = set(), set()
    begun: dict[str, int] = {}  # in the order of their places
    at = 0
    while at < len(line):
        mark = line[at]
        if mark in MARKS and at not in links:
            if mark in begun and _may_end(line, at) and at - begun[mark] > 1:
                starts.add(begun[mark])
                ends.add(at)
                begun = {other: place for other, place in begun.items() if place < begun[mark]}
            elif mark not in begun and _may_begin(line, at):
                begun[mark] = at
        at += len(links.get(at, " "))
    return starts, ends


def _may_begin(line: str, at: int) -> bool:
    before, after = line[at - 1 : at], line[at + 1 : at + 2]
    return not before.isalnum() and after != "" and not after.isspace()


def _may_end(line: str, at: int) -> bool:
    before, after = line[at - 1 : at], line[at + 1 : at + 2]
    return not before.isspace() and not after.isalnum()
