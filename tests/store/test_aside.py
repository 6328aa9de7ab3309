"""What cannot be committed now is set aside: it waits, is tried again, and stops nobody."""

from datetime import timedelta

import pytest

from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.inbox.deferred import deliveries
from gateway.store.maintenance import retention
from gateway.store.redis.client import Store
from tests.support.store.inbox_state import inbox, keep, late, lease, read, standing
from tests.support.store.raw import now_ms, raw

pytestmark = pytest.mark.store
KEY = b"k" * 32
ASIDE = f"{keys.partition(0)}aside"


def one_pass(store: Store, *places: str, bodies: Bodies | None = None) -> list[str]:
    """Read all that is there, setting aside what cannot be opened and what is named."""
    found = []
    with inbox(store, bodies).lease() as held:
        batch = held.next_batch()
        while not batch.is_empty:
            found += read(batch)
            batch = held.next_batch(late(*batch.open_errors, *places))
    return found


def let_it_be_due(store: Store) -> None:
    for entry in raw(store).zrange(ASIDE, 0, -1):
        raw(store).zadd(ASIDE, {entry: now_ms(store)})


def due_ms(store: Store) -> int:
    ((_, due),) = raw(store).zrange(ASIDE, 0, -1, withscores=True)
    return int(due)


def test_a_record_of_a_missing_key_is_set_aside_and_later_ones_go_on(store: Store) -> None:
    (sealed,) = keep(store, 0, "sealed", bodies=Bodies([KEY]))
    keep(store, 0, "plain")

    with inbox(store).lease() as held:
        batch = held.next_batch()
        assert list(batch.open_errors) == [sealed]
        assert batch.open_errors[sealed].startswith("key ")
        assert read(batch) == ["plain"]


def test_a_record_of_an_unknown_format_is_not_opened(store: Store) -> None:
    (entry,) = store.call("keep", keys.partition(0), "meta||", b"\x09from the future")

    with inbox(store).lease() as held:
        batch = held.next_batch()

    assert batch.open_errors == {f"0:{entry.decode()}": "format 09"}
    assert not batch.is_empty


def test_what_is_aside_counts_as_waiting_and_is_behind_the_cursor(store: Store) -> None:
    (sealed, plain) = (
        *keep(store, 0, "sealed", bodies=Bodies([KEY])),
        *keep(store, 0, "plain"),
    )

    assert one_pass(store) == ["plain"]

    found = standing(store, 0)
    assert (found.deferred, found.waiting, found.kept, found.oldest_ms) == (1, 1, 2, 0)
    assert lease(store, 0)["at"] == plain.partition(":")[2]
    assert raw(store).zrange(ASIDE, 0, -1) == [sealed.partition(":")[2].encode()]


def test_what_is_aside_is_work_only_when_it_is_due(store: Store) -> None:
    keep(store, 0, "sealed", bodies=Bodies([KEY]))
    one_pass(store)
    assert not standing(store, 0).has_work

    let_it_be_due(store)

    assert standing(store, 0).has_work


def test_what_is_aside_is_tried_again_with_growing_pauses(store: Store) -> None:
    keep(store, 0, "sealed", bodies=Bodies([KEY]))

    for pause_s in (1, 5, 30, 120, 300, 300, 300):
        before = now_ms(store)
        one_pass(store)
        assert before <= due_ms(store) - pause_s * 1000 <= now_ms(store)
        let_it_be_due(store)


def test_what_can_be_opened_again_comes_back(store: Store) -> None:
    keep(store, 0, "sealed", bodies=Bodies([KEY]))
    one_pass(store)
    keep(store, 0, "plain")
    let_it_be_due(store)

    assert one_pass(store, bodies=Bodies([KEY])) == ["sealed", "plain"]

    found = standing(store, 0)
    assert (found.deferred, found.waiting, found.has_work) == (0, 0, False)
    assert raw(store).exists(ASIDE, f"{ASIDE}:tries") == 0


def test_what_cannot_be_committed_is_set_aside_like_what_cannot_be_opened(store: Store) -> None:
    (first, _) = keep(store, 0, "first", "second")

    assert one_pass(store, first) == ["first", "second"]

    assert (standing(store, 0).deferred, standing(store, 0).waiting) == (1, 1)


def test_closing_sets_aside_as_well(store: Store) -> None:
    (first, _) = keep(store, 0, "first", "second")
    with inbox(store).lease() as held:
        held.next_batch()
        held.close(late(first))

    assert (standing(store, 0).deferred, standing(store, 0).waiting) == (1, 1)


def test_what_is_aside_in_another_hand_is_not_read_twice(store: Store) -> None:
    (first,) = keep(store, 0, "first")
    one_pass(store, first)
    let_it_be_due(store)
    with inbox(store).lease() as held:
        assert read(held.next_batch()) == ["first"]
        assert not standing(store, 0).is_deferred_due


def test_a_slice_that_gives_up_leaves_aside_what_was_aside(store: Store) -> None:
    (first,) = keep(store, 0, "first")
    one_pass(store, first)
    let_it_be_due(store)
    with inbox(store).lease() as held:
        held.next_batch()

    assert standing(store, 0).deferred == 1


def test_a_crowd_aside_does_not_fill_a_batch(store: Store) -> None:
    crowd = keep(store, 0, *(f"late {i}" for i in range(20)))
    one_pass(store, *crowd)
    let_it_be_due(store)
    keep(store, 0, "new")

    with inbox(store).lease() as held:
        found = read(held.next_batch())

    assert (len(found), found[-1]) == (5, "new")


def test_what_is_aside_is_never_trimmed(store: Store) -> None:
    places = keep(store, 0, "a", "b", "c", "d")
    one_pass(store, places[1])

    assert retention.trim(store, timedelta(0)) == 1

    left = [entry.decode() for entry, _ in raw(store).xrange(f"{keys.partition(0)}inbox")]
    assert left == [place.partition(":")[2] for place in places[1:]]


def test_a_delivery_aside_that_is_gone_is_forgotten(store: Store) -> None:
    (first,) = keep(store, 0, "first")
    one_pass(store, first)
    raw(store).delete(f"{keys.partition(0)}inbox")
    let_it_be_due(store)

    assert one_pass(store) == []
    assert raw(store).exists(ASIDE, f"{ASIDE}:tries") == 0


def test_many_that_are_aside_are_listed_in_pages(store: Store) -> None:
    entries = {f"{n}-0": n for n in range(1_000)}
    raw(store).zadd(ASIDE, entries)
    asked: list[tuple[object, ...]] = []
    run = raw(store).execute_command

    def listened(*args: object, **more: object) -> object:
        asked.append(args)
        return run(*args, **more)

    raw(store).execute_command = listened

    listed = deliveries(store, DeadLetterFilter())

    assert sorted(one.id for one in listed) == sorted(f"0:{entry}" for entry in entries)
    assert not [args for args in asked if args[0] == "ZRANGE"]
    assert len([args for args in asked if args[:2] == ("ZSCAN", ASIDE)]) > 2


def test_a_partition_remembers_a_bounded_number_of_what_was_given_up(store: Store) -> None:
    given_up = f"{keys.partition(0)}given_up"
    (place,) = keep(store, 0, "first")
    one_pass(store, place)
    raw(store).zadd(given_up, {f"{n}-1": now_ms(store) for n in range(10_000)})
    entry = place.partition(":")[2]

    assert store.call("give_up", keys.partition(0), entry) == 1

    assert raw(store).zcard(given_up) == 10_000
    assert raw(store).zscore(given_up, entry)


def test_what_was_given_up_long_ago_is_let_go_bit_by_bit(store: Store) -> None:
    given_up = f"{keys.partition(0)}given_up"
    (place,) = keep(store, 0, "first")
    one_pass(store, place)
    raw(store).zadd(given_up, {f"{n}-1": n + 1 for n in range(150)})

    store.call("give_up", keys.partition(0), place.partition(":")[2])

    assert raw(store).zcard(given_up) == 51
