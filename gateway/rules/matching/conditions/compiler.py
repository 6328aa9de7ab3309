"""Compiler of rules' conditions from `when`."""

from collections.abc import Iterator, Mapping

from gateway.rules.language.conditions import Conditions, When
from gateway.rules.matching.conditions.condition import Condition, Every, Neither, Some
from gateway.rules.matching.conditions.on_contact import contact_conditions, moment_conditions
from gateway.rules.matching.conditions.on_data import data_conditions
from gateway.rules.matching.conditions.on_event import (
    answered_type_condition,
    event_conditions,
    kind_condition,
)
from gateway.rules.matching.conditions.on_text import text_conditions
from gateway.rules.opening_hours import Hours


def compile_condition(whens: tuple[When, ...], hours: Mapping[str, Hours]) -> Condition:
    """Compile the conditions under `when` of one rule."""
    each = tuple(_compile_when(when, hours) for when in whens)
    return each[0] if len(each) == 1 else Some(each)


def _compile_when(when: When, hours: Mapping[str, Hours]) -> Every:
    kind = kind_condition(when.events)
    answered = answered_type_condition(when.named_types())
    return Every((kind, answered, *_compile_all(when, hours)))


def _compile_all(when: Conditions, hours: Mapping[str, Hours]) -> Iterator[Condition]:
    yield from contact_conditions(when)
    yield from event_conditions(when)
    if when.text:
        yield from text_conditions(when.text)
    for name, test in (when.data or {}).items():
        yield from data_conditions(name, test)
    yield from moment_conditions(when, hours)
    if when.any:
        yield Some(_compile_each(when.any, hours))
    if when.all:
        yield Every(_compile_each(when.all, hours))
    if when.none:
        yield Neither(_compile_each(when.none, hours))


def _compile_each(
    inner: tuple[Conditions, ...], hours: Mapping[str, Hours]
) -> tuple[Condition, ...]:
    return tuple(Every(tuple(_compile_all(one, hours))) for one in inner)
