"""Lease of an upload: while an audience is being read, an erasure knows that it is not done.

The reader may hold rows of a customer whom an erasure has removed from everything that is stored.
So the erasure makes another pass once the upload has ended, and an upload whose lease ran out
stores nothing any more. May raise StoreUnavailableError or ScriptError.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.core.storage.timestamps import ms_from_datetime
from gateway.store import keys
from gateway.store.campaigns.campaigns import server_ms
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError
from gateway.store.sending.lookup import run_commands

# From one chunk to the next at most; a scan of a million contacts may find none for minutes.
LEASE_MS = 600_000
KEPT_MS = 7 * keys.DAY_MS  # of an upload that has ended; no pass of an erasure takes as long
MOST_KNOWN = 10_000  # the latest of a number
LAPSED = "the audience took too long to read: give it once more"


@dataclass(frozen=True, slots=True)
class UploadLease:
    """The lease of one upload of a number; its name begins with when that began."""

    store: Store
    number: str
    name: str

    def write_chunk(self, key: str, packed: bytes, lives_ms: int) -> None:
        """Store a chunk of recipients, and renew the lease.

        Raises StoreUnavailableError where it ran out.
        """
        args = (self.name, LEASE_MS, key, lives_ms, packed)
        if not self.store.call("write_chunk", keys.number(self.number), *args):
            raise StoreUnavailableError(LAPSED)


@contextmanager
def hold_upload(store: Store, number: str) -> Iterator[UploadLease]:
    """Hold a lease while an audience of a number is read and given to a draft.

    It is to be held before the first look at what the recipients are read from. One that cannot be
    given up ends by itself.
    """
    lease = UploadLease(store, number, f"{server_ms(store)}-{secrets.token_hex(8)}")
    _write(lease, LEASE_MS)
    try:
        yield lease
    finally:
        with suppress(StoreUnavailableError, ScriptError):
            _write(lease, 0)


def count_uploads(
    store: Store, numbers: Sequence[str], since: datetime, began_before: datetime
) -> int:
    """Return how many uploads of some numbers were under way since a moment, and began before one.

    One is counted for each number where the moment is longer ago than those that ended are known.
    """
    least = ms_from_datetime(since)
    if server_ms(store) - least > KEPT_MS:
        return len(numbers)
    ranges = (("ZRANGEBYSCORE", _key(one), least, "+inf") for one in numbers)
    found: Sequence[Sequence[bytes]] = run_commands(store, *ranges)
    last = ms_from_datetime(began_before)
    counted = sum(int(name.partition(b"-")[0]) <= last for names in found for name in names)
    return counted + sum(len(names) >= MOST_KNOWN for names in found)  # more may have ended


def _write(lease: UploadLease, lasts_ms: int) -> None:
    """Store until when an upload is under way; forget those that ended long ago."""
    now, key = server_ms(lease.store), _key(lease.number)

    def write(client: Any) -> None:
        pipe = client.pipeline(transaction=True)
        pipe.zadd(key, {lease.name: now + lasts_ms})
        pipe.zremrangebyscore(key, "-inf", now - KEPT_MS)
        pipe.zremrangebyrank(key, 0, -MOST_KNOWN - 1)
        pipe.pexpire(key, KEPT_MS)
        pipe.execute()

    lease.store.run(write)


def _key(number: str) -> str:
    return f"{keys.number(number)}uploads"
