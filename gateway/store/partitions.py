"""In which partition of the inbox a delivery stands."""

import zlib

from gateway.core.keys import conversation
from gateway.store import keys


def partition_of(body: bytes) -> int:
    """Choose the partition: whatever names the same contact first goes to the same one."""
    return zlib.crc32(conversation(body) or body[:4096]) % keys.PARTITIONS


def partition_of_place(place: str) -> int:
    """Return the partition in which a delivery of this id stands."""
    return int(place.partition(":")[0])
