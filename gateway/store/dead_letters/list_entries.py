"""Entries of the lists of dead letters: which letters there are, before their rows are read."""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any

from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.store import keys, number_list
from gateway.store.redis.client import Store

AT_ONCE = 200
SEND, EVENT = b"send:", b"event:"  # how an entry begins


@dataclass(frozen=True, slots=True)
class ListEntry:
    """A dead letter as the list of its number has it."""

    died_ms: int
    number: str
    member: bytes


def list_newest(store: Store, wanted: DeadLetterFilter, most: int | None) -> Iterator[ListEntry]:
    """Yield the entries of all wanted numbers, newest first, of any cause and code."""
    known = number_list.numbers(store) if wanted.number is None else [wanted.number]
    numbers = filter(wanted.has_number, known)
    per_number = [_iter_entries(store, number, wanted) for number in numbers]
    return islice(merge(*per_number, key=lambda one: one.died_ms, reverse=True), most)


def _iter_entries(store: Store, number: str, wanted: DeadLetterFilter) -> Iterator[ListEntry]:
    """Yield the entries of a number in pages, newest first, without those that die meanwhile."""
    newest = ms_from_datetime(wanted.until) if wanted.until else None
    skip = 0  # how many of those that died at `newest` were yielded
    while True:
        page = _page(store, number, newest, wanted, skip)
        yield from page
        if len(page) < AT_ONCE:
            return
        last = page[-1].died_ms
        ties = sum(one.died_ms == last for one in page)
        skip = skip + ties if last == newest else ties
        newest = last


def _page(
    store: Store, number: str, newest: int | None, wanted: DeadLetterFilter, skip: int
) -> list[ListEntry]:
    key = f"{keys.number(number)}dead"
    max_score = "+inf" if newest is None else newest
    min_score = ms_from_datetime(wanted.since) if wanted.since else "-inf"
    rows: Any = store.run(
        lambda client: client.zrevrangebyscore(
            key, max_score, min_score, start=skip, num=AT_ONCE, withscores=True
        )
    )
    return [ListEntry(int(died), number, member) for member, died in rows]
