"""Why each rule answered a message or did not, in words; pure."""

from dataclasses import dataclass
from datetime import datetime

from gateway.core.contacts import Contact
from gateway.core.events import Message
from gateway.rules.match import Facts
from gateway.rules.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class Explained:
    """One rule that was asked: whether it fired, and what held or what failed first."""

    rule: str
    fired: bool
    reason: str


def explain(
    rulebook: Rulebook, event: Message, contact: Contact, now: datetime
) -> tuple[Explained, ...]:
    """Go through the rules as `decide` does; where none is asked, the one entry has no rule."""
    if note := rulebook.silence(event, contact, now):
        return (Explained("", False, note),)
    facts = Facts(event, contact, now, rulebook.hours)
    told = []
    for rule in rulebook.rules:
        failed = rule.failed(facts)
        told.append(Explained(rule.name, not failed, failed.failed if failed else rule.why))
        if rule.sends and not failed:
            break
    return tuple(told)
