"""Dead letters: found, begun again, and let go. All of it may raise StoreUnavailableError."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any, Literal, assert_never

import orjson
from redis import Redis

from gateway.core.sending.dead_letter import DeadEvent, DeadLetterFilter, DeadSend, moment
from gateway.core.sending.dead_letter_rows import dead_event, dead_send
from gateway.core.sending.send import lifetime
from gateway.store import keys, maintenance
from gateway.store.body_encryption import Bodies
from gateway.store.planning.commit import milliseconds
from gateway.store.redis.client import Store
from gateway.store.sending import send_rows
from gateway.store.sending.send_rows import SendRow

AT_ONCE = 200
DeadLetter = DeadSend | DeadEvent
_SEND, _EVENT = b"send:", b"event:"

# What became of the wish to redrive: done; Meta has it; Meta may have it; it is no longer what was
# looked at; the delivery that an event came in is no longer kept, or the text of a send is not, or
# it cannot be opened here; it was redriven often enough.
Redriven = Literal[
    "redriven", "accepted", "unconfirmed", "changed", "trimmed", "textless", "unopened", "too_often"
]
WITHOUT_KEYS = Bodies()  # for who shows no texts
# What was begun again so often will not pass the next time either, and its row has to stay small.
MOST_REDRIVES = 50


@dataclass(frozen=True, slots=True)
class _Listed:
    """A dead letter as it stands in the list of a number."""

    died_ms: int
    number: str
    member: bytes


def letters(
    store: Store, wanted: DeadLetterFilter, most: int | None = None, bodies: Bodies = WITHOUT_KEYS
) -> Iterator[DeadLetter]:
    """Yield what is wanted, the newest first, read bit by bit; with `most` of the newest only."""
    numbers = maintenance.numbers(store) if wanted.number is None else [wanted.number]
    each = [_listed(store, number, wanted) for number in numbers]
    listed = islice(merge(*each, key=lambda one: one.died_ms, reverse=True), most)
    while some := list(islice(listed, AT_ONCE)):
        yield from filter(wanted.takes, _read(store, bodies, some))


def find(
    store: Store, name: str, numbers: Sequence[str] = (), bodies: Bodies = WITHOUT_KEYS
) -> DeadLetter | None:
    """Return the dead letter of an id, None where there is none; by default of any number."""
    member, asked = _member(name), numbers or maintenance.numbers(store)

    def ask(client: Redis) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        for number in asked:
            pipe.zscore(f"{keys.number(number)}dead", member)
        return list(pipe.execute())

    scores = zip(asked, store.run(ask), strict=True)
    listed = [_Listed(int(died), number, member) for number, died in scores if died is not None]
    return next(_read(store, bodies, listed), None)


def read_events(
    store: Store, number: str, members: Sequence[tuple[bytes, float]]
) -> list[DeadEvent]:
    """Return those of the events that are dead letters still; each came with when it died."""
    listed = [_Listed(int(died), number, member) for member, died in members]
    return [
        letter for letter in _read(store, WITHOUT_KEYS, listed) if isinstance(letter, DeadEvent)
    ]


def redrive(
    store: Store,
    letter: DeadLetter,
    *,
    unconfirmed: bool = False,
    bodies: Bodies = WITHOUT_KEYS,
) -> Redriven:
    """Let a dead letter begin again, once for each time that it died; asking again is safe.

    `unconfirmed` is a person's word that twice is better than not at all.
    """
    match letter:
        case DeadSend():
            return _redrive_send(store, letter, bodies, unconfirmed=unconfirmed)
        case DeadEvent():
            return _redrive_event(store, letter)
        case _:
            assert_never(letter)


def drop(store: Store, letter: DeadLetter) -> bool:
    """Take a dead letter away; false where it is gone, or died again since it was read."""
    args = [_member(letter.id), letter.died_ms]
    return bool(store.call("drop_dead_letter", keys.number(letter.number), *args))


def now(store: Store) -> datetime:
    """Return the server's time, by which letters died."""
    seconds, micros = store.run(lambda client: client.time())
    return moment(seconds * 1000 + micros // 1000)


def _redrive_send(store: Store, letter: DeadSend, bodies: Bodies, *, unconfirmed: bool) -> Redriven:
    if letter.accepted:
        return "accepted"
    if letter.open and not unconfirmed:
        return "unconfirmed"
    if letter.redriven >= MOST_REDRIVES:
        return "too_often"
    (row,) = send_rows.read(store, bodies, letter.number, [letter.id])
    if row.is_compacted:
        return _revived(store, row, letter, bodies, unconfirmed=unconfirmed)
    if not send_rows.has_text(row.fields):
        return "textless"
    lasts_ms = int(lifetime(letter.rank, repeatable=False).total_seconds() * 1000)
    args = [letter.id, letter.redriven, letter.fields, lasts_ms]
    done = store.call("redrive", keys.number(letter.number), *args)
    return "redriven" if done else "changed"


def _revived(
    store: Store, row: SendRow, letter: DeadSend, bodies: Bodies, *, unconfirmed: bool
) -> Redriven:
    """Give a compacted send its row back, and judge it once more: news may have come."""
    if not row.has_text:
        return "unopened" if row.unopened else "textless"
    if not send_rows.revive(store, letter.number, row):
        return "changed"
    again = find(store, letter.id, [letter.number], bodies)
    if not isinstance(again, DeadSend):
        return "changed"
    return _redrive_send(store, again, bodies, unconfirmed=unconfirmed)


def _redrive_event(store: Store, letter: DeadEvent) -> Redriven:
    """Keep the delivery once more, byte for byte: this event is not known, its neighbours are.

    The dead letter stays until its event is committed, so that nothing is lost in between. That of
    what could not be read goes: it comes again, unless other events are read in its place.
    """
    place, _, entry = letter.delivery.partition(":")
    prefix = keys.partition(int(place))
    found: Any = store.run(lambda client: client.xrange(f"{prefix}inbox", entry, entry))
    if not found:
        return "trimmed"
    ((_, kept),) = found
    store.call("keep", prefix, kept[b"h"], kept[b"b"])
    maintenance.count(store, keys.number(letter.number), "events.redriven")
    if letter.cause == "unreadable":
        drop(store, letter)
    return "redriven"


def _listed(store: Store, number: str, wanted: DeadLetterFilter) -> Iterator[_Listed]:
    """Give what a number lists, the newest first, in pages; what dies meanwhile is not in them."""
    newest = milliseconds(wanted.until) if wanted.until else None
    skip = 0  # of those that died at `newest`, how many were given
    while True:
        page = _page(store, number, newest, wanted, skip)
        yield from page
        if len(page) < AT_ONCE:
            return
        last = page[-1].died_ms
        crowd = sum(one.died_ms == last for one in page)
        skip = skip + crowd if last == newest else crowd
        newest = last


def _page(
    store: Store, number: str, newest: int | None, wanted: DeadLetterFilter, skip: int
) -> list[_Listed]:
    key = f"{keys.number(number)}dead"
    most = "+inf" if newest is None else newest
    least = milliseconds(wanted.since) if wanted.since else "-inf"
    found: Any = store.run(
        lambda client: client.zrevrangebyscore(
            key, most, least, start=skip, num=AT_ONCE, withscores=True
        )
    )
    return [_Listed(int(died), number, member) for member, died in found]


def _read(store: Store, bodies: Bodies, listed: Sequence[_Listed]) -> Iterator[DeadLetter]:
    """Read the rows; what has none any more, or lives again, is no dead letter."""
    sends = _sends(store, bodies, listed)

    def ask(client: Redis) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        for one in listed:
            prefix = keys.number(one.number).encode()
            if not one.member.startswith(_SEND):
                pipe.get(prefix + b"dead:" + one.member)
                pipe.hgetall(prefix + b"deaths:" + one.member)
        return list(pipe.execute())

    events = iter(store.run(ask))
    letter: DeadLetter | None
    for one in listed:
        if one.member.startswith(_SEND):
            letter = _send(one, sends.get((one.number, one.member), {}))
        else:
            letter = _event(one, next(events), next(events))
        if letter:
            yield letter


def _sends(
    store: Store, bodies: Bodies, listed: Sequence[_Listed]
) -> dict[tuple[str, bytes], Mapping[str, str]]:
    """Read the rows of sends, number by number."""
    found: dict[tuple[str, bytes], Mapping[str, str]] = {}
    for number in {one.number for one in listed}:
        here = [one.member for one in listed if one.number == number]
        members = [member for member in here if member.startswith(_SEND)]
        ids = [member.removeprefix(_SEND).decode() for member in members]
        told = send_rows.read(store, bodies, number, ids)
        found |= {(number, one): row.fields for one, row in zip(members, told, strict=True)}
    return found


def _send(one: _Listed, row: Mapping[str, str]) -> DeadSend | None:
    name = one.member.removeprefix(_SEND).decode()
    return dead_send(name, one.number, one.died_ms, row) if "final" in row else None


def _event(one: _Listed, row: Any, deaths: Mapping[bytes, bytes]) -> DeadEvent | None:
    name = one.member.removeprefix(_EVENT).hex()
    told = {field.decode(): value.decode() for field, value in deaths.items()}
    return dead_event(name, one.number, one.died_ms, orjson.loads(row), told) if row else None


def _member(name: str) -> bytes:
    """Return how a dead letter is listed: an event by its digest, which is written as 32 digits."""
    if re.fullmatch("[0-9a-f]{32}", name):
        return _EVENT + bytes.fromhex(name)
    return _SEND + name.encode(errors="replace")
