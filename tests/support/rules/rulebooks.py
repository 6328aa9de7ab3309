"""Rulebooks that tests write."""

import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.core.contacts.contact import Contact
from gateway.core.events import Event
from gateway.core.planning.batch import Plan, PlanningInput, plan
from gateway.core.planning.decision import Decision
from gateway.rules.loader import load
from gateway.rules.rulebook import Rulebook
from tests.support.factories import ANA, NOW, NUMBER, a_message

HEAD = "version: 1\nrules:\n"


def book(text: str) -> Rulebook:
    """Load the text of a rules file; what begins with a dash is taken for its list of rules."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "rules.yaml")
        file.write_text(HEAD + text if text.startswith("-") else text)
        return load(file)


def decided(rules: str, /, contact: Contact | None = None, **message: Any) -> Decision:
    """Ask rules about one message of Ana's."""
    event = a_message(**message)
    return book(rules).decide(event, contact or Contact(ANA), NOW)


def answer(rules: str, /, contact: Contact | None = None, **message: Any) -> str:
    """Give the text of the first action of the first rule that fired."""
    body: str = decided(rules, contact, **message).fired[0].actions[0].body["text"]["body"]
    return body


def planned(
    rules: str | Rulebook, *events: Event, contact: Contact | None = None, now: datetime = NOW
) -> Plan:
    """Plan events of one contact, of Ana unless they are somebody else's or nobody's."""
    rulebook = book(rules) if isinstance(rules, str) else rules
    known = contact or Contact(ANA, wa_id=ANA, last_inbound_at=now)
    found = plan(PlanningInput(NUMBER, now, {known.key: known}, frozenset()), events, rulebook)
    assert not found.failures
    (made,) = found.plans
    return made


def texts(made: Plan) -> list[str]:
    """Return the texts that are sent."""
    return [send.body["text"]["body"] for send in made.sends if "text" in send.body]
