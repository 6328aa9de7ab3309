"""Rules from a file or a folder, all errors told at once."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from gateway.rules.check import Checked, check
from gateway.rules.models import Book, Defaults
from gateway.rules.problems import Problem, RulebookError
from gateway.rules.rulebook import Rulebook, compiled

MAX_BYTES = 1_000_000
SUFFIXES = (".yaml", ".yml")


def load(path: Path) -> Rulebook:
    """Load a file, or the *.yaml and *.yml files of a folder by name.

    Raises RulebookError with every problem of every file.
    """
    files = [_read(file) for file in rule_files(path)]
    problems = [problem for file in files for problem in file.problems]
    problems += [*_names_taken(files), *_defaults_taken(files)]
    if problems:
        raise RulebookError(sorted(problems, key=lambda problem: (problem.file, problem.line)))
    return _assembled([file.book for file in files if file.book])


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
        raise RulebookError([Problem(str(path), 0, "", "holds no *.yaml or *.yml file")])
    return visible


def _read(path: Path) -> Checked:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            return _unusable(Problem(str(path), 0, "", "is larger than 1 MB"))
        return check(str(path), content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return _unusable(Problem(str(path), line, "", "is not UTF-8"))
    except OSError as error:
        return _unusable(_unreadable(path, error))


def _unusable(problem: Problem) -> Checked:
    return Checked(problem.file, None, None, (problem,))


def _unreadable(path: Path, error: OSError) -> Problem:
    return Problem(str(path), 0, "", f"cannot be read: {error.strerror}")


def _names_taken(files: list[Checked]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    named = [(file.file, *found) for file in files for found in file.rules() if "name" in found[1]]
    for file, name, rule in named:
        if name in first:
            message = f"the name is taken by the rule at {first[name]}"
            yield Problem(file, rule.line, name, message)
        first.setdefault(name, f"{file}:{rule.line}")


def _defaults_taken(files: list[Checked]) -> Iterator[Problem]:
    setting = [file for file in files if file.book and file.book.defaults.model_fields_set]
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
