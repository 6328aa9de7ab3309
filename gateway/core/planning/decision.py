"""Decisions of rules about an event: which fired, why, and the actions they ask for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, Protocol

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.frequency import Limit
from gateway.core.contacts.loop_guard import digest_exchange
from gateway.core.events import Event
from gateway.core.forwards.receiver import Receiver

TOO_OLD = "too old"
# The fate of a free-form message to a customer who has been silent for 24 hours: a dead letter,
# nothing, another try when they write again, or a template (its body) instead.
WhenClosed = Literal["", "drop", "wait"] | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a rule: a call to Meta, a change of the contact, an alert or a notification.

    `body` is Meta's request body without `messaging_product` and recipient, which planning adds;
    for any other action it has the content under the verb, and for a notification to a phone its
    number (`to`) and Meta's body of a template (`template`) beside it. A repeatable action
    (mark_read, typing, react) may be posted twice without a customer noticing. `label` has the
    tags or variables of a contact change as the rule names them.
    """

    verb: str
    body: Mapping[str, Any] = field(repr=False)
    repeatable: bool = False
    marketing: bool = False  # not for contacts that opted out
    when_closed: WhenClosed = ""
    label: str = ""
    position: int | None = None  # in its rule, also where others are left out; None: as it comes
    waits_for_delivery: bool = False  # the messages behind it wait until it is delivered


@dataclass(frozen=True, slots=True)
class FiredRule:
    """A rule that fired: its name, the conditions that held in words, and its actions in order.

    A rule in shadow has no effect but that it is recorded, and that its own limits count.
    Of a late event the actions that call Meta are left out; `lacks_message` says that a message
    was among them.
    `left_out` has the verbs of actions whose text came out empty. A firing without `is_answered`
    owes the customer the message that it could not send.
    """

    rule: str
    explanation: str
    actions: tuple[Action, ...]
    shadow: bool = False
    limits: tuple[Limit, ...] = ()
    lacks_message: bool = False
    left_out: tuple[str, ...] = ()
    is_answered: bool = True

    @property
    def has_message(self) -> bool:
        """Say whether the customer gets a message."""
        actions = () if self.shadow else self.actions
        return any("type" in action.body and not action.repeatable for action in actions)


@dataclass(frozen=True, slots=True)
class LimitedRule:
    """A rule that would have answered but for its limit, so that the event counts as answered."""

    rule: str
    explanation: str


@dataclass(frozen=True)
class Decision:
    """The rulebook's decision about one event; `note` says why no rule answered.

    The contact is as the rules that fired left it, None if they did not change it; `changes`
    describe the changes in words. `limited` is the rule whose limit ended the search, and
    `receivers` get the event whether a rule answers it or not.
    """

    fired: tuple[FiredRule, ...] = ()
    note: str = ""
    contact: Contact | None = None
    changes: tuple[str, ...] = ()
    normal_text: str = field(default="", repr=False)  # in which rules compared what was written
    limited: LimitedRule | None = None
    receivers: tuple[Receiver, ...] = ()  # to which the event is handed on

    @cached_property
    def has_message(self) -> bool:
        """Whether the customer gets a message."""
        return any(one.has_message for one in self.fired)

    @cached_property
    def exchange(self) -> str:
        """Digest of the text and the rules that answer it, "" if no message does."""
        rules = [one.rule for one in self.fired if one.has_message]
        return digest_exchange(self.normal_text, rules)

    @property
    def is_too_old(self) -> bool:
        """Say whether the customer gets no message only because the event is too old."""
        return any(one.lacks_message for one in self.fired) and not self.has_message


class RuleDecider(Protocol):
    """The interface of the rules for planning."""

    @property
    def version(self) -> str:
        """Hash of the loaded rules, stamped on every record."""

    def decide(self, event: Event, contact: Contact, now: datetime) -> Decision:
        """Decide about an event; pure and total. `contact` is the state before the event."""
