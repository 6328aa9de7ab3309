"""What is wrong where rules speak of each other, or of what stands elsewhere in the files."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from gateway.core.messages import length_limits
from gateway.core.rendering.placeholders import literal
from gateway.core.text import nearest
from gateway.rules.checks.file import CheckedFile
from gateway.rules.checks.placeholders import known_names, unknown, unknown_in
from gateway.rules.problems import Mark, Problem, short
from gateway.rules.yaml.nodes import Map, Scalar, Seq, items, mapping


def errors(files: Sequence[CheckedFile]) -> Iterator[Problem]:
    """Tell of every error of files that were read, beyond the shape of each."""
    hours = {name for file in files for name in mapping(file.top("hours"))}
    yield from _names_taken(files)
    yield from _defaults_taken(files)
    yield from _hours_taken(files)
    for file in files:
        for mark, message in unknown_in(file.top("defaults"), known_names(hours)):
            yield Problem(file.file, mark, "", message)
        for name, rule in file.rules():
            for mark, message in (
                *unknown(rule, hours),
                *_hours_unknown(rule, hours),
                *(found for body in bodies(rule) for found in too_much(body)),
            ):
                yield Problem(file.file, mark, name, message)


def conditions(node: Any) -> Iterator[Map]:
    """Go through all mappings of conditions under a `when`, however they are combined."""
    for one in items(node):
        if isinstance(one, Map):
            yield one
            for key in ("any", "all", "not"):
                yield from conditions(one.get(key))


def said(node: Any) -> Iterator[Scalar]:
    """Go through the words of a value that may be a list."""
    return (word for word in items(node) if isinstance(word, Scalar))


def steps(rule: Map) -> Iterator[Map]:
    """Go through the actions of a rule that are mappings."""
    return (step for step in items(rule.get("then")) if isinstance(step, Map))


def bodies(rule: Map) -> Iterator[Any]:
    """Go through the messages that are given in Meta's form."""
    return (step["send"] for step in steps(rule) if "send" in step)


def _names_taken(files: Sequence[CheckedFile]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    named = [(file.file, *found) for file in files for found in file.rules() if "name" in found[1]]
    for file, name, rule in named:
        if name in first:
            message = f"the name is taken by the rule at {first[name]}"
            yield Problem(file, rule.marks["name"], name, message)
        first.setdefault(name, f"{file}:{rule.marks['name'].line}")


def _defaults_taken(files: Sequence[CheckedFile]) -> Iterator[Problem]:
    setting = [file for file in files if file.book and file.book.defaults.model_fields_set]
    for file in setting[1:]:
        message = f"defaults are set in {setting[0].file} already"
        yield Problem(file.file, file.tree.marks["defaults"], "", message)


def _hours_taken(files: Sequence[CheckedFile]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for file in files:
        marks = mapping(file.top("hours")).marks
        for name in marks.keys() & first:
            message = f"the hours {short(name)} are set in {first[name]} already"
            yield Problem(file.file, marks[name], "", message)
        first = dict.fromkeys(marks, file.file) | first


def _hours_unknown(rule: Map, hours: Collection[str]) -> Iterator[tuple[Any, str]]:
    for when in conditions(rule.get("when")):
        for word in (*said(when.get("inside")), *said(when.get("outside"))):
            if word.strip() not in hours:
                hint = nearest(word, hours) if hours else "there are no `hours` at the top"
                yield word.mark, f"unknown hours {short(word)}; {hint}"


COUNTS = {
    "interactive.action.buttons": ("buttons", length_limits.BUTTONS),
    "interactive.action.sections": ("sections", length_limits.SECTIONS),
    "interactive.action.sections.rows": ("rows", length_limits.ROWS),
}


def too_much(body: Any) -> Iterator[tuple[Mark, str]]:
    """Tell of each part of a message that is longer than Meta takes it."""
    if isinstance(body, Map):
        yield from _below(body, length_limits.of(body), "")


def _below(node: Any, most: Mapping[str, int], path: str) -> Iterator[tuple[Mark, str]]:
    if isinstance(node, Scalar) and path in most and len(literal(node)) > most[path]:
        yield node.mark, length_limits.too_long(len(literal(node)), most[path])
    if isinstance(node, Map):
        for key, inner in node.items():
            yield from _below(inner, most, f"{path}.{key}" if path else key)
    if isinstance(node, Seq):
        if path in COUNTS and len(node) > COUNTS[path][1]:
            what, count = COUNTS[path]
            yield node.mark, f"has {len(node)} {what}; Meta takes {count}"
        for inner in node:
            yield from _below(inner, most, path)
