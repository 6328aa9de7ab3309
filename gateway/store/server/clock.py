"""Clock of a store that `gateway dev` made: how far it is ahead of the server's."""

from typing import Any

from gateway.store.keys import CLOCK
from gateway.store.redis.client import Store
from gateway.store.redis.movable_clock import MovableClient

AHEAD_MOST_MS = 400 * 24 * 60 * 60 * 1000
_NOT_MADE = (
    "The address asks for a clock that can be moved, and gateway dev did not make this store: "
    "leave clock=movable out of REDIS_URL."
)
_MAY_BE_MOVED = (
    "gateway dev made this store, whose clock may have been moved: use it with gateway dev only."
)


_NEVER_BACK = (
    "The clock moves ahead only, as time does: end gateway dev and delete .gateway/play to be back."
)


class FixedClockError(Exception):
    """The store's clock cannot be moved."""


def let_clock_move(store: Store) -> None:
    """Mark a store as made by `gateway dev`; nobody else may. Raises StoreUnavailableError."""
    store.run(lambda client: client.set(CLOCK, 0, nx=True))


def read_ahead_ms(store: Store) -> int:
    """Return how far the clock is ahead. Raises StoreUnavailableError."""
    value: Any = store.run(lambda client: client.get(CLOCK))
    return int(value or 0)


def set_ahead_ms(store: Store, ahead_ms: int) -> None:
    """Move the clock ahead. Raises FixedClockError where it cannot be, or StoreUnavailableError."""
    if not isinstance(store.redis, MovableClient):
        raise FixedClockError(_NOT_MADE)
    if ahead_ms < read_ahead_ms(store):
        raise FixedClockError(_NEVER_BACK)
    if not store.run(lambda client: client.set(CLOCK, ahead_ms, xx=True)):
        raise FixedClockError(_NOT_MADE)


def clock_problem(store: Store) -> str:
    """Return why a process must not use the store with its clock, "" if it may."""
    has_mark = store.run(lambda client: client.exists(CLOCK))
    if isinstance(store.redis, MovableClient):
        return "" if has_mark else _NOT_MADE
    return _MAY_BE_MOVED if has_mark else ""
