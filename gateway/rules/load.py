"""Rules from a file or a folder, all errors told at once."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from gateway.rules import files
from gateway.rules.check import Checked, check
from gateway.rules.files import File
from gateway.rules.models import Book, Defaults
from gateway.rules.problems import Problem, RulebookError
from gateway.rules.rulebook import Rulebook, compiled


def load(path: Path) -> Rulebook:
    """Load a file, or the *.yaml and *.yml files of a folder by name.

    Raises RulebookError with every problem of every file.
    """
    return made_of(files.read(path))


def made_of(read: Iterable[File]) -> Rulebook:
    """Make a rulebook of files that were read. Raises RulebookError like `load`."""
    checked = [_checked(file) for file in read]
    problems = [problem for file in checked for problem in file.problems]
    problems += [*_names_taken(checked), *_defaults_taken(checked)]
    if problems:
        raise RulebookError(sorted(problems, key=lambda problem: (problem.file, problem.line)))
    return _assembled([file.book for file in checked if file.book])


def _checked(file: File) -> Checked:
    if file.problem:
        return Checked(file.name, None, None, (file.problem,))
    try:
        return check(file.name, file.content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = file.content.count(b"\n", 0, error.start) + 1
        problem = Problem(file.name, line, "", "is not UTF-8")
        return Checked(file.name, None, None, (problem,))


def _names_taken(read: list[Checked]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    named = [(file.file, *found) for file in read for found in file.rules() if "name" in found[1]]
    for file, name, rule in named:
        if name in first:
            message = f"the name is taken by the rule at {first[name]}"
            yield Problem(file, rule.line, name, message)
        first.setdefault(name, f"{file}:{rule.line}")


def _defaults_taken(read: list[Checked]) -> Iterator[Problem]:
    setting = [file for file in read if file.book and file.book.defaults.model_fields_set]
    for file in setting[1:]:
        line = file.tree["defaults"].line
        message = f"defaults are set in {setting[0].file} already"
        yield Problem(file.file, line, "", message)


def _assembled(books: list[Book]) -> Rulebook:
    set_here = (book.defaults for book in books if book.defaults.model_fields_set)
    defaults = next(set_here, Defaults())
    rules = [rule for book in books for rule in book.rules]
    said = [model.model_dump(mode="json", exclude_defaults=True) for model in (defaults, *rules)]
    written = json.dumps(said, sort_keys=True)
    version = hashlib.sha256(written.encode()).hexdigest()[:12]
    made = tuple(compiled(rule, defaults) for rule in rules)
    return Rulebook(version, made, defaults.max_age)
