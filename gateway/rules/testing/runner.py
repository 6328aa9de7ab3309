"""Tests are played: what the customer does is planned as workers do, by the clock of the case."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.core.contacts.contact import Contact
from gateway.core.phone_numbers import contact_key
from gateway.rules.explain import Explained, explain
from gateway.rules.problems import Mark
from gateway.rules.rulebook import Rulebook
from gateway.rules.testing.notation import SIGNALS, Said, spoken
from gateway.rules.testing.planner import Folded, Folding
from gateway.rules.testing.simulated_customer import SimulatedCustomer, done
from gateway.rules.testing.testcase import Case, TestStep
from gateway.rules.testing.testfile import Placed


@dataclass(frozen=True, slots=True)
class Differs:
    """What was expected of one line, and what came, each part in its order."""

    what: str
    expected: Sequence[Said]
    got: Sequence[Said]


def differences(line: TestStep, folded: Sequence[Folded]) -> Iterator[Differs]:
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


def _expected(line: TestStep, what: str) -> Sequence[Said] | None:
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


LONG_AGO = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class StepResult:
    """One line that was played: what differs, and why each rule fired or not."""

    line: TestStep
    mark: Mark
    now: datetime
    fired: tuple[str, ...]
    differs: tuple[Differs, ...] = ()
    explained: tuple[Explained, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Played:
    """One case that was played."""

    placed: Placed
    turns: tuple[StepResult, ...]

    @property
    def passed(self) -> bool:
        """Say whether everything was as expected."""
        return not any(turn.differs or turn.error for turn in self.turns)

    @property
    def fired(self) -> frozenset[str]:
        """Name the rules that fired."""
        return frozenset(rule for turn in self.turns for rule in turn.fired)


def play(placed: Placed, rulebook: Rulebook) -> Played:
    """Play one case from its beginning."""
    case, talk = placed.case, _Talk(placed.case, rulebook)
    turns = [talk.turn(line, mark) for line, mark in zip(case.talk, placed.lines, strict=True)]
    return Played(placed, tuple(turns))


@dataclass(slots=True)
class _Talk:
    """A conversation under way."""

    case: Case
    rulebook: Rulebook
    now: datetime = field(init=False)
    phone: SimulatedCustomer = field(init=False)
    folding: Folding = field(init=False)

    def __post_init__(self) -> None:
        case = self.case
        # A wait is real time, whatever clocks on a wall do meanwhile.
        self.now = case.at.astimezone(UTC)
        self.phone = SimulatedCustomer(case.number, case.customer, case.name)
        self.folding = Folding(self.rulebook)
        self.folding.remember(case.number, _begun(case))

    def turn(self, line: TestStep, mark: Mark) -> StepResult:
        """Play one line."""
        if line.wait is not None:
            self.now += line.wait
        if line.they is None:
            return StepResult(line, mark, self.now, ())
        events = done(line.they, self.phone, self.now - (line.they.age or timedelta(0)))
        folded = [self.folding.fold(event, self.now) for event in events]
        for one in folded:
            for send, body in one.posted:
                self.phone.hear(body, f"{send.id}.1")
        fired = tuple(rule for one in folded for rule in one.fired)
        error = next((one.error for one in folded if one.error), "")
        differs = tuple(differences(line, folded))
        told = tuple(self._why(folded)) if differs else ()
        return StepResult(line, mark, self.now, fired, differs, told, error)

    def _why(self, folded: Sequence[Folded]) -> Iterator[Explained]:
        for one in folded:
            yield from explain(self.rulebook, one.event, one.before, one.now)


def _begun(case: Case) -> Contact:
    wrote_at = None if case.first_contact else case.at - LONG_AGO
    return Contact(
        contact_key(case.customer),
        wa_id=case.customer,
        name=case.name,
        last_inbound_at=wrote_at,
        named_at=wrote_at,
        opted_out_at=case.at - LONG_AGO if case.opted_out else None,
        tags=tuple(sorted(case.tags)),
        vars=case.vars,
    )
