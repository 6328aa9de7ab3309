"""Commit: writes what was planned for one contact, whole or not at all."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson

from gateway.core.campaigns.recipient_state import read_campaign_send_id
from gateway.core.contacts.serialization import pack
from gateway.core.events import Event
from gateway.core.forwards.forward import ROW_BYTES, Forward
from gateway.core.forwards.notice import build_notice, notice_id
from gateway.core.planning.batch import Failure, Plan
from gateway.core.planning.decision import LimitedRule
from gateway.core.planning.event import Record
from gateway.core.sending.notifications.notification import Notification
from gateway.core.sending.resend_policy import LATE
from gateway.core.sending.send import Send, StatusUpdate
from gateway.core.storage import event_places
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.core.webhook.event_keys import digest
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import Call, Store

_MAX_NAME = 160  # of a participant; a user id may have 134 characters


def commit(
    store: Store, plans: Sequence[Plan], retention: timedelta, bodies: Bodies | None = None
) -> list[bool | Exception]:
    """Commit each plan; False where it must be planned again, an error where it cannot be now.

    `bodies` packs what is stored as it will be posted; without it nothing is encrypted.
    Raises StoreUnavailableError where the outcome is unknown: committed events are known by then,
    and the others are planned again.
    """
    replies = store.call_many([commit_call(plan, retention, bodies) for plan in plans])
    return [reply if isinstance(reply, Exception) else reply == 1 for reply in replies]


def commit_call(plan: Plan, retention: timedelta, bodies: Bodies | None = None) -> Call:
    """Return the script call that commits a plan; each call has a new version."""
    state = pack(plan.contact) if plan.changed else b""
    args: list[Any] = [plan.contact.key, plan.contact.version, secrets.token_hex(6), state]
    args += _contact_verbs(plan)
    lifetime = max(1, int(retention.total_seconds() * 1000))
    for record in plan.records:
        args += _verb("record", record.id, _record_json(record), lifetime, plan.contact.key)
    args += _effect_verbs(plan, bodies or Bodies())
    if plan.inbound:
        args += _verb("pace", plan.inbound)
    too_old = {record.event.key for record in plan.records if record.is_too_old}
    for event in plan.events:
        moments = _moments(event) if event.key in too_old else ("", "")
        place = event_places.pack(_event_ref(event))
        args += _verb("know", digest(event.key), place, event.kind, *moments)
    return Call("commit", keys.number(plan.number), args)


def _effect_verbs(plan: Plan, bodies: Bodies) -> list[Any]:
    """Return the verbs of what others get to see: sends, reports, calls, forwards, stages."""
    args: list[Any] = []
    for send in plan.sends:
        args += _verb("action", *send_args(send))
    for notification in plan.notifications:
        args += _notification_verb(notification, bodies)
    for call in plan.calls:
        args += _verb("call", call.id, call.service, _json(call.payload))
    for forward in plan.forwards:
        args += _verb("forward", *_forward_args(forward))
    for update in plan.status_updates:
        args += _verb("stage", *_status_args(update))
    for answer in plan.answers:
        args += _verb("answer", answer.send, ",".join(answer.ways), answer.button)
    return args


def store_dead_letters(store: Store, failures: Iterable[Failure]) -> None:
    """Store events whose planning raised as dead letters, with all that is needed to look again.

    They do not become known: a later commit of the event removes its dead letter, and an event that
    was committed meanwhile becomes none.
    """
    calls = []
    for failure in failures:
        details = {"error": failure.error, "trace": failure.trace, "raw": failure.event.raw}
        calls.append(dead_letter_call(failure.event, details))
    for reply in store.call_many(calls):
        if isinstance(reply, Exception):
            raise reply


def dead_letter_call(event: Event, details: Mapping[str, Any], *counter: str) -> Call:
    """Return the script call that stores an event as a dead letter, with `details` of it.

    `counter` is what counts it instead of its deaths.
    """
    row = {**details, "key": event.key, "delivery": event.delivery, "item": event.item}
    args: list[Any] = [digest(event.key), _json(row), keys.MONTH_MS]
    return Call(
        "bury_event",
        keys.number(event.number),
        [*args, _event_ref(event), details["error"], *counter],
    )


def _contact_verbs(plan: Plan) -> list[Any]:
    """Return the verbs about the contact itself; names that become its aliases come first."""
    args: list[Any] = []
    for one in plan.joins:
        args += _verb("contact", one.key, one.version)
    for name in plan.aliases:
        args += _verb("alias", name)
    hand_over = plan.contact.hand_over
    if plan.changed and (hand_over or plan.was_handed_over):
        until_ms = ms_from_datetime(hand_over.until) if hand_over else 0
        args += _verb("hand_over", plan.contact.key, until_ms)
    return args


def _verb(name: str, *args: Any) -> list[Any]:
    return [name, len(args), *args]


def _event_ref(event: Event) -> str:
    """Return where an event stands; packed, it is the value stored for a known event."""
    return f"{event.delivery}/{event.item}"


def _moments(event: Event) -> tuple[int, int]:
    """Return when an event happened and when its delivery was kept, in milliseconds."""
    kept_ms = int(event.delivery.partition(":")[2].partition("-")[0])
    return ms_from_datetime(event.at), kept_ms


def send_args(send: Send) -> list[Any]:
    """Return a send as the scripts write it, the last of ten for how long its lane rests."""
    due = ms_from_datetime(send.due_at) if send.due_at else 0
    row: dict[str, Any] = {"body": send.body, "rule": send.rule, "record": send.record}
    # Most sends have none of these, and a row is stored for a month.
    if send.instead:
        row["instead"] = send.instead
    # A campaign says it of all its messages, and of no other is said that it is not.
    if send.marketing or read_campaign_send_id(send.id):
        row["marketing"] = send.marketing
    if send.requested:
        row["api"] = True
    if send.quiet:
        row["quiet"] = [ms_from_datetime(at) for at in send.quiet]
    if send.reference:
        row["reference"] = send.reference
    expires = ms_from_datetime(send.expires_at)
    wait_ms = int(send.delivery_wait.total_seconds() * 1000) or ""
    details = [int(send.repeatable), send.closed, send.rule, _json(row), wait_ms]
    return [send.id, send.lane, send.priority, due, expires, *details]


def _notification_verb(notification: Notification, bodies: Bodies) -> list[Any]:
    if not notification.receiver:
        return _verb("notification", notification.id, _json(notification.payload))
    copy = bodies.pack(build_notice(notification))
    row = [notice_id(notification), notification.receiver, "", notification.contact, ""]
    return _verb("forward_copy", *row, ROW_BYTES + len(copy), copy)


def _forward_args(forward: Forward) -> list[Any]:
    row = [forward.id, forward.receiver, forward.place, forward.contact, forward.lane]
    return [*row, forward.size]


def _status_args(update: StatusUpdate) -> list[Any]:
    error: Any = _json(update.error) if update.error else ""
    if update.participant:
        error = str((update.error or {}).get("code") or "")  # a thousand rows of it may be stored
    pricing = _json(update.pricing) if update.pricing else ""
    args = [
        update.send,
        update.wamid,
        update.stage,
        update.status_rank,
        ms_from_datetime(update.at),
        error,
    ]
    arrival = "replayed" if update.replayed else int(update.delay > LATE)
    args += [update.attempt, arrival, update.participant[:_MAX_NAME], pricing]
    follow_up = update.follow_up
    return [*args, *((follow_up.step, follow_up.wait_ms) if follow_up else ("", 0))]


def _record_json(record: Record) -> bytes:
    event, muted_until = record.event, record.muted_until
    # Few records have one of these.
    rare: dict[str, Any] = {"too_old": True} if record.is_too_old else {}
    if muted_until and muted_until > record.planned_at:
        rare |= {"muted_until": ms_from_datetime(muted_until)}
    if record.alerts:
        rare["alerts"] = [{"rule": one.cause.detail, "text": one.title} for one in record.alerts]
    return _json(
        {
            "key": event.key,
            "kind": event.kind,
            "delivery": event.delivery,
            "item": event.item,
            "at": ms_from_datetime(event.at),
            "planned": ms_from_datetime(record.planned_at),
            "rulebook": record.rulebook,
            "first_contact": record.is_new,
            "fired": [{"rule": one.rule, "why": one.explanation} for one in record.fired],
            "sends": record.sends,
            "changes": record.changes,
            **({"limited": _limited(record.limited)} if record.limited else {}),
            "notifications": record.notifications,
            **({"calls": record.calls} if record.calls else {}),
            **({"forwards": record.forwards} if record.forwards else {}),
        }
        | rare
    )


def _limited(rule: LimitedRule) -> Mapping[str, str]:
    return {"rule": rule.rule, "why": rule.explanation}


def _json(value: object) -> bytes:
    # A value that is not JSON must not stop a commit: it is written as text.
    return orjson.dumps(value, default=str)
