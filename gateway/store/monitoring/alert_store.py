"""Alert store: the causes that were recorded, and what was reported of each; all in one slot.

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
    """Report state of one cause, and its bytes in the store."""

    state: AlertState
    raw: bytes


def record_alert(store: Store, alert: Alert, lasts: timedelta, most: int = MOST_NOTED) -> bool:
    """Record that a cause is true now; it is over once it was not recorded for `lasts`.

    Cheap enough for each of a thousand failures; false where `most` causes are recorded.
    """
    lasts_ms = int(lasts.total_seconds() * 1000)
    args = [alert.cause.key, orjson.dumps(alert), lasts_ms, most]
    return bool(store.call("note", keys.NOTED, *args))


def clear_cause(store: Store, cause: Cause) -> None:
    """Record that a cause is over."""
    store.run(lambda client: client.hdel(keys.NOTED, cause.key))


def active_alerts(store: Store, now_ms: int) -> dict[str, Alert]:
    """Return the alerts that are recorded and true at `now_ms`; remove those that have ended."""
    raw_alerts: Any = store.run(lambda client: client.hgetall(keys.NOTED))
    active: dict[str, Alert] = {}
    for key, seen in raw_alerts.items():
        till, _, alert = seen.partition(b"|")
        if int(till) > now_ms:
            active[key.decode()] = _parse_alert(orjson.loads(alert))
        else:
            store.call("compare_and_swap", keys.NOTED, key, seen, "")
    return active


def read_rows(store: Store) -> dict[str, AlertRow]:
    """Return the report states by the key of their cause, the oldest first."""
    raw_rows: Any = store.run(lambda client: client.hgetall(keys.TOLD))
    alert_rows = {
        key.decode(): AlertRow(_parse_state(orjson.loads(seen)), seen)
        for key, seen in raw_rows.items()
    }
    return dict(sorted(alert_rows.items(), key=lambda one: one[1].state.since_ms))


def replace_row(store: Store, key: str, before: AlertRow | None, after: AlertState | None) -> bool:
    """Replace the report state of a cause; false where another process has done so meanwhile."""
    expected = before.raw if before else b""
    return bool(
        store.call(
            "compare_and_swap", keys.TOLD, key, expected, orjson.dumps(after) if after else b""
        )
    )


def record_answer(store: Store, key: str, state: AlertState) -> None:
    """Record that a report was delivered, even if its cause has changed meanwhile."""
    for _ in range(MOST_SWAPS):
        row = read_rows(store).get(key)
        if row is None or (row.state.id, row.state.tries) != (state.id, state.tries):
            return  # it was reported again meanwhile, and the answer to that will count
        if replace_row(store, key, row, row.state.after_delivery()):
            return


def has_grown(store: Store, counter: str, value: int) -> bool:
    """Return whether a counter exceeds its value in `record_counter`; false before the first."""
    before: Any = store.run(lambda client: client.hget(keys.SEEN, counter))
    return before is not None and value > int(before)


def record_counter(store: Store, counter: str, value: int) -> None:
    """Record the value of a counter."""
    store.run(lambda client: client.hset(keys.SEEN, counter, value))


def _parse_state(stored: Mapping[str, Any]) -> AlertState:
    return _build(AlertState, {**stored, "alert": _parse_alert(stored["alert"])})


def _parse_alert(stored: Mapping[str, Any]) -> Alert:
    return _build(Alert, {**stored, "cause": _build(Cause, stored["cause"])})


def _build(kind: type[T], stored: Mapping[str, Any]) -> T:
    """Build a `kind` from stored fields; leave out fields that another release added."""
    names = {one.name for one in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in stored.items() if name in names})
