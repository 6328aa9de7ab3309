"""Texts of messages that may come out empty, so that nothing is sent."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from gateway.core.messages.filters import Value, kind_of
from gateway.core.messages.message_template import OPTIONAL
from gateway.core.messages.placeholders import PlaceholderError, has_placeholders, template
from gateway.rules.language.actions import BARE, SENDS
from gateway.rules.language.conditions import Conditions, When
from gateway.rules.language.contact_actions import Set
from gateway.rules.language.rulefile import RuleModel
from gateway.rules.problems import Mark
from gateway.rules.text import compile_pattern
from gateway.rules.yaml.nodes import Map, Scalar, Seq, as_list

MAY_BE_EMPTY = "may come out empty, and is not sent then; give its placeholder a `default('…')`"
# Placeholders that have a value for every message that is answered.
NEVER_EMPTY = frozenset({"type", "number", "id", "from"})
# Conditions that hold only where the placeholder of the same name has a value.
TESTED = frozenset({"text", "tapped", "language", "tags", "status", "code", "field"})
A_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def possibly_empty_texts(rule: RuleModel, tree: Map) -> Iterator[tuple[Mark, str]]:
    """Report the texts of a rule's messages that nothing but placeholders without values fill."""
    filled = NEVER_EMPTY | _noted_names(rule)
    filled |= frozenset.intersection(*(frozenset(_tested_names(when)) for when in rule.when))
    for text in _message_texts(tree.get("then")):
        # A placeholder that cannot be read is an error, which another check reports.
        with suppress(PlaceholderError):
            if has_placeholders(text) and not template(text).render(_lookup(filled)).strip():
                yield text.mark, MAY_BE_EMPTY


def _lookup(filled: frozenset[str]) -> Any:
    """Return a lookup by which only the given names, and moments, have a value."""

    def find(name: str) -> Value:
        return A_MOMENT if kind_of(name) == "moment" else "x" if name in filled else ""

    return find


def _noted_names(rule: RuleModel) -> frozenset[str]:
    """Return the variables that the rule notes itself."""
    names = (name for one in rule.then if isinstance(one, Set) for name in one.set)
    return frozenset(f"vars.{name}" for name in names)


def _tested_names(when: Conditions) -> Iterator[str]:
    """Yield the placeholders that have a value where the conditions hold."""
    yield from TESTED & when.model_fields_set
    if when.tapped or when.type == ("text",):
        yield "text"
    if isinstance(when, When) and when.events == ("status",):
        yield "status"
    yield from (f"vars.{name}" for name in when.vars or ())
    yield from (name for name, test in (when.data or {}).items() if test.present is not False)
    for pattern in when.patterns():
        yield from compile_pattern(pattern.source).groupindex
    for one in when.all or ():
        yield from _tested_names(one)


def _message_texts(then: Any) -> Iterator[Scalar]:
    for step in as_list(then):
        if isinstance(step, Scalar) and step not in BARE:
            yield step
        elif isinstance(step, Map) and not SENDS.keys().isdisjoint(step):
            yield from _needed_texts(step)


def _needed_texts(node: Any) -> Iterator[Scalar]:
    """Yield the texts of a message without those that are left out if they are empty."""
    match node:
        case Scalar():
            yield node
        case Map():
            for key, inner in node.items():
                if key not in OPTIONAL:
                    yield from _needed_texts(inner)
        case Seq():
            for inner in node:
                yield from _needed_texts(inner)
        case _:
            pass
