"""What a test expects of one line, held against what came; pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.rules.testing.notation import SIGNALS, Said, spoken
from gateway.rules.testing.planner import Folded
from gateway.rules.testing.testcase import Line


@dataclass(frozen=True, slots=True)
class Differs:
    """What was expected of one line, and what came, each part in its order."""

    what: str
    expected: Sequence[Said]
    got: Sequence[Said]


def differences(line: Line, folded: Sequence[Folded]) -> Iterator[Differs]:
    after = folded[-1].after
    got: dict[str, Sequence[Said]] = {
        "we": [
            said
            for one in folded
            for said in (spoken(body) for _, body in one.posted)
            if said not in SIGNALS or line.names_signals
        ],
        "rules": [rule for one in folded for rule in one.fired],
        "tags": sorted(after.tags),
        "vars": [{name: after.vars[name]} for name in sorted(after.vars)],
        "muted": [_yes_or_no(bool(after.muted_until and after.muted_until > folded[-1].now))],
        "opted_out": [_yes_or_no(after.opted_out_at is not None)],
        "alerts": [alert.title for one in folded if one.plan for alert in one.plan.alerts],
    }
    for what, found in got.items():
        expected = _expected(line, what)
        if expected is not None and not fits(expected, found):
            yield Differs(what, expected, found)


def _expected(line: Line, what: str) -> Sequence[Said] | None:
    said = getattr(line, what)
    if isinstance(said, bool):
        return [_yes_or_no(said)]
    if isinstance(said, dict):
        return [{name: said[name]} for name in sorted(said)]
    return sorted(said) if what == "tags" and said is not None else said


def fits(expected: Any, got: Any) -> bool:
    """Say whether something is as expected; of a mapping only what is named counts."""
    if isinstance(expected, Mapping):
        return isinstance(got, Mapping) and all(
            name in got and fits(said, got[name]) for name, said in expected.items()
        )
    if isinstance(expected, list | tuple):
        is_list = isinstance(got, list | tuple) and len(got) == len(expected)
        return is_list and all(fits(*both) for both in zip(expected, got, strict=True))
    return str(expected).strip() == _word(got).strip()


def _word(got: Any) -> str:
    # In a test everything is read as it was written, so numbers are words there.
    return str(got).lower() if isinstance(got, bool) else str(got)


def _yes_or_no(said: bool) -> str:
    return "yes" if said else "no"
