"""Explanations in `gateway chat`: which rule answered a message, and why those above it did not."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from gateway.cli.develop.chat.message_view import Offer
from gateway.cli.develop.rules.stored_event import StoredEvent
from gateway.core.contacts.contact import Contact
from gateway.core.events import Message
from gateway.core.webhook import event_keys
from gateway.core.webhook.phone_numbers import contact_key
from gateway.rules.explain import format_explanations
from gateway.rules.loader import load
from gateway.rules.problems import RulebookError
from gateway.rules.rulebook import Rulebook
from gateway.store.planning import contacts
from gateway.store.redis.client import Store
from gateway.store.tracing import records

UNDER_WAY = frozenset({"new", "queued", "attempting"})
CHANGED = "(the rules have changed since)"


class ChatTraces:
    """Reads from the store what became of a chat's messages."""

    def __init__(self, store: Store, number: str, rules: Path) -> None:
        """Take the phone number id `number` whose messages are looked up."""
        self._store, self._number, self._rules = store, number, rules

    def contact(self, customer: str) -> Contact:
        """Return the present state of a customer."""
        event = self._build_event("", customer, "", None)
        (view,) = contacts.load(self._store, {self._number: [event]})
        return view.contacts[event.contact]

    def track_message(
        self, wamid: str, customer: str, text: str, tap: Offer | None, before: Contact
    ) -> StoredEvent:
        """Return a StoredEvent for a new message, to look it up later; it has no record yet."""
        return StoredEvent(self._build_event(wamid, customer, text, tap), before, None)

    def is_planned(self, message: StoredEvent) -> bool:
        """Return whether the message was planned and committed."""
        (view,) = contacts.load(self._store, {self._number: [message.event]})
        return message.event.key in view.known

    def is_answered(self, message: StoredEvent) -> bool:
        """Return whether every send planned for it has been attempted at least once."""
        if not self.is_planned(message):
            return False
        record = records.find(self._store, message.event)
        stages = records.stages(self._store, self._number, record.sends if record else ())
        return UNDER_WAY.isdisjoint(stages)

    def explain_reply(self, message: StoredEvent) -> list[str]:
        """Return a line for each rule that was evaluated."""
        record = records.find(self._store, message.event)
        book = self._rulebook()
        if record and (book is None or book.version != record.rulebook):
            limited = [f"✗ {': '.join(record.limited)}"] if record.limited else []
            return [*(f"✓ {rule}: {why}" for rule, why in record.fired), *limited, CHANGED]
        if book is None:
            return ["no rule answered; the rules cannot be read now"]
        explanations = replace(message, record=record).explain(book)
        if record is None and any(one.fired for one in explanations):
            return [f"no rule answered {CHANGED}"]
        lines = list(format_explanations(explanations))
        return lines if record and record.fired else ["no rule answered", *lines]

    def _rulebook(self) -> Rulebook | None:
        try:
            return load(self._rules)
        except RulebookError:
            return None

    def _build_event(self, wamid: str, customer: str, text: str, tap: Offer | None) -> Message:
        """Build the event that the gateway reads from the sandbox's delivery."""
        return Message(
            key=event_keys.join("message", self._number, wamid),
            delivery="",
            item=0,
            number=self._number,
            contact=contact_key(customer),
            at=datetime.now(UTC),
            raw=None,
            id=wamid,
            type="interactive" if tap else "text",
            text=tap.title if tap else text,
            tapped=tap.id if tap else None,
            wa_id=customer,
        )
