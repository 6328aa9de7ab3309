"""Unreadable events: stored with their bytes as dead letters, and searchable by these.

All of it may raise StoreUnavailableError.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.core.dead_letters.dead_letter import DeadEvent
from gateway.core.events import Unreadable
from gateway.core.webhook.damaged import Mentions
from gateway.core.webhook.event_keys import digest
from gateway.store import keys
from gateway.store.body_codec import Bodies, UnknownRecordError
from gateway.store.dead_letters.dead_letters import read_events
from gateway.store.inbox.lookup import TracedInbox
from gateway.store.planning.commit import dead_letter_call
from gateway.store.redis.client import Call, Store

# The newest letters of each number stay, some 30 MB at most: MOST_WHOLE of them hold up to
# MOST_BYTES, the others only their beginning.
MOST_LETTERS = 10_000
MOST_WHOLE = 200
MOST_BYTES = 64 << 10
BEGINNING = 1 << 10
LIFETIME_MS = keys.MONTH_MS
# How many of the newest letters of a number are searched, and in which steps.
MOST_SEARCHED = 2_000
STEP = 100


@dataclass(frozen=True, slots=True)
class UnreadableBytes:
    """Stored bytes of an unreadable event; `problem` says why this process cannot open them."""

    content: bytes = field(default=b"", repr=False)
    problem: str = ""


def store_unreadable(
    store: Store, bodies: Bodies, events: Sequence[Unreadable]
) -> list[Exception | None]:
    """Store events as dead letters; return None for each, or why it cannot be stored now.

    They do not become known: a redelivery is the same letter, and is read again. The bytes come
    first, so that there is no letter without them.
    """
    replies = store.call_many([call for event in events for call in _store_calls(bodies, event)])
    errors = [one if isinstance(one, Exception) else None for one in replies]
    return [first or second for first, second in zip(errors[::2], errors[1::2], strict=True)]


def read_bytes(store: Store, bodies: Bodies, dead_letter: DeadEvent) -> UnreadableBytes:
    """Return the bytes of a letter, or only their beginning where `dead_letter.size` is larger."""
    return next(_open_bytes(store, bodies, dead_letter.number, [dead_letter]))


def search_dead_letters(
    store: Store, bodies: Bodies, numbers: Sequence[str], mentions: Mentions
) -> Iterator[DeadEvent]:
    """Yield the letters whose bytes mention the customer, the newest of each number first.

    Where a letter has only the beginning, its delivery is searched as long as that is stored.
    """
    inbox = TracedInbox(store, bodies)
    for number in numbers:
        for dead_letter, content in _iter_letters(store, bodies, number):
            if mentions(content) or (
                len(content) < dead_letter.size and mentions(inbox.read_body(dead_letter.delivery))
            ):
                yield dead_letter


def _iter_letters(store: Store, bodies: Bodies, number: str) -> Iterator[tuple[DeadEvent, bytes]]:
    key, last = f"{keys.number(number)}unreadable", MOST_SEARCHED - 1
    listed: Any = store.run(lambda client: client.zrevrange(key, 0, last, withscores=True))
    for start in range(0, len(listed), STEP):
        letters = read_events(store, number, listed[start : start + STEP])
        for letter, kept_bytes in zip(
            letters, _open_bytes(store, bodies, number, letters), strict=True
        ):
            yield letter, kept_bytes.content


def _store_calls(bodies: Bodies, event: Unreadable) -> tuple[Call, Call]:
    content = event.source or orjson.dumps(event.raw)
    member = b"event:" + digest(event.key)
    whole, beginning = bodies.pack(content[:MOST_BYTES]), bodies.pack(content[:BEGINNING])
    args = [member, whole, beginning, LIFETIME_MS, MOST_LETTERS, MOST_WHOLE]
    details = {"error": event.reason, "trace": "", "raw": None, "unreadable": len(content)}
    return (
        Call("hold", keys.number(event.number), args),
        dead_letter_call(event, details, "events.unreadable"),
    )


def _open_bytes(
    store: Store, bodies: Bodies, number: str, letters: Sequence[DeadEvent]
) -> Iterator[UnreadableBytes]:
    prefix = f"{keys.number(number)}unreadable:event:".encode()
    names = [prefix + bytes.fromhex(letter.id) for letter in letters]
    records: Any = store.run(lambda client: client.mget(names)) if names else ()
    for record in records:
        try:
            yield (
                UnreadableBytes(bodies.open(record))
                if record
                else UnreadableBytes(problem="they are no longer kept")
            )
        except UnknownRecordError as error:
            yield UnreadableBytes(problem=f"this process cannot open them: {error}")
