"""Traces as data for other programs, with stable names; pure.

docs/trace.md lists the names. A released name keeps its meaning; what is not known is null.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.core.contacts.contact import Contact
from gateway.core.dead_letters.deferred_delivery import DeferredDelivery
from gateway.core.events import Message
from gateway.store.inbox.lookup import KeptEvent
from gateway.store.outgoing.calls import TracedCall
from gateway.store.outgoing.notifications import TracedNotification
from gateway.store.outgoing.traced_forwards import TracedForward
from gateway.store.sending.lookup import (
    Note,
    TracedSend,
    messages_by_attempt,
    remembered_attempts,
)
from gateway.store.tracing.masking import Masking, no_account
from gateway.store.tracing.records import PlanRecord
from gateway.store.tracing.trace import Conversation, FailedEvent, Search, Trace

# Of what Meta or the gateway said of an attempt or a failure.
_REASONS = ("code", "reason", "title", "details", "fbtrace_id")


@dataclass(frozen=True, slots=True)
class TraceData:
    """Writes what was found as values that JSON has."""

    masking: Masking
    name_of: Callable[[str], str] = no_account  # the account of a number

    def search(self, found: Search) -> dict[str, Any]:
        """Return everything that was found, and whether all was searched."""
        return {
            "found": found.has_results,
            "customers": [self._customer(one) for one in found.conversations],
            "events": [self.event(one) for one in found.traces],
            "unopened_deliveries": found.unopened,
            "is_truncated": found.is_truncated,
        }

    def _customer(self, one: Conversation) -> dict[str, Any]:
        return {
            "number": one.number,
            "account": self.name_of(one.number) or None,
            "customer": self.masking.person(one.contact.key),
            **self._contact(one.contact),
            "unreadable": one.unreadable or None,
            "waiting": dict(one.lanes),
            "events": [self.event(trace) for trace in one.traces],
            "has_more_events": one.has_more,
            "sends": [self._send(send) for send in one.sends],
        }

    def _contact(self, contact: Contact) -> dict[str, Any]:
        handed = contact.hand_over
        return {
            "wrote_last_at": _iso(contact.last_inbound_at),
            "called_last_at": _iso(contact.called_at),
            "opted_out_at": _iso(contact.opted_out_at),
            "muted_until": _iso(contact.muted_until),
            "handed_over_until": _iso(handed.until) if handed else None,
            "tags": list(contact.tags),
            "variables": {name: self._text(text) for name, text in contact.vars.items()},
        }

    def event(self, trace: Trace) -> dict[str, Any]:
        """Return an event and what followed from it."""
        kind, _, name = trace.key.partition("|")
        kept, event = trace.kept_event, trace.kept_event.event if trace.kept_event else None
        return {
            "number": trace.number,
            "account": self.name_of(trace.number) or (kept.account if kept else "") or None,
            "kind": kind or None,
            "type": event.type if isinstance(event, Message) else None,
            # The key of another event may hold the customer's number.
            "wamid": name.rpartition("|")[2] if kind == "message" else None,
            "customer": self.masking.person(event.contact) if event and event.contact else None,
            "text": self._text(event.text or "") if isinstance(event, Message) else None,
            "data": self.masking.fields(event) if event else {},
            "state": _state(trace),
            "kept": _describe_kept(kept) if kept else None,
            "deferred": _describe_deferred(trace.deferred) if trace.deferred else None,
            "failure": _describe_failure(trace.failure) if trace.failure else None,
            "plan": self.plan(trace.record) if trace.record else None,
            "sends": [self._send(one) for one in trace.sends],
            "notifications": [self._notification(one) for one in trace.notifications],
            "forwards": [_describe_forward(one) for one in trace.forwards],
            "calls": [self._call(one, trace) for one in trace.calls],
            "statuses_of_others": list(trace.foreign_statuses),
        }

    def plan(self, record: PlanRecord) -> dict[str, Any]:
        """Return what was planned, and why."""
        return {
            "at": _iso(record.planned_at),
            "rulebook": record.rulebook,
            "first_contact": record.first_contact,
            "rules": [{"rule": rule, "why": why} for rule, why in record.fired],
            "limited": {"rule": record.limited[0], "why": record.limited[1]}
            if record.limited
            else None,
            "too_old": record.is_too_old,
            "changes": list(record.changes),
            "alerts": [{"rule": rule, "text": self._text(text)} for rule, text in record.alerts],
        }

    def _send(self, send: TracedSend) -> dict[str, Any]:
        return {
            "id": send.id,
            "stage": send.stage or None,
            "rule": send.rule or None,
            "priority": send.priority or None,
            "planned_at": _iso(send.planned_at),
            "request": self.masking.request(send.body) if send.stage and send.has_text else None,
            "wamid": send.wamid or None,
            "attempts": [_attempt(send, ordinal) for ordinal in sorted(remembered_attempts(send))],
            "statuses": [
                {
                    "stage": one.stage, "at": _iso(one.at), "kept_at": _iso(one.kept_at),
                    "attempt": int(one.attempt) if one.attempt else None,
                }
                for one in send.statuses
            ],
            "error": _reason(send.error),
            "pricing": dict(send.pricing),
            "is_final": send.is_final,
            "waits": _waits(send),
            "delivery_wait": _delivery_wait(send),
            "participants": [
                {
                    "customer": self.masking.person(one.name), "stage": one.stage,
                    "at": _iso(one.at), "code": one.code,
                }
                for one in send.state.members
            ],
        }  # fmt: skip

    def _notification(self, one: TracedNotification) -> dict[str, Any]:
        return {
            "id": one.id,
            "stage": one.stage or None,
            "rule": one.payload.get("rule"),
            "text": self._text(str(one.payload.get("text", ""))),
            "planned_at": _iso(one.planned_at),
            "attempts": [
                {"attempt": each.ordinal, "at": _iso(each.at), "outcome": each.outcome or None}
                for each in one.attempts
            ],
            "next_at": _iso(one.next_at),
        }

    def _call(self, one: TracedCall, trace: Trace) -> dict[str, Any]:
        answer = trace.answers.get(one.id)
        return {
            "id": one.id,
            "stage": one.stage or None,
            "rule": one.payload.get("rule"),
            "service": one.payload.get("service"),
            "method": one.payload.get("method"),
            "path": self._text(str(one.payload.get("path", ""))),
            "planned_at": _iso(one.planned_at),
            "attempts": [
                {"attempt": each.ordinal, "at": _iso(each.at), "outcome": each.outcome or None}
                for each in one.attempts
            ],
            "next_at": _iso(one.next_at),
            "answer": self.event(answer) if answer else None,
        }

    def _text(self, text: str) -> str | None:
        """Return a text if the operator asked to see it."""
        return text if self.masking.reveal else None


def _state(trace: Trace) -> str:
    """Return how far the event got."""
    if trace.failure:
        return "dead"
    if trace.waiting_state:
        return str(trace.waiting_state)
    return "planned" if trace.record else "known" if trace.is_known else "unknown"


def _attempt(send: TracedSend, ordinal: int) -> dict[str, Any]:
    note = send.notes.get(ordinal, {})
    return {
        "attempt": ordinal,
        "at": _iso(send.began.get(ordinal)),
        "outcome": note.get("outcome"),
        "took_ms": note.get("ms"),
        "wamid": messages_by_attempt(send).get(ordinal),
        "error": _reason(note),
    }


def _reason(note: Note) -> Mapping[str, Any] | None:
    return {name: note[name] for name in _REASONS if note.get(name)} or None


def _waits(send: TracedSend) -> dict[str, Any]:
    """Return why a send has not gone; empty where it does not wait."""
    state = send.state
    known = {
        "due_at": _iso(state.due_at),
        "sends_ahead": state.sends_ahead,
        "lane_at": _iso(state.lane_at),
        "parked_until": _iso(state.parked_till),
        "parked_for": (send.parked_for or None) if state.parked_till else None,
        "unconfirmed_until": _iso(state.unconfirmed_till),
        "dead_at": _iso(state.dead_at),
        "held": state.is_held or None,
        "number_stopped": list(state.pauses.sentences()) or None,
    }
    return {name: value for name, value in known.items() if value is not None}


def _delivery_wait(send: TracedSend) -> dict[str, str | None] | None:
    if not (wait := send.delivery_wait):
        return None
    moments = {"began_at": wait.began_at, "until": wait.until, "ended_at": wait.ended_at}
    return {name: _iso(at) for name, at in moments.items()}


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds") if at else None


def _describe_kept(kept: KeptEvent) -> dict[str, Any]:
    return {
        "at": _iso(kept.at),
        "delivery": kept.delivery,
        "item": kept.item,
        "origin": kept.origin or None,
        "account": kept.account or None,
        "problem": kept.problem or None,
    }


def _describe_deferred(deferred: DeferredDelivery) -> dict[str, Any]:
    return {
        "at": _iso(deferred.at),
        "attempts": deferred.attempts,
        "next_at": _iso(deferred.next_at),
        "reason": str(deferred.last_error["reason"]),
    }


def _describe_failure(failure: FailedEvent) -> dict[str, Any]:
    return {
        "at": _iso(failure.at),
        "error": failure.error,
        "dead_letter": failure.dead_letter_id or None,
    }


def _describe_forward(one: TracedForward) -> dict[str, Any]:
    return {
        "id": one.id,
        "receiver": one.receiver,
        "stage": one.stage,
        "planned_at": _iso(one.planned_at),
        "attempts": [
            {"attempt": each.ordinal, "at": _iso(each.at), "outcome": each.outcome or None}
            for each in one.attempts
        ],
        "error": one.error or None,
    }
