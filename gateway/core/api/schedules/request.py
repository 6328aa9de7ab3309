"""Request for a schedule: read from a client's JSON, and changed by another; pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson

from gateway.core.api.field_errors import FieldError, FieldReader
from gateway.core.api.message_request import MessageRequest, read_moment, read_request
from gateway.core.api.recipient import write_recipient
from gateway.core.api.schedules.cron import find_cron_problem, find_zone_problem
from gateway.core.api.schedules.schedule import MISSED, ONCE, SKIP, Missed, Schedule
from gateway.core.sending.send import REPLY

MOST_NAME = 128
MOST_COUNT = 1_000_000
MOST_MESSAGE_BYTES = 16 * 1024  # ten thousand of them must fit in memory
MOST_AHEAD = timedelta(days=3660)
_TIMING = frozenset({"cron", "zone", "until"})
_NOT_RECURRING = {
    "send_at": "must be left out: the schedule says when",
    "expires_at": "must be left out: give ttl, which counts from each send",
}


class SendingNumber(NamedTuple):
    """The number that sends, and what its account says of zones and national phone numbers."""

    number: str
    zone: str = ""
    country: str = ""


class _FieldSource(NamedTuple):
    reader: FieldReader
    sender: SendingNumber
    now: datetime


def number_of(fields: Mapping[str, Any], default: str) -> str:
    """Return the phone number id that the message of a schedule goes out from."""
    message = fields.get("message")
    named = message.get("from") if isinstance(message, dict) else None
    return named if named and isinstance(named, str) else default


def read_schedule(
    fields: Mapping[str, Any], sender: SendingNumber, now: datetime
) -> tuple[Schedule | None, list[FieldError]]:
    """Return the schedule in a JSON object, and everything that is wrong with it."""
    reader = FieldReader(fields)
    reader.refuse_unknown(FIELDS)
    source = _FieldSource(reader, sender, now)
    values = {name: read(source) for name, read in _READERS.items()}
    schedule = Schedule(**values, created_at=now)
    _check_end(reader, schedule, now)
    return (None if reader.errors else schedule), reader.errors


def change_schedule(
    before: Schedule, changes: Mapping[str, Any], sender: SendingNumber, now: datetime
) -> tuple[Schedule | None, list[FieldError]]:
    """Return a schedule with the fields of a JSON object changed, and what is wrong with these.

    Null takes back what a field says. The others are not looked at again, so that whatever is wrong
    with them by now keeps nothing from being paused.
    """
    reader = FieldReader(changes)
    reader.refuse_unknown(FIELDS)
    source = _FieldSource(reader, sender, now)
    values = {name: read(source) for name, read in _READERS.items() if name in changes}
    schedule = replace(before, **values)
    if changes.keys() & _TIMING:
        _check_end(reader, schedule, now)
    return (None if reader.errors else schedule), reader.errors


def locate_in_message(errors: Sequence[FieldError]) -> list[FieldError]:
    """Return errors of a message as those of the schedule that it is in."""
    return [FieldError(f"#/message{one.pointer[1:]}", one.detail) for one in errors]


def _check_end(reader: FieldReader, schedule: Schedule, now: datetime) -> None:
    if not reader.errors and schedule.first_after(now) is None:
        reader.add("until", "is before the first moment of cron")


def _read_cron(source: _FieldSource) -> str:
    reader = source.reader
    cron = reader.fields.get("cron")
    if not isinstance(cron, str):
        problem = "must be a text" if cron is not None else "is missing"
        reader.add("cron", f"{problem}: five fields such as 0 9 * * MON-FRI")
        return ""
    if problem := find_cron_problem(cron):
        reader.add("cron", problem)
    return " ".join(cron.split())


def _read_zone(source: _FieldSource) -> str:
    reader = source.reader
    if reader.fields.get("zone") is None:
        if not source.sender.zone:
            detail = "is missing: name one such as Europe/Lisbon, or give the account a time_zone"
            reader.add("zone", detail)
        return source.sender.zone
    zone = reader.text("zone", 64)
    if zone and (problem := find_zone_problem(zone)):
        reader.add("zone", problem)
    return zone


def _read_message(source: _FieldSource) -> dict[str, Any]:
    """Return a message that depends on no account: whom it goes to and from is written out."""
    reader, sender = source.reader, source.sender
    message = reader.fields.get("message")
    if not isinstance(message, dict):
        reader.add("message", "must be a message as POST /v1/messages takes it")
        return {}
    if len(orjson.dumps(message)) > MOST_MESSAGE_BYTES:
        reader.add("message", f"must have at most {MOST_MESSAGE_BYTES:,} bytes")
        return {}
    _refuse_not_recurring(reader, message)
    kept = {name: value for name, value in message.items() if name not in _NOT_RECURRING}
    request = read_request(kept, sender.country)
    if not isinstance(request, MessageRequest):
        reader.errors += locate_in_message(request)
        return {}
    if request.number not in ("", sender.number):
        reader.add("message/from", "is another number: make another schedule for it")
    if not sender.number:
        reader.add("message/from", "is missing, and there is no default account")
    return {**kept, "to": write_recipient(request.recipient), "from": sender.number}


def _refuse_not_recurring(reader: FieldReader, message: Mapping[str, Any]) -> None:
    for name, detail in _NOT_RECURRING.items():
        if message.get(name) is not None:
            reader.add(f"message/{name}", detail)
    if message.get("priority") == REPLY:
        reader.add("message/priority", "must be notice or bulk: nobody waits for a scheduled send")


def _read_missed(source: _FieldSource) -> Missed:
    return ONCE if source.reader.choice("missed", MISSED) == ONCE else SKIP


def _read_until(source: _FieldSource) -> datetime | None:
    until = read_moment(source.reader, "until")
    if until and until <= source.now:
        source.reader.add("until", "is in the past")
    elif until and until - source.now > MOST_AHEAD:
        source.reader.add("until", "is more than ten years ahead")
    return until


def _read_paused(source: _FieldSource) -> bool:
    return source.reader.fields.get("paused") is not None and source.reader.flag("paused")


_READERS: Mapping[str, Callable[[_FieldSource], Any]] = {
    "cron": _read_cron,
    "zone": _read_zone,
    "message": _read_message,
    "missed": _read_missed,
    "until": _read_until,
    "count": lambda source: source.reader.integer("count", 1, MOST_COUNT),
    "paused": _read_paused,
    "name": lambda source: source.reader.text("name", MOST_NAME),
}
FIELDS = frozenset(_READERS)
