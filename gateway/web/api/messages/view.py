"""What a client sees of a message: its status, why it waits, and its history; pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.core.api.lists.list_request import ListRequest
from gateway.core.api.message_price import view_price
from gateway.core.messages.price_list import PriceList
from gateway.store.api.lists.message_list import MessageFilter
from gateway.store.api.message_status import FAILED, FINAL, stages_of, status_of, view_error
from gateway.store.api.sent_messages import SentMessage
from gateway.store.sending.lookup import TracedSend
from gateway.store.sending.send_states import SendState


def view_message(message: SentMessage, now: datetime, prices: PriceList) -> dict[str, Any]:
    """Return all that a client may see of a message."""
    send = message.send
    status = status_of(send)
    return {
        "id": send.id,
        "status": status,
        "final": status in FINAL,
        "from": message.number,
        "message_id": send.wamid or None,
        "reference": send.reference or None,
        "priority": send.priority,
        "created_at": send.planned_at,
        "send_at": send.state.due_at if status == "scheduled" else None,
        "expires_at": send.expires_at,
        "attempts": send.attempts,
        "waiting_for": _waiting_for(send, status, now),
        "error": view_error(send) if status in FAILED else None,
        "price": view_price(send.pricing, send.lane, prices),
        "history": _history(send),
    }


def to_filter(wanted: ListRequest) -> MessageFilter:
    """Return the filter by which the store finds the messages that are asked for."""
    is_scheduled = wanted.statuses == {"scheduled"} and not (wanted.name or wanted.reference)
    return MessageFilter(
        recipient=wanted.name,
        reference=wanted.reference,
        since=wanted.since,
        until=wanted.until,
        stages=frozenset[str]().union(*(stages_of(one) for one in wanted.statuses)),
        is_wanted=lambda send: not wanted.statuses or status_of(send) in wanted.statuses,
        are_due_later=is_scheduled,
    )


def view_listed(message: SentMessage, now: datetime, prices: PriceList) -> dict[str, Any]:
    """Return a message as it is shown alone; of a damaged one what is known."""
    if message.send.damage:
        return {"id": message.send.id, "from": message.number, "damaged": True}
    return view_message(message, now, prices)


def _waiting_for(send: TracedSend, status: str, now: datetime) -> dict[str, Any] | None:
    """Return what a message waits for, and until when if that is known."""
    if status == "unconfirmed":
        return _wait("evidence", send.state.unconfirmed_till)
    if status not in ("scheduled", "queued"):
        return None
    state = send.state
    if state.due_at is not None:
        return _wait(_due_reason(send), state.due_at)
    if state.parked_till is not None:
        return _wait("template" if send.parked_for else "window", state.parked_till)
    return _stopped_by(state) or _held_up_by(send, now)


def _due_reason(send: TracedSend) -> str:
    latest = send.notes.get(send.attempts, {}).get("outcome")
    if latest == "postponed":
        return "quiet_hours"
    return "backoff" if send.attempts else "time"


def _stopped_by(state: SendState) -> dict[str, Any] | None:
    if state.pauses.pause:
        return _wait("number_paused", state.pauses.pause.probe_at)
    is_held = state.is_held or any(not one.rule for one in state.pauses.holds)
    return _wait("hold") if is_held else None


def _held_up_by(send: TracedSend, now: datetime) -> dict[str, Any]:
    if send.state.sends_ahead:
        return _wait("conversation")  # an earlier message to the same person
    lane_at = send.state.lane_at
    if lane_at is not None and lane_at > now:
        return _wait("backoff" if send.attempts else "pair", lane_at)
    return _wait("pace")


def _wait(reason: str, until: datetime | None = None) -> dict[str, Any]:
    return {"reason": reason, "until": until}


def _history(send: TracedSend) -> list[dict[str, Any]]:
    """Return what happened, in order: the request, each attempt, and Meta's statuses."""
    entries: list[dict[str, Any]] = [
        {
            "status": "queued",
            "at": send.planned_at,
            "source": "api" if send.is_requested else "rule",
        }
    ]
    for attempt, at in sorted(send.began.items()):
        entry = {"status": "attempting", "at": at, "source": "sender", "attempt": attempt}
        entries.append(entry | _outcome(send.notes.get(attempt, {})))
    for one in send.statuses:
        entries.append({"status": one.stage, "at": one.at, "source": "webhook"})
    return sorted(entries, key=lambda entry: (entry["at"] is None, entry["at"]))


def _outcome(note: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: note[name] for name in ("outcome", "code", "reason") if note.get(name)}
    return {"outcome": known.pop("outcome"), **known} if "outcome" in known else {}
