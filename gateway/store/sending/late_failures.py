"""Failures that Meta told of sends which were compacted: each gets its row back, and is heard.

A script notes them, for it cannot open a text. What follows is then decided as for any other row:
the send begins again where its code says so and its text is kept, or ends as a dead letter. What
this process cannot open stays noted for another one, for as long as its text is kept.
All of it may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from gateway.core.sending.compact_record import rung_of
from gateway.core.sending.send import RUNGS
from gateway.store import keys
from gateway.store.body_encryption import Bodies
from gateway.store.redis.client import ScriptError, Store
from gateway.store.sending import send_rows
from gateway.store.sending.send_rows import SendRow

log = structlog.get_logger(__name__)

AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class LateFailure:
    """What a status told of a send that has no row any more."""

    spot: bytes
    attempt: str
    at_ms: int
    after: str  # what its code lets follow, "" for nothing
    wait_ms: int
    failure: str


def settle(store: Store, bodies: Bodies, numbers: Sequence[str]) -> list[str]:
    """Hear what was noted, a bounded number; return the numbers that have something to send."""
    begun = []
    for number, failures in _noted(store, numbers):
        try:
            if _heard(store, bodies, number, failures):
                begun.append(number)
        except ScriptError as error:  # a number whose keys are damaged holds up no other
            log.warning("late_failures_unheard", number=number, error=str(error))
    return begun


def _noted(store: Store, numbers: Sequence[str]) -> list[tuple[str, list[LateFailure]]]:
    def ask(client: Any) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        for number in numbers:
            pipe.hrandfield(f"{keys.number(number)}late_failures", AT_ONCE, withvalues=True)
        return list(pipe.execute(raise_on_error=False))

    found = store.run(ask) if numbers else []
    return [
        (number, [_failure(*raw[i : i + 2]) for i in range(0, len(raw), 2)])
        for number, raw in zip(numbers, found, strict=True)
        if raw and not isinstance(raw, Exception)
    ]


def _failure(spot: bytes, told: bytes) -> LateFailure:
    attempt, at_ms, after, wait_ms, failure = told.decode().split("|", 4)
    return LateFailure(spot, attempt, int(float(at_ms)), after, int(float(wait_ms)), failure)


def _heard(store: Store, bodies: Bodies, number: str, failures: Sequence[LateFailure]) -> bool:
    spots = [one.spot for one in failures]
    found = send_rows.of_spots(store, bodies, number, spots, without="failed")
    _tell_unopened(number, found)
    begun = False
    for failure, send in zip(failures, found, strict=True):
        # Delivered after all, or nothing is left of it.
        if send is None or rung_of(send.value) > RUNGS["failed"]:
            _forget(store, number, failure.spot)
        elif send.unopened:
            continue
        elif send.fields and send_rows.revive(store, number, send):
            _fail(store, number, send, failure)
            _forget(store, number, failure.spot)
            begun = begun or bool(failure.after and send.has_text)
    return begun


def _tell_unopened(number: str, sends: Sequence[SendRow | None]) -> None:
    """Warn of texts that this process cannot open: each of its ticks passes them over."""
    if unopened := sum(one is not None and one.unopened for one in sends):
        log.warning("late_failures_unopened", number=number, sends=unopened)


def _fail(store: Store, number: str, send: SendRow, failure: LateFailure) -> None:
    """Commit the news once more, now that there is a row; it shows nothing of how statuses come."""
    after = failure.after if send.has_text else ""
    news = [send.id, "", "failed", RUNGS["failed"], failure.at_ms, failure.failure]
    news += [failure.attempt, "replayed", "", "", after, failure.wait_ms]
    store.call("commit", keys.number(number), "", "", "", "", "stage", len(news), *news)


def _forget(store: Store, number: str, spot: bytes) -> None:
    key = f"{keys.number(number)}late_failures"
    store.run(lambda client: client.hdel(key, spot))
