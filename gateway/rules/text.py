"""Text comparison, which ignores case, accents and surrounding space."""

import re
import unicodedata
from functools import cached_property, lru_cache
from typing import Any

import re2

MAX_COMPARED = 4096
MAX_PATTERN = 1000

# Marks above and below a letter. Those under 200 are part of how a script spells (Arabic, Hebrew,
# Indic, kana), and without them the words would be other words.
FIRST_ACCENT = 200


# RE2's differences from the regular expressions that an author may know.
HINTS = {
    "invalid perl operator": "; RE2 looks neither ahead nor back",
    "invalid escape sequence": "; RE2 knows no such thing, and no \\1 for what a group found",
    "invalid repetition size": "; RE2 repeats up to 1,000 times in all",
    "pattern too large": "; let it repeat less",
}


class PatternError(ValueError):
    """A pattern cannot be used; the message says why."""


def truncate(text: str) -> str:
    """Return the part of a text that rules look at, with lone surrogates replaced."""
    text = text[:MAX_COMPARED]
    return text if text.isascii() else text.encode(errors="replace").decode()


def normalize(text: str) -> str:
    """Return a text in the form in which it is compared."""
    if text.isascii():
        return text.lower().strip()
    folded = unicodedata.normalize("NFKC", text).casefold()
    letters = unicodedata.normalize("NFKD", folded)
    plain = "".join(letter for letter in letters if unicodedata.combining(letter) < FIRST_ACCENT)
    return unicodedata.normalize("NFKC", plain).strip()


def spaced_words(text: str) -> str:
    """Return the words of a normalized text between single spaces, "" if it has none."""
    words = (ASCII_WORD if text.isascii() else WORD).findall(text)
    return f" {' '.join(words)} " if words else ""


@lru_cache(maxsize=1024)
def compile_pattern(source: str) -> Any:
    """Compile a pattern; raises PatternError if RE2 cannot use it."""
    if len(source) > MAX_PATTERN:
        raise PatternError(f"the pattern is longer than {MAX_PATTERN:,} characters")
    try:
        return re2.compile(source, OPTIONS)
    except re2.error as error:
        detail = error.args[0]
        reason = detail.decode(errors="replace") if isinstance(detail, bytes) else str(detail)
        hint = next((hint for start, hint in HINTS.items() if reason.startswith(start)), "")
        raise PatternError(f"the pattern cannot be read: {reason[:100]}{hint}") from None


def _options() -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    return options


OPTIONS = _options()
ASCII_WORD = re.compile(r"\w+")
WORD = re2.compile(r"[\p{L}\p{M}\p{N}_]+")


class ComparableText:
    """A text in the forms in which it is compared, each made on first use."""

    def __init__(self, text: str | None) -> None:
        """Take a text, None if there is none."""
        self.original = None if text is None else truncate(text)

    @cached_property
    def normal(self) -> str | None:
        """The text without case, accents and surrounding space."""
        return None if self.original is None else normalize(self.original)

    @cached_property
    def words(self) -> str:
        """The words of the text between single spaces."""
        return spaced_words(self.normal or "")
