"""Why each rule answered an event or did not, in words; pure."""

from dataclasses import dataclass
from datetime import datetime

from gateway.core.contacts import Contact
from gateway.core.events import Event
from gateway.rules.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class Explained:
    """One rule that was asked: whether it fired, and what held or what failed first."""

    rule: str
    fired: bool
    reason: str


def explain(
    rulebook: Rulebook, event: Event, contact: Contact, now: datetime
) -> tuple[Explained, ...]:
    """Ask every rule as `decide` does; where none is asked, the one entry has no rule."""
    if note := rulebook.silence(event, contact):
        return (Explained("", False, note),)
    asked = rulebook.ask(rulebook.rules, rulebook.facts(event, contact, now))
    return tuple(
        Explained(one.rule.name, bool(one.fired), one.fired.why if one.fired else one.refusal)
        for one in asked
    )
