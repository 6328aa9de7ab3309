"""Explanation of an event that is planned as workers do: why each rule fires, and the answer."""

from dataclasses import dataclass, field
from datetime import datetime

from gateway.core.events import Event
from gateway.rules.explain import RuleExplanation, explain
from gateway.rules.rulebook import Rulebook
from gateway.rules.testing.planner import EventPlanner
from gateway.rules.testing.step_notation import Notation


@dataclass(frozen=True, slots=True)
class EventExplanation:
    """Explanation of one event: why each rule fires or not, the answer, and what else is to say.

    `error` says why it cannot be planned, "" where it can.
    """

    event: Event
    why: tuple[RuleExplanation, ...]
    messages: tuple[Notation, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()
    error: str = ""


def explain_next(
    planner: EventPlanner, rulebook: Rulebook, event: Event, now: datetime
) -> EventExplanation:
    """Plan one event after those before it, and explain it."""
    result = planner.plan_next(event, now)
    why = explain(rulebook, result.event, result.before, now)
    known = ["known already"] if result.plan is None and not result.error else []
    forwarded = [f"forwarded to {', '.join(result.forwards)}"] if result.forwards else []
    return EventExplanation(event, why, result.messages, (*known, *forwarded), result.error)
