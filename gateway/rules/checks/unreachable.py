"""Unreachable rules: those above answer every event that they would."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from gateway.rules.event_kinds import ANSWERED_TYPES
from gateway.rules.language.call_action import ENDS
from gateway.rules.language.conditions import ANY, Conditions, TextTest, When
from gateway.rules.language.rulefile import RuleModel
from gateway.rules.matching.conditions.on_event import normalize_sender
from gateway.rules.matching.facts import plain_emoji
from gateway.rules.text import exact_form, normalize, plain_form, spaced_words

# One of several words must fit, so a rule with more words covers a rule with fewer of them.
ANY_OF = frozenset(
    {"type", "tapped", "media", "reaction", "status", "code", "call", "field", "number", "sender"}
    | {"language", "tags", "inside"}
)
WITH_ANY = frozenset({"media", "reaction"})
SAME_TEST = {"any_of": "equals"}
# The form in which words are compared.
FORMS: Mapping[str, Callable[[Any], Any]] = {
    "type": str.lower, "reaction": plain_emoji, "sender": normalize_sender,
    "text.word": lambda word: spaced_words(normalize(word)), "text.equals": normalize,
    "text.contains": plain_form, "text.starts_with": plain_form, "text.exactly": exact_form,
}  # fmt: skip
# Tests of a text that hold if one of the others does, for those words that pass the function.
FOLLOWS: Mapping[str, tuple[tuple[str, ...], Callable[[str, str], bool]]] = {
    "text.contains": (
        ("text.equals", "text.contains", "text.starts_with"), lambda said, word: word in said,
    ),
    "text.starts_with": (("text.equals", "text.starts_with"), str.startswith),
    "text.word": (("text.equals", "text.word"), lambda said, word: word in spaced_words(said)),
}  # fmt: skip
MAX_FORM = 60  # characters of a text, in which the words of rules above are searched
# Verbs whose changes the conditions of rules below may test.
NOTE_VERBS = frozenset({"tag", "untag", "set", "unset", "mute", "hand_over", "unmute"})
NOTE_CONDITIONS = frozenset({"tags", "vars", "language", "muted", "handed_over"})


class _Shape(NamedTuple):
    """Conditions in a form in which they can be compared."""

    events: frozenset[str]
    rare_types: frozenset[str]  # types that a rule answers only because it names them
    words: Mapping[str, frozenset[Any]]  # one of each must fit
    others: Mapping[str, Any]
    of_notes: bool

    def covers(self, narrow: "_Shape") -> bool:
        """Say whether every event that fits the narrow conditions surely fits these."""
        if not narrow.events <= self.events:
            return False
        if not narrow.rare_types <= self.rare_types:
            return False
        return all(_accepts(key, words, narrow) for key, words in self.words.items()) and all(
            narrow.others.get(key) == value for key, value in self.others.items()
        )


class _CoveringRules:
    """The rules that end the search, by a word that they accept."""

    def __init__(self) -> None:
        self._by_word: dict[tuple[str, Any], list[tuple[str, _Shape]]] = defaultdict(list)
        self._others: list[tuple[str, _Shape]] = []
        self._lengths: dict[str, set[int]] = defaultdict(set)

    def add(self, name: str, wide: _Shape) -> None:
        closed = (key for key, words in wide.words.items() if not _accepts_any(key, words))
        if (key := next(closed, None)) is None:
            self._others.append((name, wide))
            return
        for word in wide.words[key]:
            self._by_word[key, word].append((name, wide))
            if key in FOLLOWS:
                self._lengths[key].add(len(word))

    def covering(self, narrow: _Shape) -> str | None:
        """Return a rule that answers every event that fits the narrow conditions."""
        # A rule that accepts all of some words accepts any one of them.
        first = [(key, word) for key, words in narrow.words.items() for word in islice(words, 1)]
        within = (part for key, word in first for part in self._within(key, word))
        entries = (self._by_word.get(part, ()) for part in chain(first, within))
        every = chain(self._others, *entries)
        return next((name for name, wide in every if wide.covers(narrow)), None)

    def _within(self, key: str, word: Any) -> Iterator[tuple[str, str]]:
        """Yield the parts of a word by which a rule above may accept a text."""
        for wide, (narrow, _) in FOLLOWS.items():
            if key in narrow:
                form = (spaced_words(word) if wide == "text.word" else word)[:MAX_FORM]
                for length in self._lengths[wide]:
                    yield from (
                        (wide, form[at : at + length]) for at in range(len(form) - length + 1)
                    )


def _accepts(key: str, words: frozenset[Any], narrow: _Shape) -> bool:
    own = narrow.words.get(key)
    if own is not None and (_accepts_any(key, words) or own <= words):
        return True
    from_others, test = FOLLOWS.get(key, ((), str.startswith))
    other_words = (narrow.words.get(other, frozenset()) for other in from_others)
    return any(
        each and all(any(test(one, word) for word in words) for one in each) for each in other_words
    )


def _accepts_any(key: str, words: frozenset[Any]) -> bool:
    return key in WITH_ANY and ANY in words


def find_unreachable(rules: Sequence[RuleModel]) -> Iterator[tuple[int, list[str]]]:
    """Yield the position of each rule that is never asked, and the rules above that answer.

    A message beyond a limit counts as answered, unless its rule says otherwise.
    """
    above, of_notes = _CoveringRules(), _CoveringRules()
    for index, rule in enumerate(rules):
        if not rule.enabled:
            continue
        shapes = list(map(_shape, rule.when))
        names = [above.covering(shape) or of_notes.covering(shape) for shape in shapes]
        if None not in names:
            yield index, list(dict.fromkeys(name for name in names if name))
        elif rule.shadow:
            continue
        elif not ends_search(rule) and any(step.verb in NOTE_VERBS for step in rule.then):
            of_notes = _CoveringRules()
        elif ends_search(rule) and not (is_limited(rule) and rule.when_limited == "next"):
            for shape in shapes:
                (of_notes if shape.of_notes else above).add(rule.name, shape)


def is_limited(rule: RuleModel) -> bool:
    """Say whether a rule has a limit."""
    return bool(rule.cooldown or rule.at_most)


def ends_search(rule: RuleModel) -> bool:
    """Say whether no rule below is asked after a rule that fired."""
    return any(step.verb in ENDS for step in rule.then) if rule.stop is None else rule.stop


def _shape(when: When) -> _Shape:
    given = {key: getattr(when, key) for key in when.model_fields_set - {"event", "text"}}
    words = {key: _forms(key, given[key]) for key in given.keys() & ANY_OF}
    others = {key: value for key, value in given.items() if key not in words}
    if when.text:
        words |= _tests(when.text)
    rare_types = when.named_types() - ANSWERED_TYPES
    of_notes = any(map(_asks_notes, when.parts()))
    return _Shape(frozenset(when.events), rare_types, words, others, of_notes)


def _asks_notes(part: Conditions) -> bool:
    return not NOTE_CONDITIONS.isdisjoint(part.model_fields_set)


def _forms(key: str, words: Iterable[Any]) -> frozenset[Any]:
    return frozenset(map(FORMS[key], words) if key in FORMS else words)


def _tests(test: TextTest) -> dict[str, frozenset[str]]:
    words_by_test: dict[str, frozenset[str]] = {}
    for key in test.model_fields_set:
        value = getattr(test, key)
        name = f"text.{SAME_TEST.get(key, key)}"
        words = _forms(name, [value] if isinstance(value, str) else value)
        words_by_test[name] = words_by_test.get(name, words) & words
        if key == "exactly":  # who writes exactly this writes what equals it as well
            same = _forms("text.equals", value)
            words_by_test["text.equals"] = words_by_test.get("text.equals", same) & same
    return words_by_test
