"""Unconfirmed sends, with all that is known about each."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from gateway.core.sending.resend_policy import CONFIRM_WAIT, GAP_FACTOR, DoubtEvidence
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.redis.client import Call, Store

_FIELDS = ("stage", "attempts", "doubted", "repeated", "overtaken", "row", "instead")


@dataclass(frozen=True, slots=True)
class UnconfirmedSend:
    """An unconfirmed send, and the attempt whose outcome is unknown."""

    send: str
    attempt: int
    evidence: DoubtEvidence


def read_unconfirmed(
    store: Store, number: str, page: int = 0, most: int = 100
) -> list[UnconfirmedSend]:
    """Return unconfirmed sends of a number, those that expire first; where they are many, by pages.

    Many may be left to the operator, and must not hide the others until they expire.
    """
    prefix = keys.number(number)
    count: Any = store.run(lambda client: client.zcard(f"{prefix}unconfirmed"))
    first = page % max(1, math.ceil(count / most)) * most
    sends: Any = store.run(
        lambda client: client.zrange(f"{prefix}unconfirmed", first, first + most - 1)
    )

    def read(client: Any) -> Any:
        pipe = client.pipeline(transaction=False)
        for send in sends:
            pipe.hmget(f"{prefix}send:{send.decode()}", *_FIELDS)
        return pipe.execute()

    rows: Any = store.run(read) if sends else []
    return [
        _parse_unconfirmed(send.decode(), row)
        for send, row in zip(sends, rows, strict=True)
        if row[0] == b"unconfirmed"
    ]


def last_proved_at(store: Store, number: str) -> datetime | None:
    """Return the start of the number's latest attempt whose message had a status."""
    key = f"{keys.number(number)}evidence"
    moment: Any = store.run(lambda client: client.hget(key, "proved"))
    return datetime_from_ms(moment) if moment else None


def resend(store: Store, number: str, unconfirmed: UnconfirmedSend) -> bool:
    """Put a send back into its lane, once; false where its outcome became known meanwhile."""
    args = (unconfirmed.send, unconfirmed.attempt)
    return bool(store.call("resend", keys.number(number), *args) == 1)


def _parse_unconfirmed(send: str, row: list[Any]) -> UnconfirmedSend:
    _, attempts, doubted_at, repeated, overtaken, packed, instead = row
    # After a closed window the template in the place of the body was posted.
    body = orjson.loads(packed)["instead" if instead else "body"]
    return UnconfirmedSend(
        send,
        int(attempts),
        DoubtEvidence(
            attempted_at=datetime_from_ms(doubted_at),
            is_template=body.get("type") == "template",
            repeated=repeated is not None,
            overtaken=overtaken is not None,
        ),
    )


# A web process reports once a second that it is alive.
SILENT_MS = 3_000


def stream_call(gap: timedelta = timedelta(0), *, alive: bool = False) -> Call:
    """Return the call that records a gap which ends now, or that a web process is alive."""
    wait_ms = int(CONFIRM_WAIT.total_seconds() * 1000)
    gap_ms = max(0, int(gap.total_seconds() * 1000))
    return Call(
        "status_stream", keys.STATUS_STREAM, [gap_ms, int(alive), SILENT_MS, wait_ms, GAP_FACTOR]
    )


def stream_whole_since(store: Store) -> datetime:
    """Return the moment from which the stream counts as whole; in the future after a gap."""
    moment: Any = store.call("status_stream", keys.STATUS_STREAM, *stream_call().args)
    return datetime_from_ms(moment)


def note_lost(store: Store) -> None:
    """Record that statuses of attempts until a little after now may be lost for good."""
    seconds, _ = store.run(lambda client: client.time())
    until_ms = (seconds + int(CONFIRM_WAIT.total_seconds())) * 1000
    store.run(lambda client: client.hset(keys.STATUS_STREAM, "lost", str(until_ms)))


def lost_until(store: Store) -> datetime | None:
    """Return the moment until which statuses may be lost for good, None where none are."""
    until_ms: Any = store.run(lambda client: client.hget(keys.STATUS_STREAM, "lost"))
    return datetime_from_ms(until_ms) if until_ms else None


def note_gap(store: Store, length: timedelta) -> None:
    """Record that statuses were late or missing for so long until now."""
    store.call("status_stream", keys.STATUS_STREAM, *stream_call(length).args)
