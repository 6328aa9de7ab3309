"""Loader of rules from a file or a folder, which reports all errors at once."""

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path
from typing import Any

from gateway.rules.checks.lint import left_out_note, lint_warnings, template_places
from gateway.rules.checks.references import reference_errors
from gateway.rules.checks.rulefile_check import CheckedFile, check
from gateway.rules.checks.unread_files import unread_warnings
from gateway.rules.language.rulefile import Book, Defaults, RuleModel
from gateway.rules.matching.rule import compile_rule
from gateway.rules.opening_hours import Hours, is_trial_now, try_hours
from gateway.rules.problems import (
    Mark,
    NoRulesError,
    Problem,
    RulebookError,
    limit_problems,
)
from gateway.rules.rulebook import Rulebook

MAX_BYTES = 1_000_000
NO_FILES = "holds no *.yaml or *.yml file"
MOST_BUILT = 16  # rulebooks that are held for pages: one for each path that accounts name
MOST_ENTRIES = 10_000  # of subfolders that are looked at for a hint
SUFFIXES = (".yaml", ".yml")
# Test conversations are beside the rules they are about: shop.test.yaml beside shop.yaml.
TEST_SUFFIXES = tuple(f".test{suffix}" for suffix in SUFFIXES)


@dataclass(frozen=True, slots=True)
class File:
    """One file: its content, or why it could not be read."""

    name: str
    content: bytes = field(default=b"", repr=False)
    problem: Problem | None = None


def read(path: Path) -> tuple[File, ...]:
    """Read a file, or the *.yaml and *.yml files of a folder by name.

    Raises RulebookError if the path cannot be read, and NoRulesError if the folder holds none of
    them; a file that cannot be read has a `problem`.
    """
    return tuple(read_file(file) for file in _rule_files(path))


def read_if_any(path: Path) -> tuple[File, ...]:
    """Read like `read`; there is nothing in a folder without a file of rules."""
    try:
        return read(path)
    except NoRulesError:
        return ()


def read_file(file: Path) -> File:
    """Read one file; a pipe or a device is a problem, since it might never end."""
    try:
        with open(file, "rb", opener=_open_without_waiting) as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                return File(_display_name(file), problem=_problem(file, "is no regular file"))
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        return File(_display_name(file), problem=_unreadable(file, error))
    if len(content) > MAX_BYTES:
        return File(_display_name(file), problem=_problem(file, "is larger than 1 MB"))
    return File(_display_name(file), content)


def _open_without_waiting(path: str, flags: int) -> int:
    """Open a file; to open a pipe would else wait for its writer."""
    return os.open(path, flags | os.O_NONBLOCK)


def fingerprint(files: Iterable[File]) -> bytes:
    """Return a digest of all bytes of all files, since times and sizes may not show a change."""
    digest = blake2b(digest_size=16)
    for file in files:
        for part in (file.name, file.content, str(file.problem)):
            data = part.encode() if isinstance(part, str) else part
            digest.update(len(data).to_bytes(8) + data)
    return digest.digest()


def list_yaml_files(path: Path) -> list[Path]:
    """List the YAML files of a folder by name, tests among them. Raises OSError."""
    files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
    # An editor keeps its own files, such as .#rules.yaml, beside the one that is written.
    return [file for file in files if not file.name.startswith(".")]


def _rule_files(path: Path) -> list[Path]:
    try:
        if path.is_file():
            return [path]
        rules = [file for file in list_yaml_files(path) if not file.name.endswith(TEST_SUFFIXES)]
    except OSError as error:
        raise RulebookError([_unreadable(path, error)]) from None
    if rules:
        return rules
    raise _absence(path)


def _absence(folder: Path) -> RulebookError:
    """Return the error of a folder without rules, and what to do about it."""
    entries = islice(folder.glob("[!.]*/*"), MOST_ENTRIES)
    if below := sorted(one.parent for one in entries if one.suffix in SUFFIXES):
        message = f"{NO_FILES}; {_display_name(below[0])} does, so name that folder"
        return RulebookError([_problem(folder, message)])
    message = f"{NO_FILES}: gateway rules new writes a first one, or name the folder of yours"
    return NoRulesError([_problem(folder, message)])


def find_rules(path: Path, demo: Path | None) -> Path:
    """Return `path`; `demo`, if there is one, in the place of a folder without a file of rules."""
    if demo is None:
        return path
    try:
        _rule_files(path)
    except NoRulesError:
        return demo
    except RulebookError:
        pass  # whoever reads it learns why it cannot be read
    return path


def _unreadable(path: Path, error: OSError) -> Problem:
    return _problem(path, f"cannot be read: {error.strerror}")


def _problem(path: Path, message: str) -> Problem:
    return Problem(_display_name(path), Mark(), "", message)


def _display_name(path: Path) -> str:
    """Return a file's name in a form to print and store, because it need not be UTF-8."""
    return str(path).encode(errors="replace").decode()


def load(path: Path, trial_now: str = "", zone: str = "") -> Rulebook:
    """Load a file, or the *.yaml and *.yml files of a folder by name.

    Opening hours take `trial_now` for the present (`is_trial_now`), "" for the time that it is.
    Those that name no zone are in `zone`; without one that is an error.
    Raises RulebookError with every error of every file.
    """
    return build_rulebook(read(path), trial_now, zone)


def load_if_any(path: Path, trial_now: str = "", zone: str = "") -> Rulebook:
    """Load like `load`; a folder without a file of rules gives a rulebook without rules.

    Raises RulebookError with every error of every file.
    """
    try:
        return load(path, trial_now, zone)
    except NoRulesError:
        return assemble_rulebook([])


def read_trial_now(path: Path | None) -> str:
    """Return what a file says that opening hours take for now, "" where it says nothing usable."""
    try:
        written = path.read_text(encoding="utf-8").strip() if path else ""
    except (OSError, ValueError):
        return ""
    return written if is_trial_now(written) else ""


def build_rulebook(files: Iterable[File], trial_now: str = "", zone: str = "") -> Rulebook:
    """Build a rulebook from files that were read. Raises RulebookError like `load`."""
    checked = [_check_file(file, zone) for file in files]
    if problems := sorted(limit_problems(find_errors(checked))):
        raise RulebookError(problems)
    return assemble_rulebook([file.book for file in checked if file.book], trial_now)


@lru_cache(MOST_BUILT)
def build_once(files: tuple[File, ...], trial_now: str, zone: str) -> Rulebook:
    """Return the rulebook of some files, which are compiled once while their bytes are the same.

    Raises RulebookError.
    """
    return build_rulebook(files, trial_now, zone)


@dataclass(frozen=True, slots=True)
class RulesCheck:
    """Result of a check: problems, a note on what is as it should be, and the usable rulebook."""

    files: int
    problems: tuple[Problem, ...]
    note: str = ""
    rulebook: Rulebook | None = None
    # Where each template is named, by the rule and its name.
    template_places: Mapping[tuple[str, str], tuple[str, Mark]] = field(default_factory=dict)


def check_rules(paths: Iterable[Path], zone: str = "") -> RulesCheck:
    """Check files and folders together as one rulebook; never raises. A file counts once.

    Opening hours that name no zone are in `zone`.
    """
    files, errors, unread = dict[str, File](), list[Problem](), list[Problem]()
    for path in paths:
        unread += _list_unread(path)
        try:
            files |= {file.name: file for file in read(path)}
        except RulebookError as error:
            errors += error.problems
    checked = [_check_file(file, zone) for file in files.values()]
    errors += find_errors(checked)
    warnings = chain(lint_warnings(checked), (one for one in unread if one.file not in files))
    problems = tuple(sorted(limit_problems(chain(errors, warnings))))
    if errors:
        return RulesCheck(len(files), problems)
    rulebook = assemble_rulebook([file.book for file in checked if file.book])
    places = template_places(checked)
    return RulesCheck(len(files), problems, left_out_note(checked), rulebook, places)


def find_problems(path: Path) -> list[Problem]:
    """List every error and warning about the files that `load` would load; never raises.

    Warnings are also of files beside them that look like rules and are not loaded.
    """
    return list(check_rules([path]).problems)


def _list_unread(path: Path) -> list[Problem]:
    try:
        return list(unread_warnings(path))
    except OSError:
        return []  # a folder that cannot be read is an error of its own


def find_errors(checked: Sequence[CheckedFile]) -> Iterator[Problem]:
    """Yield every error of files that were read."""
    yield from (problem for file in checked for problem in file.problems)
    yield from reference_errors(checked)


def _check_file(file: File, zone: str) -> CheckedFile:
    if file.problem:
        return CheckedFile(file.name, None, None, (file.problem,))
    try:
        return check(file.name, file.content.decode("utf-8-sig"), zone)
    except UnicodeDecodeError as error:
        before = file.content[: error.start].split(b"\n")
        mark = Mark(len(before), len(before[-1]) + 1)
        return CheckedFile(file.name, None, None, (Problem(file.name, mark, "", "is not UTF-8"),))


def assemble_rulebook(books: Sequence[Book], trial_now: str = "") -> Rulebook:
    """Assemble a rulebook from files that have no errors."""
    set_here = (book.defaults for book in books if book.defaults.model_fields_set)
    defaults = next(set_here, Defaults())
    rules = [rule for book in books for rule in book.rules]
    forwards = [one for book in books for one in book.forwards]
    hours = {name: one for book in books for name, one in book.hours.items()}
    services = {name: one for book in books for name, one in book.services.items()}
    meaning = _meaning(defaults, hours, rules)
    meaning += [one.model_dump(mode="json") for one in forwards]
    # Rules without services keep the version that they had before there were any.
    meaning += [[name, one.model_dump(mode="json")] for name, one in services.items()]
    meaning += [trial_now] if trial_now else []
    meaning_json = json.dumps(meaning, sort_keys=True, default=str)
    version = hashlib.sha256(meaning_json.encode()).hexdigest()[:12]
    hours = try_hours(hours, trial_now)
    compiled_rules = tuple(compile_rule(rule, defaults, hours) for rule in rules)
    receivers = tuple(one.receiver() for one in forwards)
    return Rulebook(
        version, compiled_rules, defaults.max_age, hours, defaults.hand_over, receivers, services
    )


def _meaning(defaults: Defaults, hours: dict[str, Hours], rules: list[RuleModel]) -> list[Any]:
    """Return the meaning of the rules, however they are written."""
    dumped = [model.model_dump(mode="json", exclude_defaults=True) for model in (defaults, *rules)]
    events = [[when.events for when in rule.when] for rule in rules]
    opening = {
        name: [one.zone, one.week, sorted(map(str, one.closed))] for name, one in hours.items()
    }
    return [dumped, events, opening]
