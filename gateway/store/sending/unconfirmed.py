"""Unconfirmed sends, with all that is known about each."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.core.sending.resend_policy import Doubt
from gateway.store import keys
from gateway.store.redis.client import Store

_FIELDS = ("stage", "attempts", "doubted", "repeated", "overtaken", "row", "instead")


@dataclass(frozen=True, slots=True)
class Doubted:
    """An unconfirmed send, and the attempt that nobody knows about."""

    send: str
    attempt: int
    doubt: Doubt


def doubts(store: Store, number: str, turn: int = 0, most: int = 100) -> list[Doubted]:
    """Return unconfirmed sends of a number, those that expire first; where they are many, in turns.

    Many may be left to a person, and must not hide the others until they expire.
    """
    prefix = keys.number(number)
    count: Any = store.run(lambda client: client.zcard(f"{prefix}unconfirmed"))
    first = turn % max(1, math.ceil(count / most)) * most
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
        _doubted(send.decode(), row)
        for send, row in zip(sends, rows, strict=True)
        if row[0] == b"unconfirmed"
    ]


def proved_to(store: Store, number: str) -> datetime | None:
    """Return the latest attempt of the number whose message had a status."""
    key = f"{keys.number(number)}evidence"
    moment: Any = store.run(lambda client: client.hget(key, "proved"))
    return _moment(moment) if moment else None


def again(store: Store, number: str, doubted: Doubted) -> bool:
    """Put a send back into its lane, once; false where something became known meanwhile."""
    args = (doubted.send, doubted.attempt)
    return bool(store.call("again", keys.number(number), *args) == 1)


def _doubted(send: str, row: list[Any]) -> Doubted:
    _, attempts, doubted, repeated, overtaken, packed, instead = row
    # What was posted of a closed window is the template in the place of the body.
    body = orjson.loads(packed)["instead" if instead else "body"]
    return Doubted(
        send,
        int(attempts),
        Doubt(
            attempted_at=_moment(doubted),
            is_template=body.get("type") == "template",
            repeated=repeated is not None,
            overtaken=overtaken is not None,
        ),
    )


def _moment(milliseconds: Any) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
