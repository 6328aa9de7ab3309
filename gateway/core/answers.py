"""From what rules ask for to sends, and to what is noted of the customer; pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.core import optout
from gateway.core.contacts import Contact
from gateway.core.decisions import Action, Fired
from gateway.core.events import Message
from gateway.core.messages import addressed
from gateway.core.sends import REPLY, Closed, Send, lifetime, send_id


def answers(
    event: Message, fired: Sequence[Fired], contact: Contact, record: str, now: datetime
) -> tuple[Contact, tuple[Send, ...], tuple[str, ...]]:
    """Return the contact after the rules that fired, their sends, and what changed, in words."""
    sends, changes = [], []
    for one in fired:
        for position, action in enumerate(one.actions):
            if action.verb in optout.VERBS:
                word = optout.Word(optout.VERBS[action.verb], f"rule {one.rule}")
                contact, change = optout.heard(contact, word, min(event.at, now))
                changes.append(change)
            else:
                # The id is made from its cause alone.
                name = send_id(event.key, one.rule, position)
                sends.append(_send(name, record, one.rule, action, contact, now))
    return contact, tuple(sends), tuple(changes)


def _send(
    name: str, record: str, rule: str, action: Action, contact: Contact, now: datetime
) -> Send:
    closed, instead = _when_closed(action, contact)
    lasts = lifetime(REPLY, repeatable=action.repeatable, waits=closed == "wait")
    return Send(
        id=name,
        lane=contact.key,
        rank=REPLY,
        body=addressed(action.body, contact),
        expires_at=now + lasts,
        repeatable=action.repeatable,
        rule=rule,
        record=record,
        marketing=action.marketing,
        closed=closed,
        instead=instead,
    )


def _when_closed(action: Action, contact: Contact) -> tuple[Closed, Mapping[str, Any] | None]:
    if isinstance(action.when_closed, Mapping):
        return "template", addressed(action.when_closed, contact)
    return action.when_closed, None
