"""What a batch holds of large deliveries and small ones, and what a process remembers of them."""

import pytest

from gateway.store.body_codec import Bodies
from gateway.store.inbox.lease import Batch
from gateway.store.inbox.partitions import partition_of, partition_of_delivery
from gateway.store.inbox.status_room import MOST_EVENTS, STATUS_EVENTS
from gateway.store.redis.client import Store
from tests.store.test_large import ITEMS, WHERE, keep, large, names
from tests.support.factories import delivery_body, message_item, status_item
from tests.support.store.inbox_state import inbox, standing

pytestmark = pytest.mark.store


class Counting(Bodies):
    """Counts what is opened, which is what is split."""

    opened = 0

    def open(self, record: bytes) -> bytes:
        self.opened += 1
        return super().open(record)


def some_statuses(contact: int, items: int = ITEMS) -> bytes:
    to = f"3519{contact:08}"
    return delivery_body(
        statuses=[status_item(f"wamid.{to}.{i}", "sent", to=to) for i in range(items)]
    )


def test_who_goes_on_in_the_middle_does_not_split_again(store: Store) -> None:
    keep(store, large())
    bodies = Counting()
    mine, found = inbox(store, bodies), []
    for _ in range(3):
        with mine.lease() as held:
            found += names(held.next_batch())
            held.close()

    assert (found, bodies.opened) == ([f"w{i}" for i in range(3 * MOST_EVENTS)], 1)


def test_what_another_did_meanwhile_of_a_remembered_delivery_is_not_done_again(
    store: Store,
) -> None:
    keep(store, large())
    mine = inbox(store)
    for one in (mine, inbox(store)):
        with one.lease() as held:
            held.next_batch()
            held.close()

    with mine.lease() as held:
        assert names(held.next_batch())[0] == f"w{2 * MOST_EVENTS}"


def test_a_partition_moves_also_within_a_delivery(store: Store) -> None:
    keep(store, large())
    seen = [standing(store, WHERE).cursor]
    for _ in range(4):
        with inbox(store).lease() as held:
            held.next_batch()
            held.close()
        seen.append(standing(store, WHERE).cursor)

    assert len(set(seen)) == 5


def test_the_room_that_others_leave_in_a_batch_is_for_who_has_more(store: Store) -> None:
    other = next(
        body
        for i in range(99)
        if partition_of(body := delivery_body(message_item("wamid.o", "x", f"3519{i:08}"))) != WHERE
    )
    keep(store, large(), other)

    with inbox(store).lease() as held:
        found = names(held.next_batch())

    assert (len(found), found.count("o")) == (MOST_EVENTS, 1)


def test_statuses_of_a_batch_are_of_few_large_deliveries(store: Store) -> None:
    bodies = Counting()
    keep(store, *(some_statuses(contact) for contact in range(12)))
    with inbox(store, bodies).lease() as held:
        batch = held.next_batch()

    assert (len(batch.events), len(batch.deliveries), bodies.opened) == (MOST_EVENTS, 1, 1)


def test_statuses_of_small_deliveries_come_from_all_partitions(store: Store) -> None:
    keep(store, *(some_statuses(contact, items=2) for contact in range(12)))
    with inbox(store).lease() as held:
        assert len(held.next_batch().events) == 24


def test_messages_do_not_wait_for_the_statuses_of_a_batch(store: Store) -> None:
    keep(store, *(some_statuses(contact) for contact in range(3)))
    mine = inbox(store)

    def next_kinds() -> tuple[int, int]:
        with mine.lease() as held:
            kinds = [event.kind for event in held.next_batch().events]
            held.close()
        return kinds.count("message"), kinds.count("status")

    assert next_kinds() == (0, MOST_EVENTS)
    keep(store, delivery_body(message_item("wamid.o")))
    assert [next_kinds() for _ in range(2)] == [(1, 0), (0, STATUS_EVENTS)]


def full_of_statuses(store: Store, partitions: int = 1) -> set[int]:
    """Let so many partitions be such that another worker should join in; return them."""
    found: dict[int, list[bytes]] = {}
    for contact in range(40):
        body = some_statuses(contact)
        found.setdefault(partition_of(body), []).append(body)
    chosen = sorted(found)[:partitions]
    keep(store, *(body for index in chosen for body in found[index][:4]))
    return set(chosen)


def partitions_of(batch: Batch) -> set[int]:
    return {partition_of_delivery(one.id) for one in batch.deliveries}


def test_a_full_partition_is_worked_on_beside_messages_that_keep_coming(store: Store) -> None:
    (full,) = full_of_statuses(store)
    mine = inbox(store)
    for i in range(3):
        keep(store, delivery_body(message_item(f"wamid.{i}")))
        with mine.lease() as held:
            assert full in partitions_of(held.next_batch()) | partitions_of(held.next_batch())
            held.close()


def test_what_is_given_away_for_others_is_kept_another_time_where_nobody_comes(
    store: Store,
) -> None:
    full = full_of_statuses(store, partitions=2)
    mine, worked_on = inbox(store), set()
    for _ in range(64):
        with mine.lease() as held:
            batch = held.next_batch()
            assert batch.is_shared
            worked_on |= partitions_of(batch)
        if worked_on == full:
            break

    assert worked_on == full
