"""Conditions of rules, compiled from what is written under `when`; pure."""

from collections.abc import Iterator, Mapping

from gateway.rules.language.conditions import Conditions, When
from gateway.rules.matching.condition import Condition, Every, Neither, Some
from gateway.rules.matching.on_contact import of_contact, of_moment
from gateway.rules.matching.on_event import of_event, of_kind
from gateway.rules.matching.on_text import text_of
from gateway.rules.opening_hours import Hours


def condition(whens: tuple[When, ...], hours: Mapping[str, Hours]) -> Condition:
    """Compile what is written under `when` of one rule."""
    each = tuple(_when(when, hours) for when in whens)
    return each[0] if len(each) == 1 else Some(each)


def _when(when: When, hours: Mapping[str, Hours]) -> Every:
    return Every((of_kind(when.events), *_all(when, hours)))


def _all(when: Conditions, hours: Mapping[str, Hours]) -> Iterator[Condition]:
    yield from of_contact(when)
    yield from of_event(when)
    if when.text:
        yield from text_of(when.text)
    yield from of_moment(when, hours)
    if when.any:
        yield Some(_each(when.any, hours))
    if when.all:
        yield Every(_each(when.all, hours))
    if when.none:
        yield Neither(_each(when.none, hours))


def _each(inner: tuple[Conditions, ...], hours: Mapping[str, Hours]) -> tuple[Condition, ...]:
    return tuple(Every(tuple(_all(one, hours))) for one in inner)
