"""Dry run: plans of deliveries beside the store, which leave no trace in it.

Contacts start as the store has them and change in the shadow, and an event that was planned in the
shadow is known there, so that many batches plan as they would if each were committed.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from gateway.core.contacts.contact import Contact
from gateway.core.events import Event, Message
from gateway.core.planning.batch import Plan, PlanningInput, PlanningResult, plan
from gateway.core.planning.decision import TOO_OLD, Decision, RuleDecider
from gateway.core.webhook.event_keys import digest

# The version of a contact that was changed in the shadow only.
_HERE = "shadow"
NO_RULE = "no rule fits"
MUTED = "muted"
HANDED_OVER = "a person answers"


class CountingRulebook:
    """A rulebook that counts the reasons why messages get no answer."""

    def __init__(self, rulebook: RuleDecider) -> None:
        """Take the rulebook that decides."""
        self._rulebook = rulebook
        self.silent = Counter[str]()

    @property
    def version(self) -> str:
        """Return the version of the rulebook."""
        return self._rulebook.version

    def decide(self, event: Event, contact: Contact, now: datetime) -> Decision:
        """Return the rulebook's decision."""
        decision = self._rulebook.decide(event, contact, now)
        if isinstance(event, Message) and (reason := _silence_reason(decision, contact, now)):
            self.silent[reason] += 1
        return decision


def _silence_reason(decision: Decision, contact: Contact, now: datetime) -> str:
    """Say why a message gets no answer, "" if a rule fired for it in time.

    A customer who is muted, or whom a person answers, gets none, whatever else the rules do.
    """
    if decision.is_too_old:
        return TOO_OLD
    if not decision.fired:
        return decision.note or NO_RULE
    if decision.has_message or not contact.silent_until or contact.silent_until <= now:
        return ""
    hand_over = contact.hand_over
    return HANDED_OVER if hand_over and hand_over.until > now else MUTED


class DryRun:
    """The contacts and known events of one replay; memory grows with these, not with deliveries."""

    def __init__(self, rulebook: RuleDecider) -> None:
        """Start without differences from the store."""
        self._rulebook = CountingRulebook(rulebook)
        self._contacts: dict[tuple[str, str], Contact] = {}
        self._aliases: dict[tuple[str, str], str] = {}  # other names of contacts -> their key
        self._known: set[bytes] = set()

    @property
    def silent(self) -> Mapping[str, int]:
        """Return the reasons why messages got no answer, and the count of each."""
        return self._rulebook.silent

    def plan(self, view: PlanningInput, events: Sequence[Event]) -> Iterator[PlanningResult]:
        """Plan all the events of one number, from the store's view of it."""
        left = events
        while left:
            result = plan(self.overlay(view, left), left, self._rulebook)
            for contact_plan in result.plans:
                self._commit(contact_plan)
            yield result
            left = result.rest

    def remember(self, number: str, contact: Contact) -> None:
        """Use a contact as it is, whatever the store says of it."""
        self._contacts[number, contact.key] = replace(contact, version=_HERE)

    def overlay(self, view: PlanningInput, events: Sequence[Event]) -> PlanningInput:
        """Overlay the store's view with the changes made in the shadow."""
        here = {event.key for event in events if digest(event.key) in self._known}
        contacts = {name: self._current_contact(view, one) for name, one in view.contacts.items()}
        return replace(view, contacts=contacts, known=view.known | here)

    def _current_contact(self, view: PlanningInput, contact: Contact) -> Contact:
        key = contact.key
        while joined := self._aliases.get((view.number, key)):
            key = joined
        return self._contacts.get((view.number, key), contact)

    def _commit(self, contact_plan: Plan) -> None:
        self._known.update(digest(event.key) for event in contact_plan.events)
        if contact_plan.changed:
            self.remember(contact_plan.number, contact_plan.contact)
            for one in contact_plan.joins:
                self._aliases[contact_plan.number, one.key] = contact_plan.contact.key
