"""Erasures as they are stored: those that are open with the customer's names, others without.

May raise StoreUnavailableError or ScriptError.
"""

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from gateway.core.contacts.erasure import Erasure
from gateway.store import keys
from gateway.store.redis.client import Store

OPEN, LOCK = f"{keys.ERASURES}open", f"{keys.ERASURES}lock"
MOST_OPEN = 1_000
DONE_FOR_MS = keys.MONTH_MS


class TooManyErasuresError(Exception):
    """There is no room for another erasure: each goes through the whole store."""


def sends_key(erasure: str) -> str:
    """Return the key that holds the ids of the sends which an erasure found."""
    return f"{keys.ERASURES}sends:{erasure}"


def open_erasure(
    store: Store, names: frozenset[str], numbers: Sequence[str] | None, now: datetime
) -> Erasure:
    """Store that a customer is to be erased; return the erasure, or one that is open already.

    Raises TooManyErasuresError.
    """
    scope = None if numbers is None else tuple(sorted(numbers))
    waiting = read_open(store)
    for one in waiting:
        if names <= one.names and one.numbers == scope:
            return one
    if len(waiting) >= MOST_OPEN:
        raise TooManyErasuresError
    id_ = base64.b32encode(secrets.token_bytes(15)).decode().lower()
    erasure = Erasure(id_, names, scope, now)
    store.run(lambda client: client.hset(OPEN, id_, erasure.pack()))
    return erasure


def read_open(store: Store) -> list[Erasure]:
    """Return the erasures that are not done, the oldest first; one that cannot be read waits."""
    rows: Any = store.run(lambda client: client.hgetall(OPEN))
    found = []
    for row in rows.values():
        try:
            found.append(Erasure.unpack(row))
        except (ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda one: (one.started_at, one.id))


def find_erasure(store: Store, id_: str) -> Erasure | None:
    """Return an erasure, open or done; None where it is unknown or was forgotten."""
    row: Any = store.run(lambda client: client.hget(OPEN, id_))
    row = row or store.run(lambda client: client.get(_done_key(id_)))
    return Erasure.unpack(row) if row else None


def replace_erasure(store: Store, before: Erasure, after: Erasure) -> bool:
    """Store how far an erasure is; false where another process has done so meanwhile.

    What is left of one that is done says what was erased, and names nobody.
    """
    # Another release has written the same in other bytes, perhaps.
    stored: Any = store.run(lambda client: client.hget(OPEN, before.id))
    if not stored or Erasure.unpack(stored).pack() != before.pack():
        return False
    packed = after.pack()
    if after.finished_at:
        store.run(lambda client: client.set(_done_key(after.id), packed, px=DONE_FOR_MS))
        packed = b""
    is_stored = bool(store.call("compare_and_swap", OPEN, before.id, stored, packed))
    if is_stored and after.finished_at:
        store.delete(sends_key(after.id))
    return is_stored


def _done_key(id_: str) -> str:
    return f"{keys.ERASURES}done:{id_}"
