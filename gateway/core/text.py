"""Text that others wrote, made fit to be kept and logged; pure."""

import difflib
import re
from collections.abc import Iterable

MOST = 300
# What others say may quote a phone number, in any spelling, or a token.
_PRIVATE = re.compile(r"\+?\d(?:[\s().-]{0,2}\d){6,}|[\w-]{32,}")


def sanitize(value: object) -> str:
    """Return one line of bounded length, without what is private; "" for what is no text."""
    if not isinstance(value, str):
        return ""
    return _PRIVATE.sub("…", " ".join(value.split()))[:MOST]


# Between letters and emoji, where they only say how both are drawn.
JOINERS = "\u200c\u200d"


def printable(text: str) -> str:
    """Write by its number what would steer a terminal, or turn the direction of reading."""
    return text if text.isprintable() else "".join(map(_escape_char, text))


def _escape_char(char: str) -> str:
    return char if char.isprintable() or char in JOINERS or char == "\n" else ascii(char)[1:-1]


def suggestion_for(word: str, known: Iterable[str]) -> str:
    """Say which known word is meant, or which there are."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known)}"
