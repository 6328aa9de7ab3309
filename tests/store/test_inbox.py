"""Partitions are leased, read in order, passed, and always given back."""

import os
from collections.abc import Callable
from contextlib import suppress

import pytest

from gateway.core.webhook.parser import split
from gateway.store import keys
from gateway.store.inbox.lease import LEASE_MS, MOST_BYTES, MOST_DELIVERIES, LeasedPartitions
from gateway.store.inbox.partitions import holds_messages, partition_of, partition_of_delivery
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError
from tests.support.factories import bytes_of, delivery_body, message_item, status_item
from tests.support.servers import Server
from tests.support.store.inbox_state import inbox, keep, lease, read, run_out, standing
from tests.support.store.raw import now_ms, raw

pytestmark = pytest.mark.store


def all_leases_are_free(store: Store) -> bool:
    return not any(one.is_leased for one in inbox(store).partition_states())


def test_deliveries_are_read_in_the_order_kept_and_once(store: Store) -> None:
    texts = [f"body {i}" for i in range(150)]
    keep(store, 2, *texts)

    found = []
    with inbox(store).lease() as held:
        while not (batch := held.next_batch()).is_empty:
            assert len(batch.deliveries) <= 64
            found += read(batch)

    assert found == texts
    assert all_leases_are_free(store)
    assert (standing(store, 2).waiting, standing(store, 2).kept) == (0, 150)


def test_a_delivery_knows_where_it_stands_and_who_signed_it(store: Store) -> None:
    (place,) = keep(store, 5, "body")

    with inbox(store).lease() as held:
        (delivery,) = held.next_batch().deliveries

    assert (delivery.id, partition_of_delivery(delivery.id)) == (place, 5)
    assert (delivery.origin, delivery.secret, delivery.account) == ("meta", "0", "")
    assert abs(delivery.received_at.timestamp() * 1000 - now_ms(store)) < 2_000


def test_a_slice_holds_every_partition_that_has_something(store: Store) -> None:
    for index in range(keys.PARTITIONS):
        keep(store, index, f"in {index}")

    with inbox(store).lease() as held:
        messages, statuses = read(held.next_batch()), read(held.next_batch())
        assert sorted(messages) == sorted(f"in {i}" for i in range(keys.MESSAGE_PARTITIONS))
        assert sorted(messages + statuses) == sorted(f"in {i}" for i in range(keys.PARTITIONS))


def test_a_partition_is_held_by_one_slice_at_a_time(store: Store) -> None:
    keep(store, 0, "first", "second")
    with inbox(store).lease() as one, inbox(store).lease() as other:
        assert read(one.next_batch()) == ["first", "second"]

        keep(store, 0, "third")

        assert other.next_batch().is_empty
        assert read(one.next_batch()) == ["third"]


def test_closing_passes_the_batch_and_gives_the_lease_back(store: Store) -> None:
    keep(store, 0, "first")
    with inbox(store).lease() as held:
        held.next_batch()
        keep(store, 0, "second")
        held.close()

        assert not standing(store, 0).is_leased
    with inbox(store).lease() as other:
        assert read(other.next_batch()) == ["second"]


def test_leaving_without_closing_gives_the_lease_back_and_passes_nothing(store: Store) -> None:
    keep(store, 0, "first")
    with inbox(store).lease() as held:
        held.next_batch()

    assert all_leases_are_free(store)
    with inbox(store).lease() as other:
        assert read(other.next_batch()) == ["first"]


def test_an_exception_gives_the_lease_back(store: Store) -> None:
    keep(store, 0, "first")
    with suppress(ZeroDivisionError), inbox(store).lease() as held:
        raise ZeroDivisionError(len(held.next_batch().deliveries))

    assert all_leases_are_free(store)


@pytest.mark.parametrize("ended_by", [SystemExit, KeyboardInterrupt])
def test_a_process_that_is_ended_gives_no_lease_back(
    store: Store, ended_by: type[BaseException]
) -> None:
    keep(store, 0, "first")
    with suppress(ended_by), inbox(store).lease() as held:
        held.next_batch()
        raise ended_by

    assert standing(store, 0).is_leased


def test_an_empty_partition_is_let_go_at_once(store: Store) -> None:
    keep(store, 0, "first")
    with inbox(store).lease() as held:
        held.next_batch()
        assert held.next_batch().is_empty

        assert all_leases_are_free(store)


def test_each_batch_renews_the_lease(store: Store) -> None:
    keep(store, 0, *(str(i) for i in range(100)))
    with inbox(store).lease() as held:
        held.next_batch()
        run_out(store, 0)
        held.next_batch()

        assert LEASE_MS - 1_000 < int(lease(store, 0)["till"]) - now_ms(store) <= LEASE_MS


def test_a_lease_that_ran_out_is_taken_over_and_its_holder_passes_nothing(store: Store) -> None:
    keep(store, 0, "first", "second")
    with inbox(store).lease() as stale, inbox(store).lease() as fresh:
        stale.next_batch()
        run_out(store, 0)

        batch = fresh.next_batch()  # slow is not dead: nothing is suspected
        assert (read(batch), batch.is_careful) == (["first", "second"], False)
        assert lease(store, 0)["fence"] == "2"
        assert stale.next_batch().is_empty
        stale.close()

        assert "at" not in lease(store, 0)
        assert standing(store, 0).is_leased  # by the one that took over


def test_a_lease_that_ran_out_unnoticed_is_simply_kept(store: Store) -> None:
    keep(store, 0, *(str(i) for i in range(65)))
    with inbox(store).lease() as held:
        held.next_batch()
        run_out(store, 0)

        assert read(held.next_batch()) == ["64"]


def test_a_lease_from_before_the_clock_stepped_back_counts_as_run_out(store: Store) -> None:
    keep(store, 0, "first")
    with inbox(store).lease() as held, inbox(store).lease() as other:
        held.next_batch()
        raw(store).hset(f"{keys.partition(0)}cursor", "till", now_ms(store) + 3_600_000)

        assert read(other.next_batch()) == ["first"]


def test_sharing_gives_back_every_second_partition_unread(store: Store) -> None:
    for index in range(4):
        keep(store, index, *[f"in {index}"] * MOST_DELIVERIES)
    with inbox(store).lease() as held, inbox(store).lease() as other:
        mine = held.next_batch()
        theirs = other.next_batch()
        assert (mine.is_shared, theirs.is_shared) == (True, True)
        assert set(read(mine)) in ({"in 0", "in 2"}, {"in 1", "in 3"})
        assert len(set(read(theirs))) == 1
        assert not set(read(theirs)) & set(read(mine))

        keep(store, keys.MESSAGE_PARTITIONS, "a status, which another worker was called for")
        assert (held.next_batch().is_empty, other.next_batch().is_empty) == (True, True)
        keep(store, 4, "a message that waits for nobody")
        assert read(held.next_batch()) == ["a message that waits for nobody"]


def test_little_is_not_shared_and_one_partition_cannot_be(store: Store) -> None:
    keep(store, 0, *(str(i) for i in range(64)))
    with inbox(store).lease() as held:
        assert not held.next_batch().is_shared
        for index in range(keys.PARTITIONS):
            keep(store, index, "one more")
        assert not held.next_batch().is_shared


def test_one_large_delivery_in_each_partition_is_shared(store: Store) -> None:
    for index in range(keys.PARTITIONS):
        keep(store, index, os.urandom(20_000).hex())
    with inbox(store).lease() as held:
        assert (held.next_batch().is_shared, len(held.unfinished)) == (True, 0)


def test_a_batch_is_bounded_in_bytes_and_a_large_delivery_is_read_alone(store: Store) -> None:
    sizes = [200_000, 200_000, 200_000, 3_000_000, 10]
    texts = [os.urandom(size // 2).hex() for size in sizes]
    keep(store, 0, *texts)

    found = []
    with inbox(store).lease() as held:
        while not (batch := held.next_batch()).is_empty:
            found.append([len(one.body) for one in batch.deliveries])

    assert [size for batch in found for size in batch] == sizes
    assert all(sum(batch) < 2 * MOST_BYTES or len(batch) == 1 for batch in found)
    assert [3_000_000] in found


@pytest.mark.parametrize("key", ["inbox", "cursor", "missing", "aside"])
def test_a_damaged_partition_costs_no_other_its_turn(store: Store, key: str) -> None:
    for index in (0, 3, 6):
        keep(store, index, f"in {index}")
    raw(store).delete(f"{keys.partition(3)}{key}")
    raw(store).set(f"{keys.partition(3)}{key}", "of another type")

    with inbox(store).lease() as held:
        assert read(held.next_batch()) == ["in 0", "in 6"]
        assert held.next_batch().is_empty
        assert list(held.damaged) == [3]
        assert "WRONGTYPE" in held.damaged[3]

    raw(store).delete(f"{keys.partition(3)}{key}")
    assert all_leases_are_free(store)
    assert (standing(store, 0).waiting, standing(store, 6).waiting) == (0, 0)


@pytest.mark.parametrize("ends", [LeasedPartitions.next_batch, LeasedPartitions.close])
def test_what_cannot_be_passed_is_given_back_and_told(
    store: Store, ends: Callable[[LeasedPartitions], object]
) -> None:
    for index in (0, 3):
        keep(store, index, f"in {index}")
    with inbox(store).lease() as held:
        held.next_batch()
        raw(store).set(f"{keys.partition(3)}count", "of another type")
        ends(held)
        assert list(held.damaged) == [3]

    raw(store).delete(f"{keys.partition(3)}count")
    raw(store).hset(f"{keys.partition(3)}count", "kept", 1)
    assert (standing(store, 0).waiting, standing(store, 0).is_leased) == (0, False)
    assert standing(store, 3).has_work


def test_a_server_that_dies_in_a_slice_is_told_as_such(own: Server) -> None:
    store = Store(own.url)
    keep(store, 0, "first")
    with inbox(store).lease() as held:
        held.next_batch()
        own.kill()
        with pytest.raises(StoreUnavailableError):
            held.next_batch()
    store.close()


def test_looking_tells_how_a_partition_stands(store: Store) -> None:
    (first, _) = keep(store, 1, "first", "second")

    found = standing(store, 1)

    assert (found.index, found.cursor, found.is_leased, found.has_work) == (1, "0-0", False, True)
    assert (found.waiting, found.kept, found.deferred) == (2, 2, 0)
    assert found.oldest_ms == int(first.partition(":")[2].partition("-")[0])
    assert standing(store, 0).has_work is False


def test_a_damaged_partition_hides_no_other(store: Store) -> None:
    keep(store, 1, "waits")
    raw(store).set(f"{keys.partition(0)}inbox", "of another type")

    first, second, *_ = inbox(store).partition_states()

    assert "WRONGTYPE" in first.damaged
    assert (first.now_ms, first.has_work) == (second.now_ms, False)
    assert (second.damaged, second.waiting, second.has_work) == ("", 1, True)


def test_looking_where_all_is_damaged_is_an_error(store: Store) -> None:
    for index in range(keys.PARTITIONS):
        raw(store).set(f"{keys.partition(index)}inbox", "of another type")

    with pytest.raises(ScriptError, match="WRONGTYPE"):
        inbox(store).partition_states()


def test_what_names_one_contact_goes_to_one_partition() -> None:
    bodies = [
        delivery_body(message_item("wamid.1")),
        delivery_body(message_item("wamid.2", "much longer " * 100)),
        delivery_body(message_item("wamid.3"), statuses=[status_item("wamid.3", "sent")]),
    ]

    assert len({partition_of(body) for body in bodies}) == 1
    assert (
        len(
            {
                partition_of(delivery_body(message_item("w", sender=f"3519{i:08}")))
                for i in range(99)
            }
        )
        == keys.MESSAGE_PARTITIONS
    )


def test_what_holds_only_statuses_goes_to_partitions_of_its_own() -> None:
    statuses = [
        delivery_body(statuses=[status_item(f"wamid.{i}", "sent", to=f"3519{i:08}")])
        for i in range(99)
    ]
    mixed = delivery_body(message_item("w"), statuses=[status_item("wamid.3", "sent")])
    calls = bytes_of({"field": "calls", "value": {"statuses": [{"id": "c", "status": "RINGING"}]}})
    says_so = delivery_body(message_item("w", 'a text: "statuses":[]'))

    found = {partition_of(body) for body in statuses}
    assert found == set(range(keys.MESSAGE_PARTITIONS, keys.PARTITIONS))
    assert all(holds_messages(partition_of(body)) for body in (mixed, calls, says_so, b"", b"no"))


def test_what_we_put_back_comes_as_an_event_of_our_own(store: Store) -> None:
    inbox(store).append_internal(b'{"what":"timer","key":"t1"}')

    with inbox(store).lease() as held:
        (delivery,) = held.next_batch().deliveries
    (event,) = split(delivery)
    assert (delivery.origin, event.kind, event.key) == ("internal", "returned", "returned|t1")


def test_the_bell_is_set_once_until_it_is_cleared(store: Store) -> None:
    found = inbox(store)

    assert (found.set_bell(), found.set_bell()) == (True, False)
    found.clear_bell()
    assert found.set_bell()
    assert 0 < raw(store).pttl(keys.INBOX_BELL) <= keys.BELL_MS
