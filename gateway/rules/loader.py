"""Rules from a file or a folder, all errors told at once."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from gateway.rules import files
from gateway.rules.checks.file import Checked, check
from gateway.rules.checks.lint import warnings
from gateway.rules.checks.references import errors
from gateway.rules.files import File
from gateway.rules.language.rulefile import Book, Defaults, Rule
from gateway.rules.opening_hours import Hours
from gateway.rules.problems import Mark, Problem, RulebookError, first
from gateway.rules.rule import compiled
from gateway.rules.rulebook import Rulebook


def load(path: Path) -> Rulebook:
    """Load a file, or the *.yaml and *.yml files of a folder by name.

    Raises RulebookError with every error of every file.
    """
    return made_of(files.read(path))


def made_of(read: Iterable[File]) -> Rulebook:
    """Make a rulebook of files that were read. Raises RulebookError like `load`."""
    checked = [_checked(file) for file in read]
    if problems := sorted(first(errors_of(checked))):
        raise RulebookError(problems)
    return assembled([file.book for file in checked if file.book])


def look(path: Path) -> list[Problem]:
    """Tell everything that is wrong or odd with what `load` would load; never raises."""
    try:
        checked = [_checked(file) for file in files.read(path)]
    except RulebookError as error:
        return list(error.problems)
    return sorted(first(chain(errors_of(checked), warnings(checked))))


def errors_of(checked: Sequence[Checked]) -> Iterator[Problem]:
    """Tell every error of files that were read."""
    yield from (problem for file in checked for problem in file.problems)
    yield from errors(checked)


def _checked(file: File) -> Checked:
    if file.problem:
        return Checked(file.name, None, None, (file.problem,))
    try:
        return check(file.name, file.content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        before = file.content[: error.start].split(b"\n")
        mark = Mark(len(before), len(before[-1]) + 1)
        return Checked(file.name, None, None, (Problem(file.name, mark, "", "is not UTF-8"),))


def assembled(books: Sequence[Book]) -> Rulebook:
    """Put the files together, which were found to be right."""
    set_here = (book.defaults for book in books if book.defaults.model_fields_set)
    defaults = next(set_here, Defaults())
    rules = [rule for book in books for rule in book.rules]
    hours = {name: one for book in books for name, one in book.hours.items()}
    written = json.dumps(_meaning(defaults, hours, rules), sort_keys=True, default=str)
    version = hashlib.sha256(written.encode()).hexdigest()[:12]
    made = tuple(compiled(rule, defaults, hours) for rule in rules)
    return Rulebook(version, made, defaults.max_age, hours)


def _meaning(defaults: Defaults, hours: dict[str, Hours], rules: list[Rule]) -> Any:
    """Give what the rules mean, in whatever way it was written."""
    said = [model.model_dump(mode="json", exclude_defaults=True) for model in (defaults, *rules)]
    events = [[when.events for when in rule.when] for rule in rules]
    opening = {
        name: [one.zone, one.week, sorted(map(str, one.closed))] for name, one in hours.items()
    }
    return [said, events, opening]
