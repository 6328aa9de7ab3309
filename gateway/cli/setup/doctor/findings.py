"""Checks and findings: a check is a named pure function from facts to findings, with advice."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from gateway.core.alerts import HealthProblem

T = TypeVar("T")
U = TypeVar("U")

State = Literal["fine", "warning", "broken", "unseen"]


@dataclass(frozen=True, slots=True)
class Unseen:
    """A fact that could not be collected, and why, to be read after "not looked at: "."""

    why: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check for one thing."""

    state: State
    message: str
    advice: str | None = None  # None: the check's advice; "": the message contains it

    @classmethod
    def of_problem(cls, problem: HealthProblem) -> "Finding":
        """Return the finding for a problem, worded as everywhere."""
        state: State = "broken" if problem.severity == "critical" else "warning"
        return cls(state, problem.sentence, problem.advice)


@dataclass(frozen=True, slots=True)
class Check(Generic[T]):
    """One thing that may be wrong.

    `of` extracts from all facts those that the check needs, and `judge` turns them into findings.
    The advice is for findings that have none of their own; findings of a problem always have it.
    """

    group: str
    name: str
    of: Callable[[Any], T | Unseen]
    judge: Callable[[T], Iterable[Finding]]
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """A finding with the name of its check."""

    group: str
    name: str
    state: State
    message: str
    advice: str = ""  # "" if nothing is to be done, or the message contains it


def fine(message: str) -> Finding:
    """Return the finding that something is as it should be."""
    return Finding("fine", message)


def warning(message: str) -> Finding:
    """Return the finding that something works, but not as requested or not for long."""
    return Finding("warning", message)


def broken(message: str, *, advised: bool = False) -> Finding:
    """Return the finding that messages do not arrive, or acknowledged deliveries may be lost."""
    return Finding("broken", message, "" if advised else None)


def unseen(why: str) -> Finding:
    """Return the finding that something could not be checked."""
    return Finding("unseen", f"not looked at: {why}")


def both(first: T | Unseen, second: U | Unseen) -> tuple[T, U] | Unseen:
    """Combine two facts that a check needs together."""
    if isinstance(first, Unseen):
        return first
    return second if isinstance(second, Unseen) else (first, second)


def run_checks(checks: Iterable[Check[Any]], facts: Any) -> Iterator[Result]:
    """Run every check; a check whose facts are missing gives the reason as its finding."""
    for check in checks:
        for one in _run_check(check, facts):
            # The text may come from outside, with control sequences for the terminal.
            message = "".join(sign if sign.isprintable() else " " for sign in one.message)
            advice = one.advice or ""
            if one.advice is None and one.state in ("warning", "broken"):
                advice = check.advice
            yield Result(check.group, check.name, one.state, message, advice)


def _run_check(check: Check[Any], facts: Any) -> list[Finding]:
    try:
        needed = check.of(facts)
        return (
            [unseen(needed.why)]
            if isinstance(needed, Unseen)
            else _relevant_findings(check.judge(needed))
        )
    except Exception as error:  # facts come from outside; one failed check must not stop others
        return [unseen(f"the check failed ({type(error).__name__}), so report this")]


def _relevant_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Return distinct findings that are not fine, or else the first: a cluster has many servers."""
    every = list(dict.fromkeys(findings))
    return [one for one in every if one.state != "fine"] or every[:1]
