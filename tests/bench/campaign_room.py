"""What the recipients of a campaign take of the store's memory, of a process's, and of time."""

import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import IO, Any, BinaryIO, cast

from gateway.core.campaigns.audience import AudienceReader
from gateway.store.campaigns import control
from gateway.store.campaigns.campaigns import Campaign, campaign_key
from gateway.store.campaigns.check import check_campaign
from gateway.store.campaigns.expansion import expand
from gateway.store.campaigns.uploads.audience_writer import store_audience
from gateway.store.redis.client import Store
from gateway.tables.table import read_table
from tests.support.factories import NUMBER
from tests.support.store.campaigns import BODIES, INPUTS, a_campaign, csv_of, read

FEW = 10_000  # so many are all queued in seconds; more only where that was asked for
READS = 50


class CampaignRoom:
    """A campaign with a number of recipients, each with a short value of its own."""

    def __init__(self, store: Store, count: int, *, queues_all: bool = False) -> None:
        """Take the store, in which other campaigns may be, and whether all or FEW are queued."""
        self.store, self.count = store, count
        self.queues = count if queues_all else min(count, FEW)
        self.client: Any = store.redis

    def measure(self) -> Iterator[tuple[str, float]]:
        """Yield the name of each figure, and the figure."""
        draft = a_campaign(self.store, 0)
        with tempfile.TemporaryFile() as file:
            _write_rows(file, self.count)
            empty, memory = self._used(), _peak_mb()
            yield "s to read an audience", _seconds(lambda: self._upload(draft, file))
        yield "MB of a process that reads it", _peak_mb() - memory
        yield "bytes of a waiting recipient with a value", (self._used() - empty) / self.count
        yield "bytes of its own row", self._bytes(draft, ":recipients") / self.count
        checked = read(self.store, draft)
        check = _seconds(lambda: check_campaign(self.store, BODIES, checked, INPUTS))
        yield "s to check it", check
        yield "MB of a process that read and checked it", _peak_mb() - memory
        yield from self._run(draft)

    def _run(self, draft: Campaign) -> Iterator[tuple[str, float]]:
        now, store = datetime.now(UTC), self.store
        assert control.start(store, read(store, draft), "bench", now) == ""
        yield (
            "ms to read its funnel",
            1_000 * statistics.median(_seconds(lambda: read(store, draft)) for _ in range(READS)),
        )
        yield "s to queue 1,000 recipients", self._queue(draft) * 1_000 / self._queued(draft)
        if self.queues == self.count:
            by_contact = self._bytes(draft, ":by_contact:*") / self.count
            yield "bytes by which one who was written to is found", by_contact
        paused = read(store, draft)
        yield "ms to pause it", 1_000 * _seconds(lambda: control.pause(store, paused, "b", "why"))
        assert control.cancel(store, read(store, draft), "bench", "over") == ""

    def _upload(self, draft: Campaign, file: IO[bytes]) -> None:
        reader = AudienceReader(draft.definition.columns)
        rows = reader.read(read_table(cast(BinaryIO, file)))
        assert store_audience(self.store, BODIES, draft, reader, rows) == self.count

    def _queue(self, draft: Campaign) -> float:
        """Queue recipients without a pace; return how many seconds that took."""
        began = time.monotonic()
        while self._queued(draft) < self.queues:
            campaign = read(self.store, draft)
            unbound = replace(campaign.definition, pace=10**6)
            left = self.queues - campaign.next_recipient
            expand(self.store, BODIES, replace(campaign, definition=unbound), left)
        return time.monotonic() - began

    def _queued(self, draft: Campaign) -> int:
        return read(self.store, draft).next_recipient

    def _bytes(self, draft: Campaign, part: str) -> int:
        keys = self.client.scan_iter(f"{campaign_key(NUMBER, draft.id)}{part}", 10_000)
        return sum(self.client.memory_usage(key, samples=0) for key in keys)

    def _used(self) -> int:
        return int(self.client.info("memory")["used_memory"])


def _write_rows(file: IO[bytes], count: int) -> None:
    """Write an audience in parts, so that it is never in the memory that is measured."""
    for start in range(0, count, FEW):
        header, _, rows = csv_of(min(FEW, count - start), start).partition(b"\n")
        file.write((b"" if start else header + b"\n") + rows + b"\n")
    file.seek(0)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began
