"""Conditions on what Meta tells of an event, by path."""

from collections.abc import Callable, Iterator

from gateway.core.paths.path import MetaPath
from gateway.core.paths.table import find_path
from gateway.core.paths.values import parse_number
from gateway.rules.language.conditions import DataTest
from gateway.rules.matching.conditions.condition import (
    IS,
    Key,
    SingleCondition,
    describe_comparison,
)
from gateway.rules.matching.conditions.on_event import normalize_sender
from gateway.rules.matching.conditions.on_text import conditions_on_any
from gateway.rules.matching.facts import EventFacts

FLAG_WORDS = {"true": "yes", "false": "no"}
# Index keys of the scopes that have some.
INDEXED = {"message": "type", "notice": "field"}


def data_conditions(name: str, test: DataTest) -> Iterator[SingleCondition]:
    """Compile the tests of one path; one of its values must pass each of them.

    A name that is no path holds for no event; the check of the files reports it.
    """
    if not (path := find_path(name)):
        yield SingleCondition(lambda _: False, "", f"there is no {name}")
        return
    yield from _EQUALITIES.get(path.kind, _text_conditions)(path, test)
    if test.at_least is not None:
        yield _bound(path, test.at_least, "at least", float.__ge__)
    if test.at_most is not None:
        yield _bound(path, test.at_most, "at most", float.__le__)
    if test.present is not None:
        yield _presence(path, test.present)


def index_keys(path: MetaPath) -> frozenset[Key] | None:
    """Return the types or fields of the events that have a path, None if any event may."""
    pairs = [scope.partition(":") for scope in path.scopes]
    if not all(rest for _, _, rest in pairs):
        return None
    return frozenset((INDEXED[kind], rest) for kind, _, rest in pairs)


def _text_conditions(path: MetaPath, test: DataTest) -> Iterator[SingleCondition]:
    yield from conditions_on_any(test, path.name, lambda facts: facts.texts(path), index_keys(path))


def _number_conditions(path: MetaPath, test: DataTest) -> Iterator[SingleCondition]:
    if (words := _words(test)) is not None:
        wanted = frozenset(map(float, words))
        yield SingleCondition(
            lambda facts: not wanted.isdisjoint(facts.values(path)),
            *describe_comparison(path.name, IS, words),
            index_keys(path),
        )


def _flag_conditions(path: MetaPath, test: DataTest) -> Iterator[SingleCondition]:
    if (words := _words(test)) is not None:
        wanted = frozenset(FLAG_WORDS.get(word, word) == "yes" for word in words)
        yield SingleCondition(
            lambda facts: not wanted.isdisjoint(facts.values(path)),
            *describe_comparison(path.name, IS, words),
            index_keys(path),
        )


def _phone_conditions(path: MetaPath, test: DataTest) -> Iterator[SingleCondition]:
    # Phone numbers must not be in a record, so not even the rule's own are shown.
    if (words := _words(test)) is not None:
        wanted = frozenset(map(normalize_sender, words))
        yield SingleCondition(
            lambda facts: any(normalize_sender(str(one)) in wanted for one in facts.values(path)),
            f"{path.name} is one the rule names",
            f"{path.name} is none the rule names",
            index_keys(path),
        )


_EQUALITIES: dict[str, Callable[[MetaPath, DataTest], Iterator[SingleCondition]]] = {
    "number": _number_conditions,
    "yes or no": _flag_conditions,
    "phone number": _phone_conditions,
}


def _words(test: DataTest) -> tuple[str, ...] | None:
    """Return the words of which one must be equal, None if no equality is asked for."""
    if test.equals and test.any_of:
        return tuple(word for word in test.equals if word in test.any_of)
    return test.equals or test.any_of


def _bound(
    path: MetaPath, limit: float, words: str, compare: Callable[[float, float], bool]
) -> SingleCondition:
    return SingleCondition(
        lambda facts: any(compare(value, limit) for value in _numbers(facts, path)),
        f"{path.name} is {words} {limit:g}",
        f"{path.name} is not {words} {limit:g}",
        index_keys(path),
    )


def _numbers(facts: EventFacts, path: MetaPath) -> Iterator[float]:
    """Yield the values that are numbers, also those that Meta writes as a text."""
    for value in facts.values(path):
        number = parse_number(value)
        if number is not None:
            yield number


def _presence(path: MetaPath, wanted: bool) -> SingleCondition:
    texts = (f"there is {path.name}", f"there is no {path.name}")
    held, failed = texts if wanted else reversed(texts)
    return SingleCondition(
        lambda facts: bool(facts.values(path)) is wanted,
        held,
        failed,
        index_keys(path) if wanted else None,
    )
