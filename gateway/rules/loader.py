"""Rules from a file or a folder, all errors told at once."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any

from gateway.rules.checks.file import CheckedFile, check
from gateway.rules.checks.lint import warnings
from gateway.rules.checks.references import errors
from gateway.rules.language.rulefile import Book, Defaults, RuleModel
from gateway.rules.opening_hours import Hours
from gateway.rules.problems import Mark, Problem, RulebookError, first
from gateway.rules.rulebook import Rulebook, compiled

MAX_BYTES = 1_000_000
SUFFIXES = (".yaml", ".yml")
# Conversations that stand beside the rules they are about: shop.test.yaml beside shop.yaml.
TESTS = tuple(f".test{suffix}" for suffix in SUFFIXES)


@dataclass(frozen=True, slots=True)
class File:
    """One file: what it holds, or why it could not be read."""

    name: str
    content: bytes = field(default=b"", repr=False)
    problem: Problem | None = None


def read(path: Path) -> tuple[File, ...]:
    """Read a file, or the *.yaml and *.yml files of a folder by name.

    Raises RulebookError where there are none; a file that cannot be read says so itself.
    """
    return tuple(one(file) for file in _rules_in(path))


def one(file: Path) -> File:
    """Read one file."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        return File(_name(file), problem=_unreadable(file, error))
    if len(content) > MAX_BYTES:
        return File(_name(file), problem=Problem(_name(file), Mark(), "", "is larger than 1 MB"))
    return File(_name(file), content)


def stamp(files: Iterable[File]) -> bytes:
    """Return what changes with any byte of any file: times and sizes may stay as they were."""
    seen = blake2b(digest_size=16)
    for file in files:
        for part in (file.name, file.content, str(file.problem)):
            data = part.encode() if isinstance(part, str) else part
            seen.update(len(data).to_bytes(8) + data)
    return seen.digest()


def listed(path: Path) -> list[Path]:
    """List the YAML files of a folder by name, tests among them. Raises OSError."""
    found = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
    # An editor keeps its own files, such as .#rules.yaml, beside the one that is written.
    return [file for file in found if not file.name.startswith(".")]


def _rules_in(path: Path) -> list[Path]:
    try:
        if path.is_file():
            return [path]
        rules = [file for file in listed(path) if not file.name.endswith(TESTS)]
    except OSError as error:
        raise RulebookError([_unreadable(path, error)]) from None
    if rules:
        return rules
    raise RulebookError([Problem(_name(path), Mark(), "", "holds no *.yaml or *.yml file")])


def _unreadable(path: Path, error: OSError) -> Problem:
    return Problem(_name(path), Mark(), "", f"cannot be read: {error.strerror}")


def _name(path: Path) -> str:
    """Name a file so that it can be told and kept: a name need not be UTF-8."""
    return str(path).encode(errors="replace").decode()


def load(path: Path) -> Rulebook:
    """Load a file, or the *.yaml and *.yml files of a folder by name.

    Raises RulebookError with every error of every file.
    """
    return made_of(read(path))


def made_of(read: Iterable[File]) -> Rulebook:
    """Make a rulebook of files that were read. Raises RulebookError like `load`."""
    checked = [_checked(file) for file in read]
    if problems := sorted(first(errors_of(checked))):
        raise RulebookError(problems)
    return assembled([file.book for file in checked if file.book])


def look(path: Path) -> list[Problem]:
    """Tell everything that is wrong or odd with what `load` would load; never raises."""
    try:
        checked = [_checked(file) for file in read(path)]
    except RulebookError as error:
        return list(error.problems)
    return sorted(first(chain(errors_of(checked), warnings(checked))))


def errors_of(checked: Sequence[CheckedFile]) -> Iterator[Problem]:
    """Tell every error of files that were read."""
    yield from (problem for file in checked for problem in file.problems)
    yield from errors(checked)


def _checked(file: File) -> CheckedFile:
    if file.problem:
        return CheckedFile(file.name, None, None, (file.problem,))
    try:
        return check(file.name, file.content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        before = file.content[: error.start].split(b"\n")
        mark = Mark(len(before), len(before[-1]) + 1)
        return CheckedFile(file.name, None, None, (Problem(file.name, mark, "", "is not UTF-8"),))


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


def _meaning(defaults: Defaults, hours: dict[str, Hours], rules: list[RuleModel]) -> Any:
    """Give what the rules mean, in whatever way it was written."""
    said = [model.model_dump(mode="json", exclude_defaults=True) for model in (defaults, *rules)]
    events = [[when.events for when in rule.when] for rule in rules]
    opening = {
        name: [one.zone, one.week, sorted(map(str, one.closed))] for name, one in hours.items()
    }
    return [said, events, opening]
