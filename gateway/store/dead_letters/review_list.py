"""Review list: all that an operator has to look at, dead letters and deferred deliveries.

All of it may raise StoreUnavailableError.
"""

from collections.abc import Iterator, Sequence
from heapq import merge
from typing import Literal

from gateway.core.dead_letters.deferred_delivery import DeferredDelivery
from gateway.core.dead_letters.filter import DeadLetterFilter, Letter
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import dead_letters
from gateway.store.dead_letters.dead_letters import WITHOUT_KEYS, RedriveResult
from gateway.store.inbox import deferred
from gateway.store.redis.client import Store
from gateway.store.sending import unconfirmed

DropResult = Literal["dropped", "aside", "changed"]


def iter_letters(store: Store, wanted: DeadLetterFilter) -> Iterator[Letter]:
    """Yield the wanted letters, newest first."""
    sources = (dead_letters.iter_dead_letters(store, wanted), deferred.deliveries(store, wanted))
    return merge(*sources, key=lambda one: one.died_ms, reverse=True)


def find(
    store: Store, letter_id: str, numbers: Sequence[str] = (), bodies: Bodies = WITHOUT_KEYS
) -> Letter | None:
    """Return the letter of an id, None where there is none; by default of any number."""
    return deferred.find(store, letter_id) or dead_letters.find(store, letter_id, numbers, bodies)


def redrive(
    store: Store, letter: Letter, *, unconfirmed: bool = False, bodies: Bodies = WITHOUT_KEYS
) -> RedriveResult:
    """Redrive a dead letter, or try a deferred delivery now instead of later."""
    if isinstance(letter, DeferredDelivery):
        tried = deferred.try_now(store, letter, dead_letters.server_time(store))
        return "redriven" if tried else "changed"
    return dead_letters.redrive(store, letter, unconfirmed=unconfirmed, bodies=bodies)


def drop(store: Store, letter: Letter, *, given_up: bool = False) -> DropResult:
    """Drop a letter; a deferred delivery still waits for its effect, so it needs `given_up`.

    A delivery that is given up may hold statuses, so their loss is recorded first: otherwise their
    absence would count as evidence that Meta never had a message, and it would be sent twice.
    """
    if not isinstance(letter, DeferredDelivery):
        return "dropped" if dead_letters.drop(store, letter) else "changed"
    if not given_up:
        return "aside"
    unconfirmed.note_lost(store)
    return "dropped" if deferred.give_up(store, letter) else "changed"
