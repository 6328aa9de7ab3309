"""Explanations in `gateway chat`: which rule answered a message, and why those above it did not."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from gateway.cli.local import trial_hours
from gateway.core.contacts.contact import Contact
from gateway.core.events import Delivery, Event
from gateway.core.services.answer import answer_key
from gateway.core.webhook.event_keys import digest
from gateway.core.webhook.parser import split
from gateway.rules.explain import RuleExplanation, format_explanations
from gateway.rules.loader import load_if_any
from gateway.rules.problems import RulebookError
from gateway.rules.rulebook import Rulebook
from gateway.store.body_codec import Bodies
from gateway.store.planning import contacts, rulebooks
from gateway.store.redis.client import Store
from gateway.store.sending import send_rows
from gateway.store.tracing import records
from gateway.store.tracing.records import PlanRecord
from gateway.store.tracing.stored_event import StoredEvent

UNDER_WAY = frozenset({"new", "queued", "attempting"})
NOT_ARRIVED = frozenset({"failed", "dead", "expired", "dropped", "unconfirmed"})
CHANGED = "(the rules have changed since)"
NO_ANSWER = "no rule answered"
TELL_MORE = "/why says more"


def _sends_of(found: Iterable[PlanRecord]) -> list[str]:
    return [send for one in found for send in one.sends]


class ChatTraces:
    """Reads from the store what became of a chat's messages."""

    def __init__(self, store: Store, number: str, rules: Path) -> None:
        """Take the phone number id `number` whose messages are looked up."""
        self._store, self._number, self._rules = store, number, rules

    def contact(self, customer: str) -> Contact:
        """Return the present state of a customer."""
        event = _read_event(self._number, customer, {"id": "-", "type": "text"})
        (view,) = contacts.load(self._store, {self._number: [event]})
        return view.contacts[event.contact]

    def track_message(
        self, customer: str, message: Mapping[str, Any], before: Contact
    ) -> StoredEvent:
        """Return a StoredEvent for a new message, to look it up later; it has no record yet."""
        return StoredEvent(_read_event(self._number, customer, message), before, None)

    def is_planned(self, message: StoredEvent) -> bool:
        """Return whether the message was planned and committed."""
        (view,) = contacts.load(self._store, {self._number: [message.event]})
        return message.event.key in view.known

    def is_answered(self, message: StoredEvent) -> bool:
        """Return whether every send planned for it has been attempted at least once."""
        if not self.is_planned(message):
            return False
        found = self._records(message)
        if sum(len(one.calls) for one in found) > len(found[1:]):  # an answer is still to come
            return False
        stages = records.stages(self._store, self._number, _sends_of(found))
        return UNDER_WAY.isdisjoint(stages)

    def _records(self, message: StoredEvent) -> list[PlanRecord]:
        """Return the message's record, and those of the answers of services that it asked."""
        record = records.find(self._store, message.event)
        if record is None:
            return []
        ids = [digest(answer_key(call)).hex() for call in record.calls]
        answers = (records.load(self._store, self._number, one) for one in ids)
        return [record, *(one for one in answers if one)]

    def has_sends(self, message: StoredEvent) -> bool:
        """Return whether any send was planned for it, or may be once a service answered."""
        return any(one.sends or one.calls for one in self._records(message))

    def answers(self, message: StoredEvent) -> list[str]:
        """Return the ids at Meta of the messages that were sent for it."""
        sends = _sends_of(self._records(message))
        rows = send_rows.read_rows(self._store, Bodies(), self._number, sends)
        return [wamid for row in rows if (wamid := row.fields.get("wamid"))]

    def describe_failures(self, message: StoredEvent) -> list[str]:
        """Return a line for each send planned for it that did not arrive, or not yet, and why."""
        sends = _sends_of(self._records(message))
        rows = send_rows.read_rows(self._store, Bodies(), self._number, sends)
        return [
            _describe_failure(row.fields)
            for row in rows
            if row.fields.get("stage") in NOT_ARRIVED or "error" in row.fields
        ]

    def is_in_force(self) -> bool:
        """Return whether every worker has the rules and the hours as they are now."""
        book, running = self._rulebook(), rulebooks.read(self._store)
        return book is not None and {one.version for one in running} == {book.version}

    def summarize_reply(self, message: StoredEvent, more: str = TELL_MORE) -> str:
        """Return one line: the rule that answered and why, or that none did."""
        record = records.find(self._store, message.event)
        if record and record.fired:
            rule, why = record.fired[-1]
            more = f" (and {len(record.fired) - 1} more)" if len(record.fired) > 1 else ""
            answers = [one.fired[-1][1] for one in self._records(message)[1:] if one.fired]
            return "; ".join([f"✓ {rule}: {why}{more}", *answers])
        if record and record.limited:
            return f"✗ {': '.join(record.limited)}"
        book = self._rulebook()
        explanations = replace(message, record=record).explain(book) if book else ()
        return _summarize_refusal(explanations, more)

    def explain_reply(self, message: StoredEvent) -> list[str]:
        """Return a line for each rule that was evaluated."""
        record = records.find(self._store, message.event)
        book = self._rulebook()
        if record and (book is None or book.version != record.rulebook):
            limited = [f"✗ {': '.join(record.limited)}"] if record.limited else []
            decided = [*(f"✓ {rule}: {why}" for rule, why in record.fired), *limited]
            return [*decided, CHANGED] if decided else [f"{NO_ANSWER} {CHANGED}"]
        if book is None:
            return [f"{NO_ANSWER}; the rules cannot be read now"]
        explanations = replace(message, record=record).explain(book)
        if record is None and any(one.fired for one in explanations):
            return [f"{NO_ANSWER} {CHANGED}"]
        lines = list(format_explanations(explanations))
        return lines if record and record.fired else [NO_ANSWER, *lines]

    def _rulebook(self) -> Rulebook | None:
        try:
            return load_if_any(self._rules, trial_hours.read())
        except RulebookError:
            return None


def _summarize_refusal(explanations: Iterable[RuleExplanation], more: str) -> str:
    """Say of a message without an answer which rule came near, or why no rule was asked."""
    asked = list(explanations)
    if asked and not asked[0].rule:
        return str(asked[0])
    near = next((str(one) for one in asked if one.is_near_miss), "")
    return "; ".join(filter(None, (NO_ANSWER, near or more)))


def _describe_failure(row: Mapping[str, str]) -> str:
    error = orjson.loads(row.get("error", "{}"))
    code = f"({error['code']}) " if error.get("code") else ""
    reason = f"{code}{error.get('reason') or error.get('title') or ''}"
    stage = row.get("stage", "")
    fate = f"is {stage}" if stage in NOT_ARRIVED else "has failed, and waits to be sent again"
    return f"the answer {fate}: {reason}".rstrip(": ")


def _read_event(number: str, customer: str, message: Mapping[str, Any]) -> Event:
    """Read the event of a message as the gateway reads it from the sandbox's delivery."""
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": number, "phone_number_id": number},
        "contacts": [{"profile": {}, "wa_id": customer}],
        "messages": [{"from": customer, **message}],
    }
    changes = [{"field": "messages", "value": value}]
    body = {"object": "whatsapp_business_account", "entry": [{"id": "0", "changes": changes}]}
    (event,) = split(Delivery("", datetime.now(UTC), orjson.dumps(body)))
    return event
