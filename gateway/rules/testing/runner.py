"""Tests are played: what the customer does is planned as workers do, by the clock of the case."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from gateway.core.contacts.contact import Contact
from gateway.core.phone_numbers import contact_key
from gateway.rules.explain import Explained, explain
from gateway.rules.problems import Mark
from gateway.rules.rulebook import Rulebook
from gateway.rules.testing.acts import done
from gateway.rules.testing.expecting import Differs, differences
from gateway.rules.testing.planner import Folded, Folding
from gateway.rules.testing.simulated_customer import Phone
from gateway.rules.testing.testcase import Case, Line
from gateway.rules.testing.testfile import Placed

LONG_AGO = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Turn:
    """One line that was played: what differs, and why each rule fired or not."""

    line: Line
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
    turns: tuple[Turn, ...]

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
    phone: Phone = field(init=False)
    folding: Folding = field(init=False)

    def __post_init__(self) -> None:
        case = self.case
        # A wait is real time, whatever clocks on a wall do meanwhile.
        self.now = case.at.astimezone(UTC)
        self.phone = Phone(case.number, case.customer, case.name)
        self.folding = Folding(self.rulebook)
        self.folding.remember(case.number, _begun(case))

    def turn(self, line: Line, mark: Mark) -> Turn:
        """Play one line."""
        if line.wait is not None:
            self.now += line.wait
        if line.they is None:
            return Turn(line, mark, self.now, ())
        events = done(line.they, self.phone, self.now - (line.they.age or timedelta(0)))
        folded = [self.folding.fold(event, self.now) for event in events]
        for one in folded:
            for send, body in one.posted:
                self.phone.hear(body, f"{send.id}.1")
        fired = tuple(rule for one in folded for rule in one.fired)
        error = next((one.error for one in folded if one.error), "")
        differs = tuple(differences(line, folded))
        told = tuple(self._why(folded)) if differs else ()
        return Turn(line, mark, self.now, fired, differs, told, error)

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
