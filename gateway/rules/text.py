"""Text comparison: the forms in which the words of rules meet those of customers.

A text has four forms, each made from the one before:

- as it was written,
- tidy, for patterns: nothing invisible, and one way to write quotes, dashes, spaces and digits,
- plain, for words inside a text: without case, accents and WhatsApp's formatting too,
- normal, for whole texts: without the punctuation and emoji at both ends too.
"""

import re
import unicodedata
from functools import cached_property, lru_cache
from typing import Any

import re2

MAX_COMPARED = 4096
MAX_PATTERN = 1000

# Combining classes of marks that customers leave out: the points of Hebrew, Arabic and Syriac, and
# the accents above and below a letter. Other marks are part of how a script spells (Indic, Thai,
# kana), and without them the words would be other words.
POINTS = range(10, 37)
FIRST_ACCENT = 200
DOTLESS_I = "ı"  # of Turkish
TATWEEL = "\u0640"  # the bar that stretches an Arabic word

QUOTES = {"'": "‘’‚‛′‵‹›❛❜ʹʻʼʽˈ՚׳", '"': "“”„‟«»″‶❝❞〝〞〟״"}
DASHES = "\u2010-\u2015\u2043\u2212\u058a\u05be\u1400\u1806\u2e17\u2e1a\u2e3a\u2e3b\u30a0"
# Characters that only affect how others are drawn: joiners, direction marks, variation selectors,
# skin tones, the frame of a keycap, fillers, and control characters other than space.
INVISIBLE = (
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20e3\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001f3fb-\U0001f3ff\U000e0000-\U000e0fff"
)
UNSEEN = re.compile(f"[{INVISIBLE}]+")
FOLDED = re.compile(rf"[{''.join(QUOTES.values())}{DASHES}{INVISIBLE}]|[^\D0-9]")
# The acute accent ´, which keyboards offer as an apostrophe, after NFKC.
ACUTE = re.compile(r"\s\u0301")
FOLDS = {char: quote for quote, chars in QUOTES.items() for char in chars}
DASH = re.compile(f"[{DASHES}]")

# WhatsApp's marks for bold, italic, strikethrough and code. Inside a word, or alone between
# spaces, they mark nothing.
MARKS = re.compile(r"(?<![^\W_])(?<![*_~`])[*_~`]+(?=[^\s*_~`])|(?<=[^\s*_~`])[*_~`]+(?![\w*~`])")
# A backtick inside a word is an apostrophe.
BACKTICK = re.compile(r"(?<=[^\W_])`(?=[^\W_])")
# Its marks for a quote and for an item, at the beginning of a line.
LINE_MARKS = re.compile(r"^(?:[>*•-]\s+)+(?=\S)", re.MULTILINE)
LINE_BEGINNINGS = frozenset(">•-")

# Categories of what is trimmed from both ends: punctuation, emoji and other symbols, and what
# Python does not know yet, such as the emoji of next year.
TRIMMED = frozenset({"Po", "Ps", "Pe", "Pi", "Pf", "Pd", "Pc", "So", "Sk", "Sm", "Zs", "Cn", "Co"})
# They mean as much as a letter: c++, #5, 100%, @ana, /help, <3.
KEPT = frozenset("#%&@/\\§+<=|±×÷")


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


def drop_invisible(text: str) -> str:
    """Remove the characters that only affect how others are drawn."""
    return UNSEEN.sub("", text)


def tidy(text: str) -> str:
    """Return a text as patterns see it; line breaks stay."""
    if text.isascii():
        is_simple = text.isprintable() and "  " not in text
        return text.strip(" ") if is_simple else _collapse(drop_invisible(text))
    # One character of some scripts becomes eighteen.
    unified = unicodedata.normalize("NFKC", text)[:MAX_COMPARED]
    folded, count = FOLDED.subn(_fold, unified)
    if "\u0301" in folded:
        folded, count = ACUTE.sub("'", folded), 1
    return _collapse(unicodedata.normalize("NFKC", folded) if count else folded)


def unmark(tidied: str) -> str:
    """Return the plain form of a tidy text, which is one line."""
    plain = tidied.lower() if tidied.isascii() else _fold_letters(tidied)
    if _may_be_marked(plain):
        plain = BACKTICK.sub("'", LINE_MARKS.sub("", MARKS.sub("", plain)))
        plain = unicodedata.normalize("NFC", plain)  # for letters that such a mark divided
    return plain.replace("\n", " ") if "\n" in plain else plain


def trim(plain: str) -> str:
    """Return the normal form of a plain text, which is empty only if that is.

    A text that has nothing but punctuation and emoji stays as it is.
    """
    if plain[:1].isalnum() and plain[-1:].isalnum():
        return plain
    start, end = 0, len(plain)
    while start < end and _is_outer(plain[start]):
        start += 1
    while start < end and _is_outer(plain[end - 1]):
        end -= 1
    if start == end:
        return plain
    is_negative = plain[start].isdecimal() and plain[:start].endswith("-")
    return plain[start - is_negative : end]


def plain_form(text: str) -> str:
    """Return a text in the form in which a part of a text is compared."""
    return unmark(tidy(text))


def normalize(text: str) -> str:
    """Return a text in the form in which whole texts are compared."""
    return trim(unmark(tidy(text)))


def exact_form(text: str) -> str:
    """Return a text as it was written, in Unicode's NFC and without the space around it."""
    return unicodedata.normalize("NFC", text).strip()


def spaced_words(normal: str) -> str:
    """Return the words of a text in normal form between single spaces, "" if it has none."""
    if normal.isascii():
        words = ASCII_WORD.findall(normal)
    else:
        words = "".join(char if _is_of_word(char) else " " for char in normal).split()
    return f" {' '.join(words)} " if words else ""


def _may_be_marked(plain: str) -> bool:
    # Several times as fast as one regular expression.
    has_marks = "*" in plain or "_" in plain or "~" in plain or "`" in plain
    return has_marks or "\n" in plain or plain[:1] in LINE_BEGINNINGS


def _collapse(text: str) -> str:
    """Make one space of each run of spaces, and one line break of each that has some."""
    if text.isprintable() and "  " not in text:
        return text.strip(" ")
    lines = text.splitlines()
    return "\n".join(filter(None, (" ".join(line.split()) for line in lines)))


def _fold(found: re.Match[str]) -> str:
    char = found[0]
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    return FOLDS.get(char) or ("-" if DASH.match(char) else "")


def _fold_letters(text: str) -> str:
    folded = text.casefold().replace(DOTLESS_I, "i").replace(TATWEEL, "")
    letters = unicodedata.normalize("NFKD", folded)
    plain = "".join([char for char in letters if char < "\x80" or not _is_left_out(char)])
    return _collapse(plain if plain.isascii() else unicodedata.normalize("NFKC", plain))


def _is_left_out(char: str) -> bool:
    kind = unicodedata.combining(char)
    return kind >= FIRST_ACCENT or kind in POINTS


def _is_outer(char: str) -> bool:
    return char not in KEPT and unicodedata.category(char) in TRIMMED


def _is_of_word(char: str) -> bool:
    return char.isalnum() or char == "_" or unicodedata.category(char)[0] == "M"


ASCII_WORD = re.compile(r"\w+")


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


class ComparableText:
    """A text in all forms in which it is compared, made once for an event."""

    def __init__(self, text: str | None) -> None:
        """Take a text, None if there is none."""
        self.original = self.tidy = self.plain = self.normal = text
        if text is not None:
            self.original = truncate(text)
            self.tidy = tidy(self.original)
            self.plain = unmark(self.tidy)
            self.normal = trim(self.plain)

    @cached_property
    def exact(self) -> str | None:
        """The text as it was written, without the space around it."""
        return None if self.original is None else exact_form(self.original)

    @property
    def beginnings(self) -> tuple[str, ...]:
        """The text from its first character, and from its first word; none if there is none."""
        if self.plain is None or self.normal is None:
            return ()
        return (self.plain,) if self.plain.startswith(self.normal) else (self.plain, self.normal)

    def searched_by(self, test: str) -> str | None:
        """Return the text in which the patterns of a test are searched."""
        return self.original if test == "matches_raw" else self.tidy

    @cached_property
    def words(self) -> str:
        """The words of the text between single spaces."""
        return spaced_words(self.normal or "")
