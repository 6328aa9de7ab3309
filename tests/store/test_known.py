"""What was committed stays known for eight to twelve days of the server's time."""

import pytest

from gateway.core.storage.event_places import pack
from gateway.core.webhook.event_keys import digest
from gateway.store.inbox.lookup import find_event_refs
from gateway.store.lua.scripts import source
from gateway.store.planning.commit import commit
from gateway.store.planning.contacts import load
from gateway.store.redis.client import Call, Store
from tests.support.factories import NUMBER, a_message
from tests.support.store.failing_scripts import each_write
from tests.support.store.plans import planned
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, WEEK

pytestmark = pytest.mark.store
DAY_MS = 86_400_000
GENERATION_MS = 4 * DAY_MS
EVENT = a_message(delivery="3:1763830000000-0", item=7)


def generation(store: Store) -> int:
    return now_ms(store) // GENERATION_MS


def bucket(store: Store) -> bytes:
    (found,) = raw(store).keys(f"{PREFIX}known:*/*")
    return bytes(found)


def header(store: Store) -> str:
    return f"{PREFIX}known:{generation(store)}"


# Writes events as a commit does.
FILL = """
local now = clock()
for i = 2, #ARGV do know(KEYS[1], now, ARGV[i], ARGV[1]) end
"""
PLACE = pack("3:1763830000000-0/7")
STEP = 500


def fill(store: Store, first: int, last: int) -> None:
    lua = source("load").partition("\n-- load:")[0] + FILL
    for start in range(first, last + 1, STEP):
        some = [known_digest(one) for one in range(start, min(start + STEP, last + 1))]
        raw(store).eval(lua, 1, PREFIX, PLACE, *some)


def known_again(store: Store, first: int, last: int) -> int:
    """Count the events which are known of those that `fill` wrote."""
    found = [known_digest(number) for number in range(first, last + 1)]
    _, _, places = store.call("load", PREFIX, 0, *found)
    return sum(place == PLACE for place in places)


def known_digest(number: int) -> bytes:
    return digest(str(number))


def is_known(store: Store) -> bool:
    (view,) = load(store, {NUMBER: [EVENT]})
    return EVENT.key in view.known


def test_the_value_of_a_known_event_is_its_place_in_few_bytes(store: Store) -> None:
    commit(store, planned(store, EVENT), WEEK)

    assert raw(store).hvals(bucket(store)) == [PLACE]
    assert find_event_refs(store, NUMBER, [EVENT.key]) == ["3:1763830000000-0/7"]
    assert len(PLACE) == 9


def test_a_bucket_lives_eight_to_twelve_days_and_its_header_longer(store: Store) -> None:
    commit(store, planned(store, EVENT), WEEK)

    lives = raw(store).pttl(bucket(store))
    assert 8 * DAY_MS - 60_000 < lives <= 12 * DAY_MS
    assert raw(store).pttl(header(store)) - lives == pytest.approx(GENERATION_MS, abs=1_000)


def test_every_bucket_that_is_split_off_lives_as_long(store: Store) -> None:
    fill(store, 1, 5_000)

    buckets = raw(store).keys(f"{PREFIX}known:*/*")
    lives = {round(raw(store).pttl(key) / 60_000) for key in buckets}
    assert len(buckets) == 5_000 // 64 + 1
    assert max(lives) - min(lives) <= 1


def age(store: Store, generations: int) -> None:
    """Let events look as if they had been committed so many generations ago."""
    old = f"{PREFIX}known:{generation(store) - generations}"
    for key in raw(store).keys(f"{PREFIX}known:*"):
        raw(store).rename(key, old + key.decode().removeprefix(header(store)))


@pytest.mark.parametrize(("generations", "expected"), [(0, True), (1, True), (2, True), (3, False)])
def test_events_are_looked_for_in_this_generation_and_the_two_before(
    store: Store, generations: int, expected: bool
) -> None:
    commit(store, planned(store, EVENT), WEEK)
    if generations:
        age(store, generations)

    assert is_known(store) is expected


def test_an_event_known_since_an_older_generation_is_refused(store: Store) -> None:
    plans = planned(store, EVENT)
    commit(store, plans, WEEK)
    age(store, 2)

    assert commit(store, plans, WEEK) == [False]


@pytest.mark.parametrize("count", [1, 63, 1_000, 1_025, 10_000, 30_000])
def test_an_event_stays_known_however_often_its_bucket_was_split(store: Store, count: int) -> None:
    fill(store, 1, count)

    assert known_again(store, 1, count) == count
    assert known_again(store, count + 1, count + 50) == 0


@pytest.mark.parametrize(
    ("before", "count"),
    [(0, 1_000), (20_000, 1_000), (1, 10_000), (20_000, 10_000), (1_000, 100_000)],
)
def test_an_id_costs_45_bytes_at_most_whatever_the_generation_before_held(
    store: Store, before: int, count: int
) -> None:
    if before:
        fill(store, 1, before)
        age(store, 1)

    fill(store, 50_001, 50_000 + count)

    size, ids = raw(store).hmget(header(store), "size", "ids")
    assert int(ids) == count
    assert int(size) == max(16, count // 64 + 1)
    found = raw(store).keys(f"{header(store)}*")
    cost = sum(raw(store).memory_usage(key, samples=0) for key in found)
    assert cost / count <= 45


def test_no_bucket_comes_near_to_what_a_server_keeps_packed(store: Store) -> None:
    fill(store, 1, 64 * 255)  # just before the last bucket of a round is split

    buckets = raw(store).keys(f"{PREFIX}known:*/*")
    most = int(raw(store).config_get("hash-max-listpack-entries")["hash-max-listpack-entries"])
    assert max(raw(store).hlen(key) for key in buckets) < 200 < most
    assert {raw(store).object("encoding", key) for key in buckets} == {b"listpack"}


def test_events_are_known_while_a_split_that_broke_off_is_not_done_again(store: Store) -> None:
    """Each write of the script fails in turn, the one that splits a bucket among them."""
    fill(store, 1, 1_023)
    split = ["", "", "v", "", "know", 5, known_digest(1_024), PLACE, "message", "", ""]

    tried = 0
    for _ in each_write(store, Call("commit", PREFIX, split)):
        tried += 1
        assert known_again(store, 1, 1_023) == 1_023
        fill(store, 2_000, 2_000)
        assert known_again(store, 1, 1_023) == 1_023
        assert raw(store).hget(header(store), "size") in (b"16", b"17")
    assert tried > 5


def test_what_layout_1_wrote_stays_known(store: Store) -> None:
    ours = digest(EVENT.key)
    for generations, buckets in ((0, 4096), (2, 64)):
        raw(store).flushall()
        old = f"{PREFIX}known:{generation(store) - generations}"
        at = int.from_bytes(ours[:4], "big") % buckets
        raw(store).hset(old, mapping={"buckets": buckets, "count": 1})
        raw(store).hset(f"{old}:{at}", ours[4:], "3:1763830000000-0/7")
        fill(store, 1, 100)

        assert is_known(store)
        assert find_event_refs(store, NUMBER, [EVENT.key]) == ["3:1763830000000-0/7"]
