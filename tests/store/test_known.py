"""What was committed stays known for eight to twelve days of the server's time."""

import pytest

from gateway.core.keys import digest
from gateway.store.client import Store
from gateway.store.commit import commit
from gateway.store.contacts import load
from tests.made import NUMBER, a_message
from tests.store.planning import planned
from tests.store.raw import now_ms, raw
from tests.store.sending import PREFIX, WEEK

pytestmark = pytest.mark.store
DAY_MS = 86_400_000
GENERATION_MS = 4 * DAY_MS
EVENT = a_message(delivery="3:1763830000000-0", item=7)


def generation(store: Store) -> int:
    return now_ms(store) // GENERATION_MS


def bucket(store: Store) -> bytes:
    (found,) = raw(store).keys(f"{PREFIX}known:*:*")
    return bytes(found)


def is_known(store: Store) -> bool:
    (view,) = load(store, {NUMBER: [EVENT]})
    return EVENT.key in view.known


def test_the_value_of_a_known_event_is_its_place(store: Store) -> None:
    commit(store, planned(store, EVENT), WEEK)

    assert raw(store).hvals(bucket(store)) == [b"3:1763830000000-0/7"]


def test_a_bucket_holds_what_its_own_number_does_not_say(store: Store) -> None:
    commit(store, planned(store, EVENT), WEEK)

    ours = digest(EVENT.key)
    at = int.from_bytes(ours[:4], "big") % 4096
    assert bucket(store) == f"{PREFIX}known:{generation(store)}:{at}".encode()
    assert raw(store).hkeys(bucket(store)) == [ours[4:]]


def test_a_bucket_lives_eight_to_twelve_days_and_its_header_longer(store: Store) -> None:
    commit(store, planned(store, EVENT), WEEK)

    lives = raw(store).pttl(bucket(store))
    assert 8 * DAY_MS - 60_000 < lives <= 12 * DAY_MS
    header = raw(store).pttl(f"{PREFIX}known:{generation(store)}")
    assert header - lives == pytest.approx(GENERATION_MS, abs=1_000)


def age(store: Store, generations: int) -> None:
    """Let an event look as if it had been committed so many generations ago."""
    old = generation(store) - generations
    raw(store).rename(f"{PREFIX}known:{generation(store)}", f"{PREFIX}known:{old}")
    raw(store).rename(
        bucket(store), f"{PREFIX}known:{old}:{bucket(store).rpartition(b':')[2].decode()}"
    )


@pytest.mark.parametrize(("generations", "known"), [(0, True), (1, True), (2, True), (3, False)])
def test_events_are_looked_for_in_this_generation_and_the_two_before(
    store: Store, generations: int, known: bool
) -> None:
    commit(store, planned(store, EVENT), WEEK)
    if generations:
        age(store, generations)

    assert is_known(store) is known


def test_an_event_known_since_an_older_generation_is_refused(store: Store) -> None:
    plans = planned(store, EVENT)
    commit(store, plans, WEEK)
    age(store, 2)

    assert commit(store, plans, WEEK) == [False]


@pytest.mark.parametrize(("before", "buckets"), [(None, b"4096"), (480_000, b"10000"), (3, b"64")])
def test_a_generation_has_buckets_for_as_many_events_as_the_last_one_had(
    store: Store, before: int | None, buckets: bytes
) -> None:
    if before:
        last = f"{PREFIX}known:{generation(store) - 1}"
        raw(store).hset(last, mapping={"count": before, "buckets": 1})

    commit(store, planned(store, EVENT), WEEK)

    header = raw(store).hgetall(f"{PREFIX}known:{generation(store)}")
    assert header == {b"buckets": buckets, b"count": b"1"}
    assert is_known(store)
