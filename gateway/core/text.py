"""Foreign text, made safe to store and log."""

import difflib
import re
from collections.abc import Iterable

MOST = 300
# Foreign text may quote a phone number, in any spelling, or a token.
_PRIVATE = re.compile(r"\+?\d(?:[\s().-]{0,2}\d){6,}|[\w-]{32,}")


def sanitize(value: object) -> str:
    """Return one line of bounded length, without private data; "" for a value that is no text."""
    if not isinstance(value, str):
        return ""
    return _PRIVATE.sub("…", " ".join(value.split()))[:MOST]


# They stand between letters and emoji, and only affect how both are drawn.
JOINERS = "\u200c\u200d"


def printable(text: str) -> str:
    """Escape characters that would control a terminal or reverse the direction of reading."""
    return text if text.isprintable() else "".join(map(_escape_char, text))


def _escape_char(char: str) -> str:
    return char if char.isprintable() or char in JOINERS or char == "\n" else ascii(char)[1:-1]


def suggestion_for(word: str, known: Iterable[str]) -> str:
    """Suggest the known word that is probably meant, or list the known words."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known)}"
