"""Dead letters: read, redriven and dropped. All of it may raise StoreUnavailableError."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Literal, assert_never

import orjson
from redis import Redis

from gateway.core.dead_letters.dead_letter import DeadEvent, DeadForward, DeadSend
from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.core.dead_letters.rows import dead_event, dead_send
from gateway.core.sending.send import lifetime
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters.dead_forwards import (
    FORWARD,
    redrive_dead_forward,
    to_dead_forward,
)
from gateway.store.dead_letters.list_entries import AT_ONCE, EVENT, SEND, ListEntry, list_newest
from gateway.store.inbox.record import BODY, HEADER
from gateway.store.redis.client import Store
from gateway.store.sending import send_rows
from gateway.store.sending.send_rows import SendRow

DeadLetter = DeadSend | DeadEvent | DeadForward

# Result of a redrive: done; Meta accepted the send; Meta may have it; the dead letter changed since
# it was read; its delivery was trimmed, or the text of a send was; this process cannot open it; it
# was redriven often enough.
RedriveResult = Literal[
    "redriven", "accepted", "unconfirmed", "changed", "trimmed", "textless", "unopened", "too_often"
]
WITHOUT_KEYS = Bodies()  # for callers that show no texts
# A letter redriven so often will fail again, and its row has to stay small.
MOST_REDRIVES = 50


def iter_dead_letters(
    store: Store,
    wanted: DeadLetterFilter,
    most: int | None = None,
    bodies: Bodies = WITHOUT_KEYS,
    *,
    at_once: int = AT_ONCE,
) -> Iterator[DeadLetter]:
    """Yield the wanted dead letters, newest first; with `most` only the newest.

    They are read in pages of `at_once`: who wants few need not read the rows of many.
    """
    entries = list_newest(store, wanted, most)
    while page := list(islice(entries, at_once)):
        yield from filter(wanted.matches, read_letters(store, bodies, page))


def find(
    store: Store, letter_id: str, numbers: Sequence[str] = (), bodies: Bodies = WITHOUT_KEYS
) -> DeadLetter | None:
    """Return the dead letter of an id, None where there is none; by default of any number."""
    member, candidates = _member(letter_id), numbers or number_list.numbers(store)

    def ask(client: Redis) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        for number in candidates:
            pipe.zscore(f"{keys.number(number)}dead", member)
        return list(pipe.execute())

    scores = zip(candidates, store.run(ask), strict=True)
    entries = [ListEntry(int(died), number, member) for number, died in scores if died is not None]
    return next(read_letters(store, bodies, entries), None)


def read_events(
    store: Store, number: str, members: Sequence[tuple[bytes, float]]
) -> list[DeadEvent]:
    """Return those of the events that are still dead letters; each comes with its time of death."""
    entries = [ListEntry(int(died), number, member) for member, died in members]
    return [
        letter
        for letter in read_letters(store, WITHOUT_KEYS, entries)
        if isinstance(letter, DeadEvent)
    ]


def redrive(
    store: Store,
    dead_letter: DeadLetter,
    *,
    unconfirmed: bool = False,
    bodies: Bodies = WITHOUT_KEYS,
) -> RedriveResult:
    """Redrive a dead letter, once for each time that it died; repeating the call is safe.

    `unconfirmed` is the operator's decision to risk sending twice.
    """
    match dead_letter:
        case DeadSend():
            return _redrive_send(store, dead_letter, bodies, unconfirmed=unconfirmed)
        case DeadEvent():
            return _redrive_event(store, dead_letter)
        case DeadForward():
            return _redrive_forward(store, dead_letter)
        case _:
            assert_never(dead_letter)


def drop(store: Store, dead_letter: DeadLetter) -> bool:
    """Drop a dead letter; false where it is gone, or died again since it was read."""
    args = [_member(dead_letter.id), dead_letter.died_ms]
    return bool(store.call("drop_dead_letter", keys.number(dead_letter.number), *args))


def server_time(store: Store) -> datetime:
    """Return the server's time, by which the times of death were recorded."""
    seconds, micros = store.run(lambda client: client.time())
    return datetime_from_ms(seconds * 1000 + micros // 1000)


def _redrive_send(
    store: Store, dead_letter: DeadSend, bodies: Bodies, *, unconfirmed: bool
) -> RedriveResult:
    if dead_letter.accepted:
        return "accepted"
    if dead_letter.open and not unconfirmed:
        return "unconfirmed"
    if dead_letter.redriven >= MOST_REDRIVES:
        return "too_often"
    (row,) = send_rows.read_rows(store, bodies, dead_letter.number, [dead_letter.id])
    if row.is_compacted:
        return _revive_and_redrive(store, row, dead_letter, bodies, unconfirmed=unconfirmed)
    if not send_rows.has_text(row.fields):
        return "textless"
    lasts_ms = int(lifetime(dead_letter.priority, repeatable=False).total_seconds() * 1000)
    args = [dead_letter.id, dead_letter.redriven, dead_letter.fields, lasts_ms]
    done = store.call("redrive", keys.number(dead_letter.number), *args)
    return "redriven" if done else "changed"


def _revive_and_redrive(
    store: Store, row: SendRow, dead_letter: DeadSend, bodies: Bodies, *, unconfirmed: bool
) -> RedriveResult:
    """Restore the row of a compacted send and judge it again: a status may have arrived since."""
    if not row.has_text:
        return "unopened" if row.is_unopened else "textless"
    if not send_rows.revive(store, dead_letter.number, row):
        return "changed"
    revived = find(store, dead_letter.id, [dead_letter.number], bodies)
    if not isinstance(revived, DeadSend):
        return "changed"
    return _redrive_send(store, revived, bodies, unconfirmed=unconfirmed)


def _redrive_event(store: Store, dead_letter: DeadEvent) -> RedriveResult:
    """Store the delivery again, byte for byte: this event is unknown, its neighbours are known.

    The dead letter stays until its event is committed, so that nothing is lost in between. That of
    an unreadable event is dropped: it is created again unless its bytes can be read this time.
    """
    partition, _, entry = dead_letter.delivery.partition(":")
    prefix = keys.partition(int(partition))
    entries: Any = store.run(lambda client: client.xrange(f"{prefix}inbox", entry, entry))
    if not entries:
        return "trimmed"
    ((_, fields),) = entries
    store.call("keep", prefix, fields[HEADER], fields[BODY])
    number_list.increment_counter(store, keys.number(dead_letter.number), "events.redriven")
    if dead_letter.cause == "unreadable":
        drop(store, dead_letter)
    return "redriven"


def _redrive_forward(store: Store, dead_letter: DeadForward) -> RedriveResult:
    if not dead_letter.has_copy:
        return "trimmed"
    return "redriven" if redrive_dead_forward(store, dead_letter) else "changed"


def read_letters(
    store: Store, bodies: Bodies, entries: Sequence[ListEntry]
) -> Iterator[DeadLetter]:
    """Read the rows; an entry without a row, or whose send lives again, is no dead letter."""
    sends = _read_send_fields(store, bodies, entries)
    others = iter(_read_others(store, entries))
    dead_letter: DeadLetter | None
    for one in entries:
        if one.member.startswith(SEND):
            dead_letter = _to_dead_send(one, sends.get((one.number, one.member), {}))
        elif one.member.startswith(FORWARD):
            name = one.member.removeprefix(FORWARD).decode()
            dead_letter = to_dead_forward(name, one.number, one.died_ms, next(others), bodies)
        else:
            dead_letter = _to_dead_event(one, next(others), next(others))
        if dead_letter:
            yield dead_letter


def _read_others(store: Store, entries: Sequence[ListEntry]) -> list[Any]:
    """Read one reply for each forward, and two for each event."""

    def ask(client: Redis) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        for one in entries:
            prefix = keys.number(one.number).encode()
            if one.member.startswith(FORWARD):
                pipe.hgetall(prefix + one.member)
            elif not one.member.startswith(SEND):
                pipe.get(prefix + b"dead:" + one.member)
                pipe.hgetall(prefix + b"deaths:" + one.member)
        return list(pipe.execute())

    return store.run(ask)


def _read_send_fields(
    store: Store, bodies: Bodies, entries: Sequence[ListEntry]
) -> dict[tuple[str, bytes], Mapping[str, str]]:
    """Read the rows of sends, number by number."""
    fields_by_send: dict[tuple[str, bytes], Mapping[str, str]] = {}
    for number in {one.number for one in entries}:
        here = [one.member for one in entries if one.number == number]
        members = [member for member in here if member.startswith(SEND)]
        ids = [member.removeprefix(SEND).decode() for member in members]
        rows = send_rows.read_rows(store, bodies, number, ids)
        fields_by_send |= {
            (number, one): row.fields for one, row in zip(members, rows, strict=True)
        }
    return fields_by_send


def _to_dead_send(entry: ListEntry, row: Mapping[str, str]) -> DeadSend | None:
    name = entry.member.removeprefix(SEND).decode()
    return dead_send(name, entry.number, entry.died_ms, row) if "final" in row else None


def _to_dead_event(entry: ListEntry, row: Any, deaths: Mapping[bytes, bytes]) -> DeadEvent | None:
    name = entry.member.removeprefix(EVENT).hex()
    details = {field.decode(): value.decode() for field, value in deaths.items()}
    return (
        dead_event(name, entry.number, entry.died_ms, orjson.loads(row), details) if row else None
    )


def _member(letter_id: str) -> bytes:
    """Return a dead letter's list member: for an event its digest, whose id has 32 hex digits."""
    if re.fullmatch("[0-9a-f]{32}", letter_id):
        return EVENT + bytes.fromhex(letter_id)
    if re.fullmatch("[0-9a-f]{32}-[a-z][a-z0-9_-]*", letter_id):
        return FORWARD + letter_id.encode()
    return SEND + letter_id.encode(errors="replace")
