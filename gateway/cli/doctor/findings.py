"""What a check is: a pure function from what was found to findings, under a name with advice."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from gateway.cli.doctor.doctor_advice import ADVICE

T = TypeVar("T")
U = TypeVar("U")

State = Literal["fine", "warning", "broken", "unseen"]


@dataclass(frozen=True, slots=True)
class Unseen:
    """What could not be found out, and why, to be read after "not looked at: "."""

    why: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says of one thing."""

    state: State
    told: str
    advised: bool = False  # the sentence says itself what to do


@dataclass(frozen=True, slots=True)
class Check(Generic[T]):
    """One thing that may be wrong.

    `of` takes what the check needs out of everything that was found, and `judge` looks at it.
    What to do where a finding is not fine is in doctor_advice.py, under the check's name.
    """

    group: str
    name: str
    of: Callable[[Any], T | Unseen]
    judge: Callable[[T], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Result:
    """A finding under the name of its check."""

    group: str
    name: str
    state: State
    told: str
    advice: str = ""  # "" where nothing is to be done, or the sentence says what


def fine(told: str) -> Finding:
    """Say that something is as it should be."""
    return Finding("fine", told)


def warning(told: str) -> Finding:
    """Say that something works and will not for ever, or not as was asked for."""
    return Finding("warning", told)


def broken(told: str, *, advised: bool = False) -> Finding:
    """Say that messages do not get through, or that what was acknowledged may be lost."""
    return Finding("broken", told, advised)


def unseen(why: str) -> Finding:
    """Say that something could not be found out."""
    return Finding("unseen", f"not looked at: {why}")


def both(one: T | Unseen, other: U | Unseen) -> tuple[T, U] | Unseen:
    """Return two things that a check needs together."""
    if isinstance(one, Unseen):
        return one
    return other if isinstance(other, Unseen) else (one, other)


def results(checks: Iterable[Check[Any]], facts: Any) -> Iterator[Result]:
    """Run every check; what a check needs and nobody could find out is told in its place."""
    for check in checks:
        for one in _said(check, facts):
            # Some of it was written by others, who may know how to move a terminal's cursor.
            told = "".join(sign if sign.isprintable() else " " for sign in one.told)
            needed = one.state in ("warning", "broken") and not one.advised
            advice = ADVICE[check.name] if needed else ""
            yield Result(check.group, check.name, one.state, told, advice)


def _said(check: Check[Any], facts: Any) -> list[Finding]:
    try:
        found = check.of(facts)
        return [unseen(found.why)] if isinstance(found, Unseen) else _gist(check.judge(found))
    except Exception as error:  # others wrote the facts, and one check must not take all with it
        return [unseen(f"the check failed ({type(error).__name__}), so report this")]


def _gist(findings: Iterable[Finding]) -> list[Finding]:
    """Return each finding that is not fine once, or else the first: a cluster has many servers."""
    every = list(dict.fromkeys(findings))
    return [one for one in every if one.state != "fine"] or every[:1]
