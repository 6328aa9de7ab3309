"""Errors in references: between rules, and to definitions elsewhere in the files."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from gateway.core.messages import length_limits
from gateway.core.messages.placeholders import without_placeholders
from gateway.core.text import suggestion_for
from gateway.rules.checks.forwards import forward_errors
from gateway.rules.checks.paths import wrong_data
from gateway.rules.checks.placeholders import (
    known_names,
    unknown_placeholders,
    unknown_placeholders_in,
)
from gateway.rules.checks.rulefile_check import CheckedFile
from gateway.rules.language.call_action import iter_steps, split_target
from gateway.rules.language.times.durations import UNTIL_OPENING
from gateway.rules.problems import Mark, Problem, quote_word
from gateway.rules.yaml.nodes import Map, Scalar, Seq, as_list, as_mapping


def reference_errors(files: Sequence[CheckedFile]) -> Iterator[Problem]:
    """Report every error of files that were read, beyond the shape of each."""
    hours = {name for file in files for name in as_mapping(file.top("hours"))}
    yield from _duplicate_names(files)
    yield from _duplicate_defaults(files)
    yield from forward_errors(files)
    services = {name for file in files for name in as_mapping(file.top("services"))}
    yield from _duplicate_definitions(files, "hours", "the hours")
    yield from _duplicate_definitions(files, "services", "the service")
    for file in files:
        for mark, message in unknown_placeholders_in(file.top("defaults"), known_names(hours)):
            yield Problem(file.file, mark, "", message)
        for name, rule in file.rules():
            for mark, message in (
                *unknown_placeholders(rule, hours),
                *_unknown_hours(rule, hours),
                *_unknown_services(rule, services),
                *wrong_data(rule),
                *(found for body in iter_bodies(rule) for found in oversized_parts(body)),
            ):
                yield Problem(file.file, mark, name, message)


def iter_conditions(node: Any) -> Iterator[Map]:
    """Yield all mappings of conditions under a `when`, however they are combined."""
    for one in as_list(node):
        if isinstance(one, Map):
            yield one
            for key in ("any", "all", "not"):
                yield from iter_conditions(one.get(key))


def iter_scalars(node: Any) -> Iterator[Scalar]:
    """Yield the words of a value, which may be a list."""
    return (word for word in as_list(node) if isinstance(word, Scalar))


def iter_bodies(rule: Map) -> Iterator[Any]:
    """Yield the messages that are written in Meta's form."""
    return (step["send"] for step in iter_steps(rule) if "send" in step)


def _duplicate_names(files: Sequence[CheckedFile]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    named = [(file.file, *found) for file in files for found in file.rules() if "name" in found[1]]
    for file, name, rule in named:
        if name in first:
            message = f"the name is taken by the rule at {first[name]}"
            yield Problem(file, rule.marks["name"], name, message)
        first.setdefault(name, f"{file}:{rule.marks['name'].line}")


def _duplicate_defaults(files: Sequence[CheckedFile]) -> Iterator[Problem]:
    setting = [file for file in files if file.book and file.book.defaults.model_fields_set]
    for file in setting[1:]:
        message = f"defaults are set in {setting[0].file} already"
        yield Problem(file.file, file.tree.marks["defaults"], "", message)


def _duplicate_definitions(files: Sequence[CheckedFile], key: str, what: str) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for file in files:
        marks = as_mapping(file.top(key)).marks
        for name in marks.keys() & first:
            verb = "are" if what.endswith("s") else "is"
            message = f"{what} {quote_word(name)} {verb} set in {first[name]} already"
            yield Problem(file.file, marks[name], "", message)
        first = dict.fromkeys(marks, file.file) | first


def _unknown_hours(rule: Map, hours: Collection[str]) -> Iterator[tuple[Any, str]]:
    for when in iter_conditions(rule.get("when")):
        for word in (*iter_scalars(when.get("inside")), *iter_scalars(when.get("outside"))):
            if word.strip() not in hours:
                yield word.mark, _unknown_hours_message(word, hours)
    for word in iter_scalars(rule.get("cooldown")):
        if (until := UNTIL_OPENING.fullmatch(word)) and until[1] not in hours:
            yield word.mark, _unknown_hours_message(until[1], hours)


NO_SERVICES = "there are no `services` at the top"


def _unknown_services(rule: Map, services: Collection[str]) -> Iterator[tuple[Any, str]]:
    for step in iter_steps(rule):
        call = step.get("call")
        word = call.get("to") if isinstance(call, Map) else call
        if not isinstance(word, Scalar) or not (target := split_target(word)):
            continue
        if (name := target.service) not in services:
            hint = suggestion_for(name, services) if services else NO_SERVICES
            yield word.mark, f"unknown service {quote_word(name)}; {hint}"


def _unknown_hours_message(name: str, hours: Collection[str]) -> str:
    hint = suggestion_for(name, hours) if hours else "there are no `hours` at the top"
    return f"unknown hours {quote_word(name)}; {hint}"


COUNTS = {
    "interactive.action.buttons": ("buttons", length_limits.BUTTONS),
    "interactive.action.sections": ("sections", length_limits.SECTIONS),
    "interactive.action.sections.rows": ("rows", length_limits.ROWS),
}


def oversized_parts(body: Any) -> Iterator[tuple[Mark, str]]:
    """Report each part of a message that is longer than Meta accepts."""
    if isinstance(body, Map):
        yield from _oversized_below(body, length_limits.of(body), "")


def _oversized_below(node: Any, most: Mapping[str, int], path: str) -> Iterator[tuple[Mark, str]]:
    if isinstance(node, Scalar) and path in most and len(without_placeholders(node)) > most[path]:
        yield node.mark, length_limits.too_long_reason(len(without_placeholders(node)), most[path])
    if isinstance(node, Map):
        for key, inner in node.items():
            yield from _oversized_below(inner, most, f"{path}.{key}" if path else key)
    if isinstance(node, Seq):
        if path in COUNTS and len(node) > COUNTS[path][1]:
            what, count = COUNTS[path]
            yield node.mark, f"has {len(node)} {what}; Meta takes {count}"
        for inner in node:
            yield from _oversized_below(inner, most, path)
