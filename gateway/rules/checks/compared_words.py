"""Words of rules that are compared in another form than they are written, and lose by it."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gateway.rules.checks.references import iter_conditions, iter_scalars
from gateway.rules.matching.conditions.on_text import FORMS
from gateway.rules.problems import Mark, quote_word
from gateway.rules.text import normalize, plain_form, spaced_words, tidy
from gateway.rules.yaml.nodes import Map, Scalar, as_mapping

MarkedMessage = tuple[Mark, str]
# A class of characters may name those that a tidy text never has beside those that it has.
CHARACTER_CLASS = re.compile(r"\[[^\]]*\]")


def reshaped_words(rule: Map) -> Iterator[MarkedMessage]:
    """Yield what a rule's words and patterns lose before a text is compared with them."""
    for when in iter_conditions(rule.get("when")):
        for test in (when.get("text"), as_mapping(when.get("referral")).get("headline")):
            by_kind = test if isinstance(test, Map) else {"equals": test}
            for kind, words in by_kind.items():
                yield from _messages(kind, words)


def _messages(kind: str, words: Any) -> Iterator[MarkedMessage]:
    first: dict[str, Scalar] = {}
    for word in iter_scalars(words):
        form = FORMS[kind](word) if kind in FORMS else str(word)
        same = first.setdefault(spaced_words(form) if kind == "word" else form, word)
        if same is not word:
            yield word.mark, f"{quote_word(word)} is the same as {quote_word(same)} before"
        elif loss := LOSSES.get(kind, _no_loss)(word):
            yield word.mark, loss


def _no_loss(word: str) -> str:
    return ""


def _trimmed_part(word: str) -> str:
    """Say that a whole text is compared without the punctuation and emoji at its ends."""
    normal = normalize(word)
    if normal == plain_form(word):
        return ""
    return (
        f"{quote_word(word)} is compared as {quote_word(normal)}; to mean all of it use `exactly`"
    )


def _wordless_part(word: str) -> str:
    """Say that `word` leaves out signs that mean as much as a letter."""
    normal = normalize(word)
    words = spaced_words(normal).strip()
    if not words or (normal.startswith(words[0]) and normal.endswith(words[-1])):
        return ""
    return f"`word` looks for {quote_word(words)} only; for {quote_word(word)} use `contains`"


def _missing_char(source: str) -> str:
    """Say that a pattern names a character that a tidy text never has."""
    outside = CHARACTER_CLASS.sub("", source)
    char = next((char for char in outside if not char.isascii() and tidy(char) != char), "")
    if not char:
        return ""
    folded = f"write {tidy(char)} for it, or" if tidy(char) else "leave it out, or"
    return f"`matches` sees a text that never has {quote_word(char)}; {folded} use `matches_raw`"


LOSSES: Mapping[str, Callable[[str], str]] = {
    "equals": _trimmed_part, "any_of": _trimmed_part, "word": _wordless_part,
    "matches": _missing_char,
}  # fmt: skip
