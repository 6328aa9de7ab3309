"""Checked rules file: its content, and every problem in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.rules.language.rulefile import Book, known_keys, place_of
from gateway.rules.language.times.opening_hours_syntax import USUAL_ZONE
from gateway.rules.problems import Problem, limit_problems
from gateway.rules.yaml.errors import describe_error
from gateway.rules.yaml.nodes import Map, Scalar, Seq, parse


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """One file as it was read; it has no book if there are problems."""

    file: str
    tree: Any
    book: Book | None
    problems: tuple[Problem, ...]

    def top(self, key: str) -> Any:
        """Return the value of a key at the top of the file, None if it is missing."""
        return self.tree.get(key) if isinstance(self.tree, Map) else None

    def rules(self) -> Iterator[tuple[str, Map]]:
        """Yield the rules that are mappings, each with its name for reports."""
        rules_node = self.top("rules")
        for index, rule in enumerate(rules_node if isinstance(rules_node, Seq) else ()):
            if isinstance(rule, Map):
                yield _rule_name(rule, index), rule


def check(file: str, source: str, zone: str = "") -> CheckedFile:
    """Check one file and report every problem in it; `zone` is of hours that name none."""
    tree, problems = parse(file, source)
    if tree is None:
        return CheckedFile(file, None, None, tuple(problems))
    if not isinstance(tree, Map):
        problems.append(Problem(file, tree.mark, "", "a rules file begins with `version: 1`"))
        return CheckedFile(file, tree, None, tuple(problems))
    book = None
    try:
        book = Book.model_validate(tree, context={USUAL_ZONE: zone})
    except ValidationError as error:
        problems += limit_problems(
            _to_problem(file, tree, each) for each in error.errors(include_url=False)
        )
    return CheckedFile(file, tree, None if problems else book, tuple(problems))


def _rule_name(rule: Any, index: int) -> str:
    name = rule.get("name") if isinstance(rule, Map) else None
    return (name.strip() if isinstance(name, Scalar) else "") or f"#{index + 1}"


def _to_problem(file: str, tree: Map, error: ErrorDetails) -> Problem:
    path, rule = error["loc"], ""
    if path[0] == "rules" and len(path) > 1 and isinstance(path[1], int):
        rule = _rule_name(tree["rules"][path[1]], path[1])
    mark, message = describe_error(tree, error, known_keys, 2 if rule else 0, place_of)
    return Problem(file, mark, rule, message)
