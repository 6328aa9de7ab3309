"""Runner of tests: plans the customer's acts as workers do, by the clock of the case."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.core.contacts.contact import Contact
from gateway.core.events import CampaignMessage, Event
from gateway.core.services.answer import is_answer
from gateway.core.webhook.phone_numbers import contact_key
from gateway.rules.explain import RuleExplanation, explain
from gateway.rules.problems import Mark
from gateway.rules.rulebook import Rulebook
from gateway.rules.testing.planner import EventPlanner, PlannedEvent
from gateway.rules.testing.service_answers import AnsweringServices, UnknownAnswerError
from gateway.rules.testing.simulated_customer import SimulatedCustomer, simulate_act
from gateway.rules.testing.step_notation import SIGNALS, Notation, strip_address
from gateway.rules.testing.testcase import Case, CaseStep
from gateway.rules.testing.testfile import PlacedCase


@dataclass(frozen=True, slots=True)
class Difference:
    """The expected and actual results of one line, each part in its order."""

    what: str
    expected: Sequence[Notation]
    actual: Sequence[Notation]


def find_differences(step: CaseStep, planned: Sequence[PlannedEvent]) -> Iterator[Difference]:
    """Yield what a line of a case expects and the plan lacks, or the other way round."""
    after = planned[-1].after
    got: dict[str, Sequence[Notation]] = {
        "we": _sent_messages(step, planned),
        "rules": [rule for one in planned if not is_answer(one.event) for rule in one.fired],
        "tags": sorted(after.tags),
        "vars": [{name: after.vars[name]} for name in sorted(after.vars)],
        "muted": [_yes_or_no(bool(after.silent_until and after.silent_until > planned[-1].now))],
        "opted_out": [_yes_or_no(after.opted_out_at is not None)],
        "notifications": [text for one in planned for text in one.notifications],
        "forwards": [name for one in planned for name in one.forwards],
        "calls": [call.request for one in planned for call in one.calls],
        "alerts": [alert.title for one in planned for alert in one.alerts_of_rules],
    }
    for what, actual in got.items():
        expected = _expected_values(step, what)
        if expected is not None and not fits(expected, actual):
            yield Difference(what, expected, actual)


def _sent_messages(step: CaseStep, planned: Sequence[PlannedEvent]) -> list[Notation]:
    """Return what was sent, in the words of rules, or in Meta's form where the test has that."""
    sent = [
        (message, body)
        for one in planned
        for message, (_, body) in zip(one.messages, one.posts, strict=True)
        if message not in SIGNALS or step.names_signals
    ]
    expected = step.we or ()
    return [
        {"send": strip_address(body)}
        if place < len(expected) and _is_meta_form(expected[place])
        else message
        for place, (message, body) in enumerate(sent)
    ]


def _is_meta_form(expected: Any) -> bool:
    return isinstance(expected, Mapping) and expected.keys() == {"send"}


def _expected_values(step: CaseStep, what: str) -> Sequence[Notation] | None:
    value = getattr(step, what)
    if isinstance(value, bool):
        return [_yes_or_no(value)]
    if isinstance(value, dict):
        return [{name: value[name]} for name in sorted(value)]
    return sorted(value) if what == "tags" and value is not None else value


def fits(expected: Any, got: Any) -> bool:
    """Say whether a value is as expected; of a mapping only the expected keys count."""
    if isinstance(expected, Mapping):
        return isinstance(got, Mapping) and all(
            name in got and fits(value, got[name]) for name, value in expected.items()
        )
    if isinstance(expected, list | tuple):
        is_list = isinstance(got, list | tuple) and len(got) == len(expected)
        return is_list and all(fits(*both) for both in zip(expected, got, strict=True))
    if isinstance(got, Mapping) and got.keys() == {"send_text", "wait"}:
        return fits(expected, got["send_text"])  # a text in a test says nothing of its wait
    return str(expected).strip() == _word(got).strip()


def _word(got: Any) -> str:
    # In a test every value is read as written, so numbers are words there.
    return str(got).lower() if isinstance(got, bool) else str(got)


def _yes_or_no(flag: bool) -> str:
    return "yes" if flag else "no"


LONG_AGO, AN_HOUR = timedelta(days=30), timedelta(hours=1)
# A colleague takes so long to type; what the phone sends at once is its greeting.
TYPING_TIME = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class StepResult:
    """One line that was played: the differences, and why each rule fired or not."""

    step: CaseStep
    mark: Mark
    now: datetime
    fired: tuple[str, ...]
    differences: tuple[Difference, ...] = ()
    explanations: tuple[RuleExplanation, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case that was played."""

    placed: PlacedCase
    results: tuple[StepResult, ...]

    @property
    def passed(self) -> bool:
        """Say whether everything was as expected."""
        return not any(turn.differences or turn.error for turn in self.results)

    @property
    def fired(self) -> frozenset[str]:
        """Return the names of the rules that fired."""
        return frozenset(rule for turn in self.results for rule in turn.fired)


def campaign_message(name: str, before: datetime) -> CampaignMessage:
    """Make the message of a made-up campaign, which the customer got an hour before a moment."""
    return CampaignMessage(send="", campaign="", name=name, sent_at=before - AN_HOUR)


def play_case(placed: PlacedCase, rulebook: Rulebook) -> CaseResult:
    """Play one case from its beginning."""
    case, talk = placed.case, _Conversation(placed.case, rulebook)
    results = [
        talk.play_step(line, mark) for line, mark in zip(case.talk, placed.step_marks, strict=True)
    ]
    return CaseResult(placed, tuple(results))


@dataclass(slots=True)
class _Conversation:
    """A conversation under way."""

    case: Case
    rulebook: Rulebook
    now: datetime = field(init=False)
    phone: SimulatedCustomer = field(init=False)
    planner: EventPlanner = field(init=False)
    services: AnsweringServices = field(init=False)

    def __post_init__(self) -> None:
        case = self.case
        # A wait is elapsed time, even if local clocks are changed meanwhile.
        self.now = case.at.astimezone(UTC)
        self.phone = SimulatedCustomer(case.number, case.customer, case.name)
        self.planner = EventPlanner(self.rulebook)
        self.services = AnsweringServices(dict(case.services))
        self.planner.remember(case.number, _initial_contact(case))
        if case.campaign:
            self.planner.remember_campaign(campaign_message(case.campaign, case.at))

    def play_step(self, step: CaseStep, mark: Mark) -> StepResult:
        """Play one line."""
        self.services.answers |= step.services
        if step.wait is not None:
            self.now += step.wait
        if step.they is None:
            return StepResult(step, mark, self.now, ())
        if step.they.event == "echo":
            self.now += TYPING_TIME
        events = simulate_act(step.they, self.phone, self.now - (step.they.age or timedelta(0)))
        planned, error = self._plan(events)
        for one in planned:
            for send, body in one.posts:
                self.phone.receive(body, f"{send.id}.1")
        fired = tuple(rule for one in planned if not is_answer(one.event) for rule in one.fired)
        differences = tuple(find_differences(step, planned))
        explanations = tuple(self._explain(planned)) if differences else ()
        return StepResult(step, mark, self.now, fired, differences, explanations, error)

    def _plan(self, events: Sequence[Event]) -> tuple[list[PlannedEvent], str]:
        """Plan events and the answers of the services that they call; return any error too."""
        planned, waiting = list[PlannedEvent](), list(events)
        try:
            while waiting:
                one = self.planner.plan_next(waiting.pop(0), self.now)
                planned.append(one)
                waiting += [event for call in one.calls for event in self.services.events(call)]
        except UnknownAnswerError as error:
            return planned, str(error)
        return planned, next((one.error for one in planned if one.error), "")

    def _explain(self, planned: Sequence[PlannedEvent]) -> Iterator[RuleExplanation]:
        for one in planned:
            yield from explain(self.rulebook, one.event, one.before, one.now)


def _initial_contact(case: Case) -> Contact:
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
