"""Which rules are never asked, because those above answer all that they would; pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from gateway.rules.actions import SENDS
from gateway.rules.models import Rule
from gateway.rules.text import normal
from gateway.rules.when import ANY, TextTest, When

# One of several words must fit, so whoever takes more words takes all that fewer would.
ANY_OF = frozenset(
    {"type", "tapped", "media", "reaction", "status", "code", "field", "number", "sender"}
    | {"language", "tags", "inside"}
)
WITH_ANY = frozenset({"media", "reaction"})
SAME_TEST = {"any_of": "equals"}


class _Shape(NamedTuple):
    """Conditions in a form in which they can be compared."""

    events: frozenset[str]
    words: Mapping[str, frozenset[Any]]  # of which one must fit
    others: Mapping[str, Any]
    of_any_age: bool

    def covers(self, narrow: "_Shape") -> bool:
        """Say whether whatever fits the narrow conditions surely fits these."""
        # A rule that names an age is asked about older events too.
        if not narrow.events <= self.events or (narrow.of_any_age and not self.of_any_age):
            return False
        return all(
            key in narrow.words and (_takes_any(key, words) or narrow.words[key] <= words)
            for key, words in self.words.items()
        ) and all(narrow.others.get(key) == value for key, value in self.others.items())


class _Above:
    """The rules that end the search, found by a word that they take."""

    def __init__(self) -> None:
        self._by_word: dict[tuple[str, Any], list[tuple[str, _Shape]]] = defaultdict(list)
        self._others: list[tuple[str, _Shape]] = []

    def add(self, name: str, wide: _Shape) -> None:
        closed = (key for key, words in wide.words.items() if not _takes_any(key, words))
        if (key := next(closed, None)) is None:
            self._others.append((name, wide))
            return
        for word in wide.words[key]:
            self._by_word[key, word].append((name, wide))

    def covering(self, narrow: _Shape) -> str | None:
        """Name a rule that answers all that fits the narrow conditions."""
        # Who takes all of some words takes any one of them.
        found = (
            self._by_word.get((key, word), [])
            for key, words in narrow.words.items()
            for word in islice(words, 1)
        )
        every = chain(self._others, *found)
        return next((name for name, wide in every if wide.covers(narrow)), None)


def _takes_any(key: str, words: frozenset[Any]) -> bool:
    return key in WITH_ANY and ANY in words


def unreached(rules: Sequence[Rule]) -> Iterator[tuple[int, list[str]]]:
    """Name each rule that is never asked, by its position, and the rules above that answer."""
    above = _Above()
    for index, rule in enumerate(rules):
        if not rule.enabled:
            continue
        shapes = [_shape(when) for when in rule.when]
        names = [above.covering(shape) for shape in shapes]
        if None not in names:
            yield index, list(dict.fromkeys(name for name in names if name))
        elif _ends_always(rule):
            for shape in shapes:
                above.add(rule.name, shape)


def _ends_always(rule: Rule) -> bool:
    ends = any(step.verb in SENDS for step in rule.then) if rule.stop is None else rule.stop
    return ends and not (rule.shadow or rule.cooldown or rule.at_most)


def _shape(when: When) -> _Shape:
    given = {key: getattr(when, key) for key in when.model_fields_set - {"event", "text"}}
    words = {key: frozenset(given[key]) for key in given.keys() & ANY_OF}
    others = {key: value for key, value in given.items() if key not in words}
    if when.text:
        words |= _tests(when.text)
    return _Shape(frozenset(when.events), words, others, any(part.age for part in when.parts()))


def _tests(test: TextTest) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for key in test.model_fields_set:
        said = getattr(test, key)
        words = frozenset([said] if isinstance(said, str) else map(normal, said))
        name = f"text.{SAME_TEST.get(key, key)}"
        found[name] = found.get(name, words) & words
    return found
