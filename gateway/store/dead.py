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

from gateway.core.dead import DeadEvent, DeadSend, Wanted, moment
from gateway.core.dead_rows import dead_event, dead_send
from gateway.core.sends import lifetime
from gateway.store import keys, upkeep
from gateway.store.client import Store
from gateway.store.commit import milliseconds

AT_ONCE = 200
DeadLetter = DeadSend | DeadEvent
_SEND, _EVENT = b"send:", b"event:"

# What became of the wish to redrive: done; Meta has it; Meta may have it; it is no longer what was
# looked at; the delivery that an event came in is no longer kept; it was redriven often enough.
Redriven = Literal["redriven", "accepted", "unconfirmed", "changed", "trimmed", "too_often"]
# What was begun again so often will not pass the next time either, and its row has to stay small.
MOST_REDRIVES = 50


@dataclass(frozen=True, slots=True)
class _Listed:
    """A dead letter as it stands in the list of a number."""

    died_ms: int
    number: str
    member: bytes


def letters(store: Store, wanted: Wanted, most: int | None = None) -> Iterator[DeadLetter]:
    """Yield what is wanted, the newest first, read bit by bit; with `most` of the newest only."""
    numbers = upkeep.numbers(store) if wanted.number is None else [wanted.number]
    each = [_listed(store, number, wanted) for number in numbers]
    listed = islice(merge(*each, key=lambda one: one.died_ms, reverse=True), most)
    while some := list(islice(listed, AT_ONCE)):
        yield from filter(wanted.takes, _read(store, some))


def find(store: Store, name: str, numbers: Sequence[str] = ()) -> DeadLetter | None:
    """Return the dead letter of an id, None where there is none; by default of any number."""
    member, asked = _member(name), numbers or upkeep.numbers(store)

    def ask(client: Redis) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        for number in asked:
            pipe.zscore(f"{keys.number(number)}dead", member)
        return list(pipe.execute())

    scores = zip(asked, store.run(ask), strict=True)
    listed = [_Listed(int(died), number, member) for number, died in scores if died is not None]
    return next(_read(store, listed), None)


def read_events(
    store: Store, number: str, members: Sequence[tuple[bytes, float]]
) -> list[DeadEvent]:
    """Return those of the events that are dead letters still; each came with when it died."""
    listed = [_Listed(int(died), number, member) for member, died in members]
    return [letter for letter in _read(store, listed) if isinstance(letter, DeadEvent)]


def redrive(store: Store, letter: DeadLetter, *, unconfirmed: bool = False) -> Redriven:
    """Let a dead letter begin again, once for each time that it died; asking again is safe.

    `unconfirmed` is a person's word that twice is better than not at all.
    """
    match letter:
        case DeadSend():
            return _redrive_send(store, letter, unconfirmed=unconfirmed)
        case DeadEvent():
            return _redrive_event(store, letter)
        case _:
            assert_never(letter)


def drop(store: Store, letter: DeadLetter) -> bool:
    """Take a dead letter away; false where it is gone, or died again since it was read."""
    args = [_member(letter.id), letter.died_ms]
    return bool(store.call("drop", keys.number(letter.number), *args))


def now(store: Store) -> datetime:
    """Return the server's time, by which letters died."""
    seconds, micros = store.run(lambda client: client.time())
    return moment(seconds * 1000 + micros // 1000)


def _redrive_send(store: Store, letter: DeadSend, *, unconfirmed: bool) -> Redriven:
    if letter.accepted:
        return "accepted"
    if letter.open and not unconfirmed:
        return "unconfirmed"
    if letter.redriven >= MOST_REDRIVES:
        return "too_often"
    lasts_ms = int(lifetime(letter.rank, repeatable=False).total_seconds() * 1000)
    args = [letter.id, letter.redriven, letter.fields, lasts_ms]
    done = store.call("redrive", keys.number(letter.number), *args)
    return "redriven" if done else "changed"


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
    upkeep.count(store, keys.number(letter.number), "events.redriven")
    if letter.cause == "unreadable":
        drop(store, letter)
    return "redriven"


def _listed(store: Store, number: str, wanted: Wanted) -> Iterator[_Listed]:
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
    store: Store, number: str, newest: int | None, wanted: Wanted, skip: int
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


def _read(store: Store, listed: Sequence[_Listed]) -> Iterator[DeadLetter]:
    """Read the rows; what has none any more, or lives again, is no dead letter."""

    def ask(client: Redis) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        for one in listed:
            prefix = keys.number(one.number).encode()
            if one.member.startswith(_SEND):
                pipe.hgetall(prefix + one.member)
            else:
                pipe.get(prefix + b"dead:" + one.member)
                pipe.hgetall(prefix + b"deaths:" + one.member)
        return list(pipe.execute())

    rows = iter(store.run(ask))
    for one in listed:
        row = next(rows)
        deaths = {} if one.member.startswith(_SEND) else next(rows)
        letter = _letter(one, row, deaths)
        if letter:
            yield letter


def _letter(one: _Listed, row: Any, deaths: Mapping[bytes, bytes]) -> DeadLetter | None:
    if one.member.startswith(_SEND):
        told = {name.decode(): value.decode(errors="replace") for name, value in row.items()}
        name = one.member.removeprefix(_SEND).decode()
        return dead_send(name, one.number, one.died_ms, told) if "final" in told else None
    name = one.member.removeprefix(_EVENT).hex()
    told = {field.decode(): value.decode() for field, value in deaths.items()}
    return dead_event(name, one.number, one.died_ms, orjson.loads(row), told) if row else None


def _member(name: str) -> bytes:
    """Return how a dead letter is listed: an event by its digest, which is written as 32 digits."""
    if re.fullmatch("[0-9a-f]{32}", name):
        return _EVENT + bytes.fromhex(name)
    return _SEND + name.encode(errors="replace")
