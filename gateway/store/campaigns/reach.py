"""Reach of a number: Meta's limit as it said it last, and how many customers were reached of late.

All of it may raise StoreUnavailableError or ScriptError.
"""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from gateway.accounts.account import OwnNumber
from gateway.core.campaigns.reach import Reach, parse_limit
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.graph.admin.client import AdminClient
from gateway.graph.admin.errors import SetupError
from gateway.store import keys
from gateway.store.campaigns.campaigns import ACTIVE, Campaign, campaign_key
from gateway.store.redis.client import Store
from gateway.store.sending.lookup import read_each, run_commands

ASK_WITHIN_S = 4.0
ASK_EVERY_MS = 600_000
HOUR_MS = 3_600_000
HOURS = 25  # the last 24, of which the first and the last are not whole
PROMISED = f"{keys.CAMPAIGNS}promised"
TURN = "turn"  # its field that changes whenever a promise is made or ended
PROMISE_MS = 60_000  # as long as a task that queues recipients may take
PROMISE_TRIES = 10


class ReachPromise(NamedTuple):
    """How many recipients a campaign may queue now, and until when by the store's clock."""

    granted: int
    name: str = ""
    till_ms: int = 0  # 0 without an end


def refresh_limit(store: Store, graph_url: str, own: OwnNumber) -> None:
    """Ask Meta for the limit, unless that was done within ten minutes."""
    key = f"{_key(own.id)}:asked"
    if store.run(lambda client: client.set(key, 1, nx=True, px=ASK_EVERY_MS)):
        ask_limit(store, graph_url, own)


def ask_limit(store: Store, graph_url: str, own: OwnNumber) -> None:
    """Ask Meta for the limit, and store it; without an answer the last one goes on to count."""
    found = own.credentials
    client = AdminClient(
        graph_url,
        found.graph_version,
        token=found.token,
        proof_secret=found.proof_secret,
        total_s=ASK_WITHIN_S,
    )
    with suppress(SetupError), client:
        if word := client.number(own.id).messaging_limit:
            note_limit(store, own.id, word)


def note_limit(store: Store, number: str, word: str) -> None:
    """Store the limit of a number in Meta's word; it counts for a day."""
    store.run(lambda client: client.set(_key(number), word, px=keys.DAY_MS))


def read_reach(store: Store, number: str, siblings: Sequence[str]) -> Reach | None:
    """Return the reach of a number, None where Meta's limit is not known.

    `siblings` are the numbers that share the limit, itself among them. A customer who was reached
    by two of them counts twice, so the figure is the most that may be used up.
    """
    (word,) = run_commands(store, _ask_word(number))
    limit = parse_limit(word.decode()) if word else None
    if limit is None:
        return None
    if not (reach := Reach(limit)).is_limited:
        return reach
    hours = _last_hours(store)
    names = [[_hour_key(one, hour) for hour in hours] for one in siblings]
    replies = run_commands(store, *(("PFCOUNT", *each) for each in names), *_each_hour(names))
    used, by_hour = replies[: len(names)], replies[len(names) :]
    oldest = min((i % HOURS for i, count in enumerate(by_hour) if count), default=None)
    frees_at = None if oldest is None else datetime_from_ms((hours[oldest] + HOURS) * HOUR_MS)
    return Reach(limit, sum(used), frees_at)


def read_reaches(store: Store, groups: Iterable[Sequence[str]]) -> Mapping[str, Reach]:
    """Return the reach of each number whose limit is known, without when more of it is free.

    A group has the numbers that share a limit. Two commands a number, so that a page may ask often.
    """
    named = [tuple(each) for each in groups]
    numbers = [number for each in named for number in each]
    words = dict(zip(numbers, run_commands(store, *map(_ask_word, numbers)), strict=True))
    limits = {one: parse_limit(word.decode()) for one, word in words.items() if word}
    limited = [one for each in named if any(map(limits.get, each)) for one in each]
    hours = _last_hours(store)
    counts = [("PFCOUNT", *(_hour_key(one, hour) for hour in hours)) for one in limited]
    used = dict(zip(limited, run_commands(store, *counts), strict=True))
    return {
        number: Reach(limit, sum(used[one] for one in each))
        for each in named
        for number in each
        if (limit := limits.get(number))
    }


def count_promised(store: Store, id_: str, siblings: Collection[str]) -> int:
    """Return how many customers the other running campaigns of some numbers are about to reach."""
    return sum(count for _, count in _others(store, id_, siblings))


def promise_reach(
    store: Store, campaign: Campaign, siblings: Sequence[str], wanted: int
) -> ReachPromise:
    """Promise a campaign so many customers of what is left, or as many as other campaigns leave.

    Whatever these queue at this instant is counted; where they are too many for that, nobody is
    promised. A number whose limit is not known, or that has none, promises all.
    """
    own, name = campaign.funnel.of("queued", "attempting"), secrets.token_hex(4)
    for _ in range(PROMISE_TRIES):
        turn: Any = store.run(lambda client: client.hget(PROMISED, TURN))
        # Before the reach, so that a send accepted in between counts twice, and not never.
        others = [part for other in _others(store, campaign.id, siblings) for part in other]
        reach = read_reach(store, campaign.number, siblings)
        if reach is None or not reach.is_limited:
            return ReachPromise(wanted)
        args = [campaign.id, name, own, reach.left, wanted, PROMISE_MS, turn or "", *others]
        granted, till = store.call("promise_reach", keys.CAMPAIGNS, *args)
        if granted >= 0:
            return ReachPromise(granted, f"{campaign.id}/{name}", till)
    return ReachPromise(0)


def end_promise(store: Store, promise: ReachPromise) -> None:
    """End a promise: those whom it was for are queued, and count as that."""

    def end(client: Any) -> None:
        pipe = client.pipeline(transaction=True)
        pipe.hset(PROMISED, TURN, f"{promise.name} ended")
        pipe.hdel(PROMISED, promise.name)
        pipe.execute()

    store.run(end)


def _others(store: Store, id_: str, siblings: Collection[str]) -> list[tuple[str, int]]:
    """Return the other running campaigns of some numbers, with how many customers each queued."""
    active: Any = store.run(lambda client: client.hgetall(ACTIVE))
    named = [(one.decode(), number.decode()) for one, number in active.items()]
    others = [(one, number) for one, number in named if one != id_ and number in siblings]
    fields = ("phase", "cell:queued", "cell:attempting")
    # One that cannot be read stands still, and holds up no other.
    rows = read_each(
        store, [("HMGET", campaign_key(number, one), *fields) for one, number in others]
    )
    return [
        (one, int(row[1] or 0) + int(row[2] or 0))
        for (one, _), row in zip(others, rows, strict=True)
        if row and row[0] == b"running"
    ]


def _each_hour(names: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    return [("PFCOUNT", name) for each in names for name in each]


def _last_hours(store: Store) -> range:
    """Return the hours that count, by the clock of the store."""
    time: Any = store.run(lambda client: client.time())
    this_hour = int(time[0]) * 1000 // HOUR_MS
    return range(this_hour - HOURS + 1, this_hour + 1)


def _ask_word(number: str) -> tuple[str, str]:
    return "GET", _key(number)


def _key(number: str) -> str:
    return f"{keys.number(number)}reach"


def _hour_key(number: str, hour: int) -> str:
    return f"{keys.number(number)}reached:{hour}"
