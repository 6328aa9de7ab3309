"""Late failures of compacted sends that Meta reported: each send gets its row back for them.

A script records them, for it cannot open a text. Then they are decided like those of any other row:
the send begins again where its code says so and its text is stored, or ends as a dead letter. If
this process cannot open the text, the failure stays recorded for another one, as long as the text.
All of it may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from gateway.core.sending.compact_record import status_rank_of
from gateway.core.sending.send import STATUS_RANK
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import ScriptError, Store
from gateway.store.sending import send_rows
from gateway.store.sending.send_rows import SendRow

log = structlog.get_logger(__name__)

AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class LateFailure:
    """The failure that a status reported of a send that no longer has a row."""

    spot: bytes
    attempt: str
    at_ms: int
    follow_up: str  # what follows by its code, "" for nothing
    wait_ms: int
    failure: str


def apply_late_failures(store: Store, bodies: Bodies, numbers: Sequence[str]) -> list[str]:
    """Apply recorded failures, a bounded number; return the numbers that have something to send."""
    begun = []
    for number, failures in _read_failures(store, numbers):
        try:
            if _apply_failures(store, bodies, number, failures):
                begun.append(number)
        except ScriptError as error:  # a number with damaged keys delays no other
            log.warning("late_failures_unheard", number=number, error=str(error))
    return begun


def _read_failures(store: Store, numbers: Sequence[str]) -> list[tuple[str, list[LateFailure]]]:
    def ask(client: Any) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        for number in numbers:
            pipe.hrandfield(f"{keys.number(number)}late_failures", AT_ONCE, withvalues=True)
        return list(pipe.execute(raise_on_error=False))

    replies = store.run(ask) if numbers else []
    return [
        (number, [_parse_failure(*raw[i : i + 2]) for i in range(0, len(raw), 2)])
        for number, raw in zip(numbers, replies, strict=True)
        if raw and not isinstance(raw, Exception)
    ]


def _parse_failure(spot: bytes, value: bytes) -> LateFailure:
    attempt, at_ms, follow_up, wait_ms, failure = value.decode().split("|", 4)
    return LateFailure(spot, attempt, int(float(at_ms)), follow_up, int(float(wait_ms)), failure)


def _apply_failures(
    store: Store, bodies: Bodies, number: str, failures: Sequence[LateFailure]
) -> bool:
    spots = [one.spot for one in failures]
    sends = send_rows.read_by_spots(store, bodies, number, spots, without="failed")
    _warn_unopened(number, sends)
    begun = False
    for failure, send in zip(failures, sends, strict=True):
        if send is not None and (send.is_unopened or send.damage):
            continue
        # It was delivered after all, or nothing is left of it.
        if send is None or status_rank_of(send.value) > STATUS_RANK["failed"]:
            _forget(store, number, failure.spot)
        elif send.fields and send_rows.revive(store, number, send):
            _commit_failure(store, number, send, failure)
            _forget(store, number, failure.spot)
            begun = begun or bool(failure.follow_up and send.has_text)
    return begun


def _warn_unopened(number: str, sends: Sequence[SendRow | None]) -> None:
    """Log texts that this process cannot open: each of its ticks skips them."""
    if count := sum(one is not None and one.is_unopened for one in sends):
        log.warning("late_failures_unopened", number=number, sends=count)


def _commit_failure(store: Store, number: str, send: SendRow, failure: LateFailure) -> None:
    """Commit the failure again, now that there is a row; it is no evidence of how statuses come."""
    follow_up = failure.follow_up if send.has_text else ""
    args = [send.id, "", "failed", STATUS_RANK["failed"], failure.at_ms, failure.failure]
    args += [failure.attempt, "replayed", "", "", follow_up, failure.wait_ms]
    store.call("commit", keys.number(number), "", "", "", "", "stage", len(args), *args)


def _forget(store: Store, number: str, spot: bytes) -> None:
    key = f"{keys.number(number)}late_failures"
    store.run(lambda client: client.hdel(key, spot))
