"""Deliveries put into the inbox without a web process, and partitions looked at from outside."""

from typing import Any

from gateway.core.dead_letters.deferred_delivery import DeferReason
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.inbox.inbox import Inbox, PartitionState
from gateway.store.inbox.lease import Batch
from gateway.store.redis.client import Store
from tests.support.factories import NUMBER
from tests.support.store.raw import now_ms, raw


def keep(store: Store, index: int, *texts: str, bodies: Bodies | None = None) -> list[str]:
    """Keep bodies in one partition, and return the ids of the deliveries."""
    packer = bodies or Bodies()
    args: list[Any] = []
    for text in texts:
        args += ["meta|0|", packer.pack(text.encode())]
    found = store.call("keep", keys.partition(index), *args)
    return [f"{index}:{entry.decode()}" for entry in found]


def inbox(store: Store, bodies: Bodies | None = None) -> Inbox:
    return Inbox(store, bodies or Bodies())


def late(*places: str) -> dict[str, DeferReason]:
    """Name deliveries that cannot be committed now."""
    return {place: DeferReason("failed", "an error", NUMBER) for place in places}


def read(batch: Batch) -> list[str]:
    return [one.body.decode() for one in batch.deliveries]


def standing(store: Store, index: int) -> PartitionState:
    return inbox(store).partition_states()[index]


def lease(store: Store, index: int) -> dict[str, str]:
    found = raw(store).hgetall(f"{keys.partition(index)}cursor")
    return {name.decode(): value.decode() for name, value in found.items()}


def run_out(store: Store, index: int) -> None:
    """Let the lease of a partition come to its end."""
    raw(store).hset(f"{keys.partition(index)}cursor", "till", now_ms(store) - 1)
