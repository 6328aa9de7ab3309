"""Check of the placeholders in the texts of one rule."""

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

from gateway.core.messages.placeholders import (
    PlaceholderError,
    names_in,
    split_placeholders,
    template,
)
from gateway.core.paths.table import HEADS, find_path
from gateway.core.text import suggestion_for
from gateway.rules.checks.paths import path_problem, rule_scopes
from gateway.rules.language.call_action import branch_nodes
from gateway.rules.language.conditions import PATTERN_TESTS
from gateway.rules.matching.placeholder_values import HOURS_FIELDS, NAMES
from gateway.rules.problems import Mark, quote_word
from gateway.rules.text import PatternError, compile_pattern
from gateway.rules.yaml.nodes import Map, Scalar, Seq, as_list

OTHER_NAMES = (
    "a variable that a rule set is `{}`, and what Meta tells has a path such as `order.text`"
)
ANSWER = "answer"  # among the known names where a service has answered
NO_ANSWER = "what a service answered is known in the branches of its call, such as `ok`, alone"
MarkedMessage = tuple[Mark, str]


def unknown_placeholders(rule: Map, hours: Collection[str]) -> Iterator[MarkedMessage]:
    """Report each placeholder of a rule that cannot be used; `hours` are the names of all hours."""
    sources = list(_group_patterns(rule.get("when")))
    groups = _group_names(sources)
    for taken in sorted((NAMES.keys() | {"now"}) & (groups or set())):
        yield sources[0].mark, f"the group {quote_word(taken)} has the name of a placeholder"
    known = None if groups is None else known_names(hours) | groups
    in_branches = None if known is None else known | {ANSWER}
    for step in as_list(rule.get("then")):
        branches = branch_nodes(step) if isinstance(step, Map) else ()
        inner = step["call"] if isinstance(step, Map) and "call" in step else step
        yield from unknown_placeholders_in(inner, known, rule_scopes(rule))
        for _, node in branches:
            yield from unknown_placeholders_in(node, in_branches, rule_scopes(rule))


def known_names(hours: Collection[str]) -> frozenset[str]:
    """Return the names of placeholders that any text may use."""
    of_hours = (f"hours.{name}.{of}" for name in hours for of in HOURS_FIELDS)
    return frozenset({*NAMES, "now", *of_hours})


def unknown_placeholders_in(
    node: Any, known: Collection[str] | None, scopes: frozenset[str] | None = None
) -> Iterator[MarkedMessage]:
    """Report each placeholder below a node that is not `known`; None if the names are unknown.

    Paths must be those of events with these `scopes`; None means any.
    """
    for mark, text in iter_texts(node):
        yield from _unknown_in_text(mark, text, known, scopes)


def iter_texts(node: Any) -> Iterator[tuple[Mark, str]]:
    """Yield all texts below a node, keys included, such as a section's title."""
    match node:
        case Scalar():
            yield node.mark, node
        case Map():
            for key, child in node.items():
                yield node.marks[key], key
                yield from iter_texts(child)
        case Seq():
            for child in node:
                yield from iter_texts(child)
        case _:
            pass


def _unknown_in_text(
    mark: Mark, text: str, known: Collection[str] | None, scopes: frozenset[str] | None
) -> Iterator[MarkedMessage]:
    try:
        names_in(text)
    except PlaceholderError as error:
        yield from _broken_placeholders(mark, text) or [(mark, str(error))]
    for at, name in placed_names(mark, text):
        if known is not None and (problem := _unknown_name(name, known, scopes)):
            yield at, problem


def _unknown_name(name: str, known: Collection[str], scopes: frozenset[str] | None) -> str:
    """Say what is wrong with a name, "" if it is one of ours or a path of the rule's events."""
    if name in known or name.startswith("vars."):
        return ""
    if name.startswith(f"{ANSWER}."):
        return "" if ANSWER in known else NO_ANSWER
    is_path = find_path(name) or name.partition(".")[0] in HEADS
    of_hours = [one for one in known if "." in one]
    if is_path and not get_close_matches(name, of_hours, n=1):
        return path_problem(name, scopes)
    hint = suggestion_for(name, known)
    more = "" if hint.startswith("did") else f"; {OTHER_NAMES.format(_variable_of(name))}"
    return f"unknown placeholder {quote_word(name)}; {hint}{more}"


def _variable_of(name: str) -> str:
    """Return the variable that an author of an unknown name may have meant."""
    return f"vars.{name}" if re.fullmatch(r"[A-Za-z_]\w{0,63}", name, re.ASCII) else "vars.NAME"


def placed_names(mark: Mark, text: str) -> Iterator[tuple[Mark, str]]:
    """Yield the names of a text's placeholders that can be compiled, each with its place."""
    left = set[str]()
    with suppress(PlaceholderError):
        left.update(names_in(text))
    for nth, placeholder in enumerate(split_placeholders(text)):
        with suppress(PlaceholderError):
            names = names_in(placeholder)
            yield from ((_mark_placeholder(mark, text, nth), name) for name in sorted(names))
            left -= names
    yield from ((mark, name) for name in sorted(left))


def _broken_placeholders(mark: Mark, text: str) -> list[MarkedMessage]:
    """Return each placeholder that cannot be compiled by itself, with its place and the reason."""
    found = []
    for nth, placeholder in enumerate(split_placeholders(text)):
        try:
            template(placeholder)
        except PlaceholderError as error:
            found.append((_mark_placeholder(mark, text, nth), str(error)))
    return found


def _mark_placeholder(mark: Mark, text: str, nth: int) -> Mark:
    return text.mark_of_part("{{", nth) if isinstance(text, Scalar) else mark


def _group_patterns(when: Any) -> Iterator[Scalar]:
    """Yield the patterns whose groups are placeholders, as `Conditions.patterns` does."""
    for one in as_list(when):
        if isinstance(one, Map):
            text = one.get("text")
            sources = map(text.get, PATTERN_TESTS) if isinstance(text, Map) else ()
            yield from (source for source in sources if isinstance(source, Scalar))
            for key in ("any", "all"):
                yield from _group_patterns(one.get(key))


def _group_names(sources: list[Scalar]) -> frozenset[str] | None:
    """Return the group names of a rule's patterns; None if a pattern is invalid."""
    try:
        return frozenset(name for source in sources for name in compile_pattern(source).groupindex)
    except PatternError:
        return None
