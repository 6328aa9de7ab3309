"""Problems in rules, worded so that the author finds the line and knows what to do."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import ClassVar, NamedTuple

QUOTES = "put the text in quotes"
MAX_PROBLEMS = 100  # that are reported at once


class Mark(NamedTuple):
    """A line and column of a file, counted from 1; zeros mean the whole file."""

    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """One error, or with `is_warning` a warning; rule "" means the whole file."""

    about: ClassVar[str] = "rule"  # the kind of item that `rule` names

    file: str
    mark: Mark
    rule: str
    message: str
    is_warning: bool = False

    def __lt__(self, other: "Problem") -> bool:
        """Sort by place, whatever the items are that the problems are about."""
        return self._order < other._order

    @property
    def _order(self) -> tuple[object, ...]:
        return self.file, self.mark, self.rule, self.message

    def __str__(self) -> str:
        """Return the place and the message on one line."""
        mark = f":{self.mark.line}:{self.mark.column}" if self.mark.line else ""
        warning = "warning: " if self.is_warning else ""
        rule = f"{self.about} {quote_word(self.rule)}: " if self.rule else ""
        return f"{self.file}{mark}: {warning}{rule}{self.message}"


def limit_problems(problems: Iterable[Problem]) -> list[Problem]:
    """Return as many problems as an author reads, and one that says that there are more."""
    each = iter(problems)
    shown = list(islice(each, MAX_PROBLEMS))
    if more := next(each, None):
        message = f"more than {MAX_PROBLEMS} mistakes; mend these first"
        shown.append(replace(more, mark=Mark(), rule="", message=message))
    return shown


class RulebookError(Exception):
    """The rules cannot be used; `problems` has every error in them."""

    reason = "rules_broken"

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))


class NoRulesError(RulebookError):
    """A folder holds no file of rules, as a new one does; nothing in it is wrong."""


def quote_word(value: object) -> str:
    """Quote a word of the file, cut to a length that fits into a sentence."""
    word = str(value)
    return repr(word if len(word) <= 40 else f"{word[:40]}…")
