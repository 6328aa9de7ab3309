"""What is kept from now on, for whoever waits for something to arrive; nothing is taken."""

from gateway.store import keys
from gateway.store.inbox.lookup import Kept, TracedInbox
from gateway.store.inbox.record import Bodies
from gateway.store.redis.client import Store


class Arrivals:
    """Follows the inbox from the moment it is made; every method raises StoreUnavailableError."""

    def __init__(self, store: Store, bodies: Bodies) -> None:
        """Begin after what is kept already."""
        self._inbox = TracedInbox(store, bodies)
        self._after = {index: self._inbox.newest(index) for index in range(keys.PARTITIONS)}

    def new(self) -> list[Kept]:
        """Return the events kept since the last time, each once."""
        found: list[Kept] = []
        for index, entry in self._after.items():
            for seen, events in self._inbox.after(index, entry):
                self._after[index] = seen
                found += events
        return sorted(found, key=lambda one: one.at)
