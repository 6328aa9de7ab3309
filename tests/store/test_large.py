"""A large delivery is done in parts: what is passed stays passed, whoever goes on with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex

import pytest

from gateway.core.dead_letters.deferred_delivery import DeferReason
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.inbox.inbox import Inbox
from gateway.store.inbox.lease import Batch, LeasedPartitions
from gateway.store.inbox.leased_partition import Deferred
from gateway.store.inbox.partitions import partition_of
from gateway.store.inbox.status_room import MOST_EVENTS, STATUS_EVENTS
from gateway.store.redis.client import Store
from tests.support.factories import delivery_body, message_item, status_item
from tests.support.servers import wait_until
from tests.support.store.inbox_state import inbox, lease, run_out, standing
from tests.support.store.raw import now_ms, raw

pytestmark = pytest.mark.store

ITEMS = 1_000


def large(name: str = "w", items: int = ITEMS) -> bytes:
    return delivery_body(*(message_item(f"wamid.{name}{i}", f"{i}") for i in range(items)))


WHERE = partition_of(large())


def keep(store: Store, *bodies: bytes) -> None:
    for body in bodies:
        store.call("keep", keys.partition(partition_of(body)), "meta|0|", Bodies().pack(body))


def names(batch: Batch) -> list[str]:
    return [event.key.rpartition(".")[2] for event in batch.events]


def read_all(held: LeasedPartitions, late: Deferred | None = None) -> list[str]:
    """Read to the end, as one worker."""
    found = []
    while not (batch := held.next_batch(late or {})).is_empty:
        found += names(batch)
    return found


@contextmanager
def dies_over_a_batch(store: Store, process: str, batches: int = 1) -> Iterator[Batch]:
    """Hold a partition and die over a batch."""
    held = LeasedPartitions(store, Bodies(), process)
    for _ in range(batches):
        batch = held.next_batch()
    yield batch


def test_a_batch_is_bounded_in_events_and_goes_on_in_the_middle(store: Store) -> None:
    keep(store, large())
    with inbox(store).lease() as held:
        batch = held.next_batch()
        assert names(batch) == [f"w{i}" for i in range(MOST_EVENTS)]
        assert names(held.next_batch())[0] == f"w{MOST_EVENTS}"
        held.close()

    assert (standing(store, WHERE).waiting, lease(store, WHERE)["item"]) == (1, "512")
    with inbox(store).lease() as other:
        assert read_all(other) == [f"w{i}" for i in range(2 * MOST_EVENTS, ITEMS)]
    assert (standing(store, WHERE).waiting, lease(store, WHERE)["item"]) == (0, "0")


def test_what_was_not_passed_is_read_again_and_nothing_before(store: Store) -> None:
    keep(store, large())
    with inbox(store).lease() as held:
        held.next_batch()
        held.next_batch()  # left unpassed

    with inbox(store).lease() as other:
        assert names(other.next_batch())[0] == f"w{MOST_EVENTS}"


def test_where_the_delivery_is_split_in_another_way_it_is_begun_anew(store: Store) -> None:
    keep(store, large())
    with inbox(store).lease() as held:
        held.next_batch()
        held.close()
    raw(store).hset(f"{keys.partition(WHERE)}cursor", "seal", "of another release")

    with inbox(store).lease() as other:
        assert read_all(other) == [f"w{i}" for i in range(ITEMS)]


def test_an_obstacle_in_the_middle_sets_the_delivery_aside_before_the_cursor_leaves_it(
    store: Store,
) -> None:
    keep(store, large())
    with inbox(store).lease() as held:
        batch = held.next_batch()
        held.close({batch.deliveries[0].id: DeferReason("failed")})

    assert standing(store, WHERE).deferred == 1
    with inbox(store).lease() as other:
        assert names(other.next_batch())[0] == f"w{MOST_EVENTS}"


def test_a_call_that_fails_passes_nothing_of_what_it_told(store: Store) -> None:
    keep(store, large())
    held = LeasedPartitions(store, Bodies())
    place = held.next_batch().deliveries[0].id
    raw(store).set(f"{keys.partition(WHERE)}aside", "of another type")
    assert held.next_batch({place: DeferReason("failed")}).is_empty
    raw(store).delete(f"{keys.partition(WHERE)}aside")

    with inbox(store).lease() as other:
        assert names(other.next_batch())[0] == "w0"


def test_a_crowd_of_partitions_shares_a_batch(store: Store) -> None:
    bodies = [
        delivery_body(*(message_item(token_hex(20), "x", f"3519{c:08}") for _ in range(300)))
        for c in range(40)
    ]
    keep(store, *bodies)

    with inbox(store).lease() as held:
        batch = held.next_batch()

    assert MOST_EVENTS <= len(batch.events) <= MOST_EVENTS + keys.PARTITIONS
    assert len({event.delivery[0] for event in batch.events}) == keys.MESSAGE_PARTITIONS / 2


def test_what_a_slice_did_not_finish_is_not_read_once_more(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(store, large())
    mine = inbox(store)
    with mine.lease() as held:
        held.next_batch()
        held.close()
    monkeypatch.setattr("gateway.store.inbox.leased_partition.split", lambda _: 1 / 0)

    with mine.lease() as held:
        assert names(held.next_batch())[0] == f"w{MOST_EVENTS}"
        held.close()
    with inbox(store).lease() as other:
        assert other.next_batch().open_errors  # who has not read it has to


def test_statuses_get_their_share_while_messages_wait_and_afterwards(
    store: Store,
) -> None:
    statuses = delivery_body(statuses=[status_item(f"wamid.s{i}", "sent") for i in range(ITEMS)])
    keep(store, large(items=2 * MOST_EVENTS), statuses)

    with inbox(store).lease() as held:
        kinds = [[event.kind for event in held.next_batch().events] for _ in range(4)]

    assert [(kind.count("message"), kind.count("status")) for kind in kinds] == [
        (MOST_EVENTS, 0),
        (MOST_EVENTS - STATUS_EVENTS, STATUS_EVENTS),
        (STATUS_EVENTS, 0),
        (0, STATUS_EVENTS),
    ]


def test_a_lease_is_renewed_while_its_holder_works(store: Store) -> None:
    keep(store, large())
    short = Inbox(store, Bodies(), lease_ms=2_000)
    with short.lease() as held:
        held.next_batch()
        begun = int(lease(store, WHERE)["till"])

        wait_until(lambda: int(lease(store, WHERE)["till"]) > begun + 500, "it was renewed")
        assert inbox(store).lease().__enter__().next_batch().is_empty
        assert names(held.next_batch())[0] == f"w{MOST_EVENTS}"


def test_a_holder_that_was_slow_is_fenced_and_nothing_is_suspected(store: Store) -> None:
    keep(store, large())
    with inbox(store).lease() as slow, inbox(store).lease() as fresh:
        slow.next_batch()
        run_out(store, WHERE)
        assert not fresh.next_batch().is_careful
        assert raw(store).hlen(f"{keys.partition(WHERE)}missing") == 1

        assert slow.next_batch().is_empty

        assert raw(store).hlen(f"{keys.partition(WHERE)}missing") == 0
        assert names(fresh.next_batch())[0] == f"w{MOST_EVENTS}"


def test_who_shows_no_sign_of_life_for_a_minute_has_died_over_what_it_held(store: Store) -> None:
    keep(store, large())
    with dies_over_a_batch(store, "main/1"):
        run_out(store, WHERE)
    raw(store).hset(f"{keys.partition(WHERE)}cursor", "till", now_ms(store) - 61_000)

    with inbox(store).lease() as other:
        assert other.next_batch().is_careful


def test_a_minute_later_nothing_is_suspected_of_what_was_passed_meanwhile(store: Store) -> None:
    keep(store, large())
    with dies_over_a_batch(store, "main/1"):
        run_out(store, WHERE)
    with inbox(store).lease() as other:
        other.next_batch()
        other.close()
    missing = f"{keys.partition(WHERE)}missing"
    ((holder, row),) = raw(store).hgetall(missing).items()
    raw(store).hset(missing, holder, b"1|" + row.partition(b"|")[2])

    with inbox(store).lease() as other:
        assert not other.next_batch().is_careful
    assert not raw(store).exists(missing)


def let_a_minute_be_over(store: Store) -> None:
    """Let whoever is missing have shown no sign of life for a minute, and all aside be due."""
    partition = keys.partition(WHERE)
    for holder, row in raw(store).hgetall(f"{partition}missing").items():
        raw(store).hset(f"{partition}missing", holder, b"1|" + row.partition(b"|")[2])
    for entry in raw(store).zrange(f"{partition}aside", 0, -1):
        raw(store).zadd(f"{partition}aside", {entry: 0})


def dies_over_what_was_aside(store: Store) -> Batch:
    """Set one aside, die over it and another, and let the next holder pass that other one."""
    keep(store, large("k", items=1))
    with inbox(store).lease() as held:
        held.close({one.id: DeferReason("failed") for one in held.next_batch().deliveries})
    keep(store, large("w", items=1))
    let_a_minute_be_over(store)
    with dies_over_a_batch(store, "main/1") as batch:
        run_out(store, WHERE)
    with inbox(store).lease() as other:
        assert read_all(other) == ["w0"]
    let_a_minute_be_over(store)
    return batch


def test_what_was_set_aside_is_suspected_wherever_the_cursor_is_by_then(store: Store) -> None:
    assert names(dies_over_what_was_aside(store)) == ["k0", "w0"]

    with inbox(store).lease() as other:
        batch = other.next_batch()
    assert (batch.is_careful, names(batch)) == (True, ["k0"])


def test_what_was_aside_and_in_hand_counts_its_deaths_wherever_the_cursor_is(store: Store) -> None:
    dies_over_what_was_aside(store)
    dead = LeasedPartitions(store, Bodies(), "main/2")
    assert dead.hold_in_hand(dead.next_batch().events[0]) == 0
    run_out(store, WHERE)
    keep(store, large("x", items=1))
    with inbox(store).lease() as other:
        assert read_all(other) == ["x0"]
    let_a_minute_be_over(store)

    with inbox(store).lease() as other:
        assert other.hold_in_hand(other.next_batch().events[0]) == 1


def test_what_was_aside_and_is_worked_off_by_then_is_not_suspected(store: Store) -> None:
    keep(store, large("k", items=1))
    with inbox(store).lease() as held:
        held.close({one.id: DeferReason("failed") for one in held.next_batch().deliveries})
    let_a_minute_be_over(store)
    with dies_over_a_batch(store, "main/1"):
        run_out(store, WHERE)
    raw(store).zadd(f"{keys.partition(WHERE)}aside", {_first_entry(store): 0})
    keep(store, large("w", items=1))
    with inbox(store).lease() as other:
        assert read_all(other) == ["k0", "w0"]
    let_a_minute_be_over(store)

    keep(store, large("x", items=1))
    with inbox(store).lease() as other:
        assert not other.next_batch().is_careful
    assert not raw(store).exists(f"{keys.partition(WHERE)}suspects")


def test_a_death_that_a_parent_reports_frees_the_lease_and_asks_for_care(store: Store) -> None:
    keep(store, large())
    with dies_over_a_batch(store, "main/1", batches=2):
        pass

    assert not inbox(store).report_death("main/12")  # is another process
    assert inbox(store).report_death("main/1")
    assert not inbox(store).report_death("main/1")

    with inbox(store).lease() as other:
        batch = other.next_batch()
        assert batch.is_careful
        assert names(batch) == [f"w{i}" for i in range(MOST_EVENTS, 2 * MOST_EVENTS)]
        assert not other.next_batch().is_careful  # what came after was not touched by who died


def test_an_orderly_end_of_a_process_asks_for_no_care(store: Store) -> None:
    keep(store, large())
    with Inbox(store, Bodies(), "main/1").lease() as held:
        held.next_batch()

    assert not inbox(store).report_death("main/1")
    with inbox(store).lease() as other:
        assert not other.next_batch().is_careful


def test_what_needs_care_is_held_alone_and_takes_turns_with_the_rest(store: Store) -> None:
    keep(store, large())
    with dies_over_a_batch(store, "main/1"):
        pass
    inbox(store).report_death("main/1")
    others = [delivery_body(message_item(f"wamid.o{i}", "x", f"3519{i:08}")) for i in range(40)]
    keep(store, *(body for body in others if partition_of(body) != WHERE))

    mine = inbox(store)
    for is_careful in (True, False, True):
        with mine.lease() as held:
            batch = held.next_batch()
            assert batch.is_careful is is_careful
            assert len({event.delivery[0] for event in batch.events}) == (1 if is_careful else 7)


def test_only_what_was_touched_with_care_is_passed(store: Store) -> None:
    keep(store, large())
    with dies_over_a_batch(store, "main/1"):
        pass
    inbox(store).report_death("main/1")

    with inbox(store).lease() as held:
        batch = held.next_batch()
        assert held.hold_in_hand(batch.events[0]) == 0
        held.keep_first(3)
        held.close()

    with inbox(store).lease() as other:
        batch = other.next_batch()
        assert (batch.is_careful, names(batch)[0]) == (True, "w3")


def test_a_delivery_that_nobody_can_open_is_passed_without_being_opened(store: Store) -> None:
    keep(store, large(items=2))
    for _ in range(3):
        with dies_over_a_batch(store, "main/1"):
            pass
        inbox(store).report_death("main/1")

    with inbox(store).lease() as other:
        batch = other.next_batch()
        assert (batch.events, batch.deadly_delivery) == ([], f"{WHERE}:{_first_entry(store)}")
        assert other.next_batch().is_empty
    assert standing(store, WHERE).waiting == 0


def _first_entry(store: Store) -> str:
    ((entry, _),) = raw(store).xrange(f"{keys.partition(WHERE)}inbox", count=1)
    return str(entry.decode())


def test_a_delivery_that_raises_when_it_is_read_is_set_aside_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(store, large(items=2))
    broken = Bodies()
    monkeypatch.setattr(broken, "open", lambda _: 1 / 0)

    with inbox(store, broken).lease() as held:
        assert list(held.next_batch().open_errors.values()) == [
            "reading it raised ZeroDivisionError"
        ]
