"""Index of rules, which finds those that may fire for an event without asking each of them.

Every event that a rule fires for has one of the rule's keys: a word of its text, a tap, a code, or
at least its kind. The index files rules under these keys, so that only rules with a key of the
event are asked. Rules may change the contact while they are asked, so the contact gives no keys.
"""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

import re2

from gateway.core.events import Notice, PhoneCall, Status
from gateway.rules.language.conditions import PATTERN_TESTS
from gateway.rules.matching.conditions.condition import Key
from gateway.rules.matching.facts import EventFacts
from gateway.rules.text import ComparableText

# Bytes for RE2's cache of the texts that it saw, for each of the two sets.
MEMORY = 32 << 20


class Patterns:
    """Patterns that are searched in a text at once, each with the word it represents."""

    def __init__(self, words: Mapping[str, str], options: Any) -> None:
        """Compile the patterns together, which takes memory."""
        self._words = tuple(words.values())
        self._set = _compile_set(words, options) if words else None

    def find_matches(self, text: str) -> Sequence[str]:
        """Return the patterns that match the text; all of them if RE2 runs out of memory."""
        positions = self._set.Match(text) if self._set else None
        if not positions or len(self._words) not in positions:
            return self._words
        return [self._words[i] for i in positions if i < len(self._words)]


def _compile_set(sources: Iterable[str], options: Any) -> Any:
    try:
        pattern_set = re2.Set.SearchSet(options)
        for source in sources:
            pattern_set.Add(source)
        # The empty pattern matches every text, unless RE2 has run out of memory.
        pattern_set.Add("")
        pattern_set.Compile()
    except re2.error:
        return None
    return pattern_set


class Index:
    """Index from keys of events to rules."""

    def __init__(self, keys: Sequence[frozenset[Key]]) -> None:
        """Take the keys of each rule in order; a rule without keys is never found."""
        self._rules: dict[Key, list[int]] = {}
        for position, of_rule in enumerate(keys):
            for key in of_rule:
                self._rules.setdefault(key, []).append(position)
        self._phrases = _group_by_rarest_word(self._words_of("word"))
        self._lengths = {len(word) for word in self._words_of("starts_with")}
        self._parts = Patterns(
            {re2.escape(word): word for word in self._words_of("contains")}, CASE_SENSITIVE
        )
        self._patterns = {
            test: Patterns({word: word for word in self._words_of(test)}, CASE_INSENSITIVE)
            for test in PATTERN_TESTS
            if self._words_of(test)
        }
        self._subjects = frozenset(subject for subject, _ in self._rules)

    def candidates(self, facts: EventFacts) -> list[int]:
        """Return the positions of the rules that may fire, in the order of the file."""
        positions: set[int] = set()
        for key in (*_event_keys(facts, self._subjects), *self._text_keys(facts.text)):
            if key in self._rules:
                positions.update(self._rules[key])
        return sorted(positions)

    def _words_of(self, name: str) -> frozenset[str]:
        return frozenset(word for kind, word in self._rules if kind == name)

    def _text_keys(self, text: ComparableText) -> Iterator[Key]:
        if text.normal is None or text.plain is None:
            return
        yield "text", text.normal
        if "exactly" in self._subjects and text.exact is not None:
            yield "exactly", text.exact
        if self._phrases:
            yield from self._phrase_keys(text.words)
        for length in self._lengths:
            yield "starts_with", text.plain[:length]
            yield "starts_with", text.normal[:length]
        for word in self._parts.find_matches(text.plain):
            yield "contains", word
        for test, patterns in self._patterns.items():
            for source in patterns.find_matches(text.searched_by(test) or ""):
                yield test, source

    def _phrase_keys(self, words: str) -> Iterator[Key]:
        for word in self._phrases.keys() & words.split():
            for phrase in self._phrases[word]:
                if phrase in words:
                    yield "word", phrase


def _group_by_rarest_word(phrases: Iterable[str]) -> dict[str, list[str]]:
    """Group phrases by the word of each that the fewest others have."""
    ordered = sorted(phrases)
    counts = Counter(word for phrase in ordered for word in phrase.split())
    groups: dict[str, list[str]] = {}
    for phrase in ordered:
        groups.setdefault(min(phrase.split(), key=lambda word: counts[word]), []).append(phrase)
    return groups


def _event_keys(facts: EventFacts, subjects: Container[str]) -> Iterator[Key]:
    """Yield the keys of an event; those that take time only if rules have some of their subject."""
    yield "event", facts.kind
    yield "type", facts.type
    yield "number", facts.event.number
    if "from" in subjects:
        for sender in facts.senders:
            yield "from", sender
    if facts.tapped is not None:
        yield "tapped", facts.tapped
    match facts.event:
        case Status(status=status):
            yield "status", status
            for code in facts.codes:
                yield "code", str(code)
        case PhoneCall(field=field, outcome=outcome):
            yield "field", field
            yield "call", outcome
        case Notice(field=field):
            yield "field", field
        case _:
            pass


def _options(*, case_sensitive: bool) -> Any:
    options = re2.Options()
    options.case_sensitive = case_sensitive
    options.log_errors = False
    options.max_mem = MEMORY
    return options


CASE_INSENSITIVE = _options(case_sensitive=False)
CASE_SENSITIVE = _options(case_sensitive=True)
