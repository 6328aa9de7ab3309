"""One rules file checked: what it says, and everything that is wrong with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.core.render import PlaceholderError, names_in, nearest
from gateway.rules.faults import told
from gateway.rules.match import PLACEHOLDERS
from gateway.rules.models import Book, known_keys
from gateway.rules.problems import Mark, Problem, short
from gateway.rules.text import PatternError, pattern
from gateway.rules.tree import Map, Scalar, Seq, parse


@dataclass(frozen=True, slots=True)
class Checked:
    """One file as it was read; there is no book where there are problems."""

    file: str
    tree: Any
    book: Book | None
    problems: tuple[Problem, ...]

    def rules(self) -> Iterator[tuple[str, Map]]:
        """Go through the rules that are mappings, each with the name it is told by."""
        listed = self.tree.get("rules") if isinstance(self.tree, Map) else None
        for index, rule in enumerate(listed if isinstance(listed, Seq) else ()):
            if isinstance(rule, Map):
                yield _name(rule, index), rule


def check(file: str, source: str) -> Checked:
    """Check one file and report every problem in it."""
    tree, problems = parse(file, source)
    if tree is None:
        return Checked(file, None, None, tuple(problems))
    if not isinstance(tree, Map):
        problems.append(Problem(file, tree.mark, "", "a rules file begins with `version: 1`"))
        return Checked(file, tree, None, tuple(problems))
    book = None
    try:
        book = Book.model_validate(tree)
    except ValidationError as error:
        problems += [_told(file, tree, each) for each in error.errors(include_url=False)]
    checked = Checked(file, tree, None, ())
    for name, rule in checked.rules():
        problems += [Problem(file, mark, name, said) for mark, said in _placeholders(rule)]
    return Checked(file, tree, None if problems else book, tuple(problems))


def _name(rule: Any, index: int) -> str:
    name = rule.get("name") if isinstance(rule, Map) else None
    return (name.strip() if isinstance(name, Scalar) else "") or f"#{index + 1}"


def _told(file: str, tree: Map, error: ErrorDetails) -> Problem:
    path, rule = error["loc"], ""
    if path[0] == "rules" and len(path) > 1 and isinstance(path[1], int):
        rule = _name(tree["rules"][path[1]], path[1])
    mark, message = told(tree, error, known_keys, above=2 if rule else 0)
    return Problem(file, mark, rule, message)


def _placeholders(rule: Map) -> Iterator[tuple[Mark, str]]:
    found = list(_patterns(rule.get("when")))
    groups = _groups(found)
    for taken in sorted(PLACEHOLDERS & (groups or set())):
        yield found[0].mark, f"the group {short(taken)} has the name of a placeholder"
    for text in _texts(rule.get("then")):
        try:
            names = names_in(text)
        except PlaceholderError as error:
            yield text.mark, str(error)
            continue
        known = names if groups is None else PLACEHOLDERS | groups
        for name in sorted(names - known):
            yield text.mark, f"unknown placeholder {short(name)}; {nearest(name, known)}"


def _patterns(when: Any) -> Iterator[Scalar]:
    """Go through the patterns whose groups are placeholders, as `Conditions.patterns` does."""
    if isinstance(when, Seq):
        for one in when:
            yield from _patterns(one)
    if isinstance(when, Map):
        text = when.get("text")
        source = text.get("matches") if isinstance(text, Map) else None
        if isinstance(source, Scalar):
            yield source
        for key in ("any", "all"):
            yield from _patterns(when.get(key))


def _groups(sources: list[Scalar]) -> frozenset[str] | None:
    """Name the groups of a rule's patterns; None where one is broken and nobody knows."""
    try:
        return frozenset(name for source in sources for name in pattern(source).groupindex)
    except PatternError:
        return None


def _texts(node: Any) -> Iterator[Scalar]:
    if isinstance(node, Scalar):
        yield node
        return
    for child in node.values() if isinstance(node, Map) else node or ():
        yield from _texts(child)
