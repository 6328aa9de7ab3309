"""Selection of replayed deliveries, all of them checked before the first is replayed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from gateway.cli.common import errors
from gateway.cli.common.delivery_source import CaptureFiles, Item, StoredDeliveries
from gateway.core.capture.filter import DeliveryFilter
from gateway.core.capture.refresh import refresh_messages
from gateway.core.events import Delivery
from gateway.core.formats import pluralize
from gateway.core.webhook.parser import split

# The time for which every event stays known after its commit; later it may be forgotten.
REMEMBERED = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class DeliverySelection:
    """Deliveries of a source that match a filter; with a `seed` their messages get new ids."""

    source: CaptureFiles | StoredDeliveries
    wanted: DeliveryFilter
    limit: int | None
    seed: bytes | None
    clock: Callable[[], datetime]

    def __iter__(self) -> Iterator[Item]:
        """Yield them in order, as they were captured."""
        return islice((one for one in self.source if self.wanted.matches(one.delivery)), self.limit)

    def prepare(self, item: Item) -> Item:
        """Return a delivery as it is replayed at this moment."""
        body = item.delivery.body if self.seed is None else self._refresh_body(item, self.seed)
        delivery = replace(item.delivery, received_at=self.clock(), body=body, origin="replay")
        return replace(item, delivery=delivery)

    def check(self, *, again: bool) -> int:
        """Read all deliveries and return their number, or end the command.

        Old deliveries are an error unless `again` is given or their messages get new ids.
        """
        count = old = 0
        first = ""
        oldest = self.clock() - REMEMBERED
        for item in self:
            count += 1
            if item.is_timed and item.delivery.received_at < oldest:
                old += 1
                first = first or item.where
        self._warn()
        if not count:
            raise errors.fail("No delivery fits, so nothing was replayed.")
        if old and not again and self.seed is None:
            raise errors.fail(_describe_old(old, first))
        return count

    def _warn(self) -> None:
        """Report what of the source is not replayed."""
        if unopened := self.source.unopened:
            deliveries = pluralize(unopened, "delivery", "deliveries")
            warning = f"{deliveries} of the inbox cannot be opened here."
            errors.errors.print(f"[yellow]warning:[/] {warning}")
        if others := self.source.other_requests:
            requests = pluralize(others, "request")
            errors.errors.print(f"[yellow]warning:[/] left out {requests} other than POST.")

    def _refresh_body(self, item: Item, seed: bytes) -> bytes:
        received_at = item.delivery.received_at if item.is_timed else _sent_at(item.delivery)
        return refresh_messages(item.delivery.body, seed, self.clock() - received_at)


def _sent_at(delivery: Delivery) -> datetime:
    """Return the time of a delivery's last event: roughly that of its unrecorded arrival."""
    return max(event.at for event in split(delivery))


def _describe_old(count: int, first: str) -> str:
    were = "was" if count == 1 else "were"
    return (
        f"{pluralize(count, 'delivery', 'deliveries')} {were} received more than 8 days ago, "
        f"the first at {first}: what they hold may be forgotten, and would have its effect a "
        "second time. "
        "Add --since 8d to leave them out, or --again to replay them all the same."
    )
