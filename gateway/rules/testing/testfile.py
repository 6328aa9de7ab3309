"""Test files beside the rules, whose errors are all reported at once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.rules import loader
from gateway.rules.loader import TEST_SUFFIXES, File
from gateway.rules.problems import Mark, Problem
from gateway.rules.testing.testcase import Case, known_keys
from gateway.rules.yaml.errors import describe_error
from gateway.rules.yaml.nodes import Map, Scalar, Seq, parse

BEGINS = "a file of tests is a list: it begins with `- case: …`"


class CaseProblem(Problem):
    """One error in a test, whose name takes the place of a rule's."""

    about = "case"


@dataclass(frozen=True, slots=True)
class PlacedCase:
    """One case, with the places of it and its lines."""

    file: str
    case: Case
    mark: Mark
    step_marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Casebook:
    """All cases that were found, and the problems of others."""

    cases: tuple[PlacedCase, ...] = ()
    problems: tuple[Problem, ...] = ()


def find_test_files(path: Path) -> list[Path]:
    """List the test files beside rules: all of a folder, and shop.test.yaml of shop.yaml."""
    try:
        if path.is_dir():
            return [
                file for file in loader.list_yaml_files(path) if file.name.endswith(TEST_SUFFIXES)
            ]
    except OSError:
        return []  # problems of the folder are reported with its rules
    named = (path.with_suffix("").with_suffix(end) for end in TEST_SUFFIXES)
    return [file for file in named if file.is_file()]


def rules_path_for(path: Path) -> Path:
    """Return the rules that a path is about: shop.yaml of shop.test.yaml, otherwise itself."""
    end = next((end for end in TEST_SUFFIXES if path.name.endswith(end)), "")
    if not end:
        return path
    bare = path.name.removesuffix(end)
    candidates = (path.with_name(f"{bare}{suffix}") for suffix in loader.SUFFIXES)
    return next((file for file in candidates if file.is_file()), path.with_name(f"{bare}.yaml"))


def read_cases(paths: Iterable[Path]) -> Casebook:
    """Read test files."""
    books = [_parse_cases(loader.read_file(path)) for path in paths]
    return Casebook(
        tuple(case for book in books for case in book.cases),
        tuple(sorted(problem for book in books for problem in book.problems)),
    )


def _parse_cases(file: File) -> Casebook:
    if file.problem:
        return Casebook(problems=(file.problem,))
    try:
        tree, problems = parse(file.name, file.content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return Casebook(problems=(Problem(file.name, Mark(), "", "is not UTF-8"),))
    if not isinstance(tree, Seq):
        # The message about an empty file asks for the first line of rules, which tests lack.
        mark = Mark() if tree is None else tree.mark
        is_read = tree is not None or not file.content.strip()
        wrong = [Problem(file.name, mark, "", BEGINS)] if is_read else problems
        return Casebook(problems=tuple(wrong))
    cases = []
    for index, raw in enumerate(tree):
        name = _case_name(raw, index)
        try:
            case = Case.model_validate(raw)
        except ValidationError as error:
            problems += _to_problems(file.name, name, raw, error)
        else:
            cases.append(PlacedCase(file.name, case, raw.mark, tuple(_step_marks(raw))))
    return Casebook(tuple(cases), tuple(problems))


def _case_name(raw: Any, index: int) -> str:
    name = raw.get("case") if isinstance(raw, Map) else None
    return (name.strip() if isinstance(name, Scalar) else "") or f"#{index + 1}"


def _to_problems(file: str, name: str, raw: Any, error: ValidationError) -> Iterator[Problem]:
    for each in error.errors(include_url=False):
        mark, message = describe_error(raw, each, known_keys)
        yield CaseProblem(file, mark, name, message)


def _step_marks(raw: Map) -> Iterator[Mark]:
    talk = raw["talk"]
    yield from (line.mark for line in (talk if isinstance(talk, Seq) else (talk,)))
