"""Rules from a file or a folder, all errors told at once."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gateway.rules.across import errors
from gateway.rules.check import Checked, check
from gateway.rules.hours import Hours
from gateway.rules.models import Book, Defaults, Rule
from gateway.rules.odd import warnings
from gateway.rules.problems import Mark, Problem, RulebookError
from gateway.rules.rule import compiled
from gateway.rules.rulebook import Rulebook

MAX_BYTES = 1_000_000
SUFFIXES = (".yaml", ".yml")


def load(path: Path) -> Rulebook:
    """Load a file, or the *.yaml and *.yml files of a folder by name.

    Raises RulebookError with every error of every file.
    """
    files = read(path)
    if problems := sorted(errors_of(files)):
        raise RulebookError(problems)
    return assembled([file.book for file in files if file.book])


def look(path: Path) -> list[Problem]:
    """Tell everything that is wrong or odd with what `load` would load; never raises."""
    try:
        files = read(path)
    except RulebookError as error:
        return list(error.problems)
    return sorted([*errors_of(files), *warnings(files)])


def read(path: Path) -> list[Checked]:
    """Read and check each file by itself; raises RulebookError where there are none."""
    return [_read(file) for file in rule_files(path)]


def errors_of(files: Sequence[Checked]) -> Iterator[Problem]:
    """Tell every error of files that were read."""
    yield from (problem for file in files for problem in file.problems)
    yield from errors(files)


def rule_files(path: Path) -> list[Path]:
    """List the files that a path stands for; raises RulebookError where there are none."""
    if path.is_file():
        return [path]
    try:
        found = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
    except OSError as error:
        raise RulebookError([_unreadable(path, error)]) from None
    # An editor keeps its own files, such as .#rules.yaml, beside the one that is written.
    visible = [file for file in found if not file.name.startswith(".")]
    if not visible:
        raise RulebookError([Problem(str(path), Mark(), "", "holds no *.yaml or *.yml file")])
    return visible


def _read(path: Path) -> Checked:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            return _unusable(Problem(str(path), Mark(), "", "is larger than 1 MB"))
        return check(str(path), content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        before = content[: error.start].split(b"\n")
        mark = Mark(len(before), len(before[-1]) + 1)
        return _unusable(Problem(str(path), mark, "", "is not UTF-8"))
    except OSError as error:
        return _unusable(_unreadable(path, error))


def _unusable(problem: Problem) -> Checked:
    return Checked(problem.file, None, None, (problem,))


def _unreadable(path: Path, error: OSError) -> Problem:
    return Problem(str(path), Mark(), "", f"cannot be read: {error.strerror}")


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
