"""Causes of dead letters, counted without reading the letters whole.

Four fields of a send's row say why it is dead; the rest, its text among it, is ten times as much.
May raise StoreUnavailableError or ScriptError.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from redis.exceptions import RedisError

from gateway.core.dead_letters.dead_letter import Cause
from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.core.dead_letters.rows import cause_of_send
from gateway.store import keys
from gateway.store.dead_letters.dead_letters import WITHOUT_KEYS, read_letters
from gateway.store.dead_letters.list_entries import SEND, ListEntry, list_newest
from gateway.store.redis.client import Store

_FIELDS = ("stage", "error", "last_error", "final")


class DeadLetterCause(NamedTuple):
    """What the dead letters of a group share."""

    number: str
    cause: Cause
    code: int | None


def count_causes(store: Store, wanted: DeadLetterFilter, most: int) -> Counter[DeadLetterCause]:
    """Count the newest letters of the wanted numbers, up to so many, by number, cause and code."""
    entries = list(list_newest(store, wanted, most))
    sends = [one for one in entries if one.member.startswith(SEND)]
    counts: Counter[DeadLetterCause] = Counter()
    # What has no row of its own, or an odd one, is read as the list of letters reads it.
    others = [one for one in entries if not one.member.startswith(SEND)]
    for entry, row in zip(sends, _read_fields(store, sends), strict=True):
        if isinstance(row, RedisError) or row[0] is None:
            others.append(entry)
        elif row[3] is not None:
            stage, error, last = ((value or b"").decode(errors="replace") for value in row[:3])
            counts[DeadLetterCause(entry.number, *cause_of_send(stage, error, last))] += 1
    for letter in read_letters(store, WITHOUT_KEYS, others):
        counts[DeadLetterCause(letter.number, letter.cause, letter.code)] += 1
    return counts


def _read_fields(store: Store, sends: Sequence[ListEntry]) -> Sequence[Any]:
    def ask(client: Any) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        for one in sends:
            pipe.hmget(keys.number(one.number).encode() + one.member, *_FIELDS)
        return list(pipe.answers())

    return store.run(ask) if sends else []
