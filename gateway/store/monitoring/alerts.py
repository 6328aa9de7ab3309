"""Alerts: the causes that somebody noted, and what was told of each; all in one slot.

May raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, TypeVar

import orjson

from gateway.core.alerts import Alert, AlertState, Cause
from gateway.store import keys
from gateway.store.redis.client import Store

T = TypeVar("T")

MOST_NOTED = 100
MOST_SWAPS = 5


@dataclass(frozen=True, slots=True)
class AlertRow:
    """What is told of one cause, and the bytes that stand for it in the store."""

    told: AlertState
    seen: bytes


def note(store: Store, alert: Alert, lasts: timedelta, most: int = MOST_NOTED) -> bool:
    """Say that a cause is true now; it is over once it was not said for so long.

    Cheap enough to be said of each of a thousand failures; false where `most` causes are noted.
    """
    lasts_ms = int(lasts.total_seconds() * 1000)
    args = [alert.cause.key, orjson.dumps(alert), lasts_ms, most]
    return bool(store.call("note", keys.NOTED, *args))


def clear(store: Store, cause: Cause) -> None:
    """Say that a cause is over."""
    store.run(lambda client: client.hdel(keys.NOTED, cause.key))


def noted(store: Store, now_ms: int) -> dict[str, Alert]:
    """Return what is noted and true at `now_ms`, and forget what was true before."""
    found: Any = store.run(lambda client: client.hgetall(keys.NOTED))
    true: dict[str, Alert] = {}
    for key, seen in found.items():
        till, _, alert = seen.partition(b"|")
        if int(till) > now_ms:
            true[key.decode()] = _alert(orjson.loads(alert))
        else:
            store.call("compare_and_swap", keys.NOTED, key, seen, "")
    return true


def rows(store: Store) -> dict[str, AlertRow]:
    """Return what is told, by the key of its cause, the oldest first."""
    found: Any = store.run(lambda client: client.hgetall(keys.TOLD))
    read = {key.decode(): AlertRow(_told(orjson.loads(seen)), seen) for key, seen in found.items()}
    return dict(sorted(read.items(), key=lambda one: one[1].told.since_ms))


def write(store: Store, key: str, before: AlertRow | None, after: AlertState | None) -> bool:
    """Replace what is told of a cause; false where somebody else has done so meanwhile."""
    seen = before.seen if before else b""
    return bool(
        store.call("compare_and_swap", keys.TOLD, key, seen, orjson.dumps(after) if after else b"")
    )


def answered(store: Store, key: str, told: AlertState) -> None:
    """Note that what was told was heard, whatever became of the cause meanwhile."""
    for _ in range(MOST_SWAPS):
        row = rows(store).get(key)
        if row is None or (row.told.id, row.told.tries) != (told.id, told.tries):
            return  # it was told once more meanwhile, and that answer will count
        if write(store, key, row, row.told.answered()):
            return


def grown(store: Store, counter: str, value: int) -> bool:
    """Say whether a counter is higher than `saw` has noted; false before the first time."""
    before: Any = store.run(lambda client: client.hget(keys.SEEN, counter))
    return before is not None and value > int(before)


def saw(store: Store, counter: str, value: int) -> None:
    """Note how high a counter stands."""
    store.run(lambda client: client.hset(keys.SEEN, counter, value))


def _told(kept: Mapping[str, Any]) -> AlertState:
    return _read(AlertState, {**kept, "alert": _alert(kept["alert"])})


def _alert(kept: Mapping[str, Any]) -> Alert:
    return _read(Alert, {**kept, "cause": _read(Cause, kept["cause"])})


def _read(kind: type[T], kept: Mapping[str, Any]) -> T:
    """Make a `kind` of what was kept; what another release put beside it is left out."""
    names = {one.name for one in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in kept.items() if name in names})
