"""What rules answer to an event: which fired, why, and the actions they ask for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from gateway.core.contacts import Contact
from gateway.core.events import Message

# What becomes of a free-form message to a customer who has been silent for 24 hours: a dead letter,
# nothing, another try when they write again, or a template (its body) instead.
WhenClosed = Literal["", "drop", "wait"] | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a rule asks for: a call to Meta, or what a contact wants from now on.

    `body` is Meta's request body without `messaging_product` and recipient, which is added when it
    is planned; opt_out and opt_in have none. A repeatable action (mark_read, typing) may be posted
    twice without a customer noticing.
    """

    verb: str
    body: Mapping[str, Any] = field(repr=False)
    repeatable: bool = False
    marketing: bool = False  # not for those who asked for no more of it
    when_closed: WhenClosed = ""


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that fired: its name, the conditions that held in words, and its actions in order."""

    rule: str
    why: str
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rulebook says about one event; `note` tells why no rule was asked."""

    fired: tuple[Fired, ...] = ()
    note: str = ""


class Rulebook(Protocol):
    """What planning needs of the rules."""

    @property
    def version(self) -> str:
        """Hash of the loaded rules, stamped on every record."""

    def decide(self, event: Message, contact: Contact, now: datetime) -> Decision:
        """Answer an event; pure and total. `contact` is the state before the event."""
