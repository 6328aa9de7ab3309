"""Partition choice: which partition of the inbox a delivery belongs to."""

import zlib

from gateway.core.webhook.event_keys import conversation_key, holds_only_statuses
from gateway.store import keys


def partition_of(body: bytes) -> int:
    """Return the partition of a body: bodies that name the same contact first share one.

    Bodies that hold only statuses have partitions of their own, so that no message waits behind the
    statuses of a broadcast. Meta promises no order between a message and a status.
    """
    contact = zlib.crc32(conversation_key(body) or body[:4096])
    if holds_only_statuses(body):
        return keys.MESSAGE_PARTITIONS + contact % keys.STATUS_PARTITIONS
    return contact % keys.MESSAGE_PARTITIONS


def holds_messages(partition: int) -> bool:
    """Return whether a partition may hold messages."""
    return partition < keys.MESSAGE_PARTITIONS


def partition_of_delivery(delivery_id: str) -> int:
    """Return the partition in which a delivery of this id stands."""
    return int(delivery_id.partition(":")[0])
