"""Calls of services as they are stored: taken under a lease, settled, and read for a trace.

Every function may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gateway.core.services.attempt_outcome import (
    BREAKS_AFTER,
    CROWDED_OUT,
    REST_S,
    CallOutcome,
)
from gateway.core.services.service_call import has_customer, read_payload
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.outgoing.traced_posts import TracedPost
from gateway.store.redis.client import Call, Store, StoreUnavailableError
from gateway.store.sending.lanes import Damage, parse_damages
from gateway.store.sending.lookup import read_each, run_commands


@dataclass(frozen=True, slots=True)
class CallAttempt:
    """A call that is to be made now.

    Its service "rests" where it did not answer others; the attempt before was "interrupted" where
    its worker said nothing of it. The payload is empty where it cannot be read.
    """

    id: str
    attempt: int
    planned_at: datetime
    state: str
    payload: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class TakenCalls:
    """The attempts that begin, how many more are due, and damaged calls that rest."""

    now: datetime
    attempts: tuple[CallAttempt, ...]
    more: int
    damaged: tuple[Damage, ...]


def take(store: Store, number: str, service: str, most: int, lease: timedelta) -> TakenCalls:
    """Begin attempts at calls of a service that are due; no other worker has them now."""
    lease_ms = int(lease.total_seconds() * 1000)
    args = [service, most, lease_ms, BREAKS_AFTER]
    now_ms, more, damaged, taken = store.call("take_calls", keys.number(number), *args)
    rows = zip(*(taken[place::5] for place in range(5)), strict=True)
    attempts = tuple(
        CallAttempt(id_.decode(), n, datetime_from_ms(at), state.decode(), read_payload(payload))
        for id_, n, at, state, payload in rows
    )
    return TakenCalls(datetime_from_ms(now_ms), attempts, more, parse_damages(damaged))


def settle(
    store: Store, number: str, attempt: CallAttempt, outcome: CallOutcome, kept: timedelta
) -> bool:
    """Record how an attempt ended; false where a later attempt decides what follows.

    The answer must be in the inbox by then. What is left of the call can be read for `kept`.
    """
    args = [attempt.id, attempt.attempt, outcome.step, outcome.wait_ms, outcome.shown]
    args += [outcome.health, *_policy(kept)]
    return bool(store.call("settle_call", keys.number(number), *args))


def _policy(kept: timedelta) -> list[Any]:
    return [BREAKS_AFTER, int(REST_S * 1000), max(1, int(kept.total_seconds() * 1000))]


def read_crowded(store: Store, number: str, most: int) -> dict[str, Mapping[str, Any] | None]:
    """Return the payloads of calls for which there was no room, the oldest first, by their ids.

    None stands for one that is over or erased, or cannot be read.
    """
    prefix = keys.number(number)
    (found,) = run_commands(store, ("ZRANGE", f"{prefix}calls_crowded", 0, most - 1))
    ids = [one.decode() for one in found]
    names = (f"{prefix}call:{one}" for one in ids)
    rows = read_each(store, [("HMGET", name, "stage", "payload") for name in names])
    return {id_: _waiting_payload(row) for id_, row in zip(ids, rows, strict=True)}


def _waiting_payload(row: Any) -> Mapping[str, Any] | None:
    stage, stored = row or (None, None)
    payload = read_payload(stored) if stage == b"waiting" else {}
    return payload if has_customer(payload) else None


def end_crowded(store: Store, number: str, ids: Sequence[str], kept: timedelta) -> None:
    """End calls for which there was no room; their answers must be in the inbox by then."""
    prefix = keys.number(number)
    ends = [[one, 0, "crowded_out", 0, CROWDED_OUT, "", *_policy(kept)] for one in ids]
    for reply in store.call_many([Call("settle_call", prefix, args) for args in ends]):
        if isinstance(reply, StoreUnavailableError):
            raise reply
    if ids:  # also those of which no row is left, or a damaged one
        run_commands(store, ("ZREM", f"{prefix}calls_crowded", *ids))


def is_stored(store: Store, number: str, call: str) -> bool:
    """Say whether a call is stored still: its customer may have been erased meanwhile."""
    name = f"{keys.number(number)}call:{call}"
    return bool(store.run(lambda client: client.exists(name)))


class TracedCall(TracedPost):
    """A call of a service; of one that is answered `payload` has the request, event and rule."""


def read_calls(store: Store, number: str, ids: Sequence[str]) -> tuple[TracedCall, ...]:
    """Return calls by their ids, in that order."""
    prefix = keys.number(number)
    rows = run_commands(store, *(("HGETALL", f"{prefix}call:{one}") for one in ids)) if ids else []
    due_keys = (f"{prefix}calls_due:{row.get(b'service', b'').decode()}" for row in rows)
    queries = [("ZSCORE", key, one) for key, one in zip(due_keys, ids, strict=True)]
    due = run_commands(store, *queries) if queries else []
    return tuple(TracedCall.parse(*each) for each in zip(ids, rows, due, strict=True))
