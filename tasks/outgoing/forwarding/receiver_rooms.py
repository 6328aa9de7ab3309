"""Rooms of receivers: a tenth of the store for what waits for one, of all numbers together."""

import time
from collections.abc import Sequence

from gateway.core.forwards.room import share_room
from gateway.store.number_list import numbers
from gateway.store.outgoing.receiver_states import read_sizes
from tasks.context import WorkerContext

# So long the sizes of a receiver's queues count as they were read.
READ_EACH_S = 5.0


class ReceiverRooms:
    """Tells how much each number may hold back for a receiver that others have too."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._sizes: dict[tuple[str, str], tuple[float, Sequence[int]]] = {}

    def most_bytes_of(self, ctx: WorkerContext, number: str, name: str, most_bytes: int) -> int:
        """Return how many of `most_bytes` are each number's; 0, which is no bound, stays 0.

        Raises StoreUnavailableError or ScriptError.
        """
        return share_room(self._sizes_of(ctx, number, name), most_bytes) if most_bytes else 0

    def _sizes_of(self, ctx: WorkerContext, number: str, name: str) -> Sequence[int]:
        """Return what waits for the receiver of an account, by number; events without one apart."""
        accounts = ctx.rules.current().accounts
        owner = accounts.owner_of(number)
        now, key = time.monotonic(), (f"account {owner.name}" if owner else number, name)
        read_at, sizes = self._sizes.get(key, (now - READ_EACH_S, ()))
        if now - read_at >= READ_EACH_S:
            own = accounts.siblings_of(number, numbers(ctx.store)) if owner else [number]
            sizes = read_sizes(ctx.store, own, name)
            self._sizes[key] = now, sizes
        return sizes
