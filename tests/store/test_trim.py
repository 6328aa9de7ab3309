"""History yields to what has to be kept: oldest first, a part at a time, and never what waits."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.store import keys
from gateway.store.maintenance import retention
from gateway.store.redis.client import Store, connect_async
from gateway.store.server.health import HealthMonitor
from tests.support.servers import Server, wait_until
from tests.support.store.inbox_state import inbox, keep, late
from tests.support.store.raw import raw

pytestmark = pytest.mark.store
A_TINY_LIMIT, NO_LIMIT = 1, 1 << 50


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Store]:
    """A store that may be filled up to its limit."""
    server = Server(tmp_path / "valkey", appendonly="no").start()
    opened = Store(server.url)
    yield opened
    opened.close()
    server.kill()


def worked_off(store: Store, index: int, count: int) -> list[str]:
    """Keep and pass deliveries of which each fills a node of its own, and return their places."""
    places = keep(store, index, *(f"body {i} {'x' * 20}" for i in range(count)))
    with inbox(store).lease() as held:
        while not held.next_batch().is_empty:
            pass
    return [place.partition(":")[2] for place in places]


def left(store: Store, index: int) -> list[str]:
    return [entry.decode() for entry, _ in raw(store).xrange(f"{keys.partition(index)}inbox")]


def test_history_stays_while_there_is_room(store: Store) -> None:
    worked_off(store, 0, 200)

    assert retention.make_room(store, NO_LIMIT) == 0
    assert len(left(store, 0)) == 200


def test_the_oldest_of_the_history_goes_first_and_not_all_of_it(store: Store) -> None:
    places = worked_off(store, 0, 2_000)

    dropped = retention.make_room(store, A_TINY_LIMIT)

    assert 100 < dropped <= 250
    assert left(store, 0) == places[dropped:]


def test_history_yields_again_and_again_down_to_where_work_begins(store: Store) -> None:
    places = worked_off(store, 0, 300)
    (waits,) = keep(store, 0, "new")
    keep(store, 1, "never read")

    while retention.make_room(store, A_TINY_LIMIT):
        pass

    assert left(store, 0) == [places[-1], waits.partition(":")[2]]
    assert len(left(store, 1)) == 1


def test_what_was_set_aside_yields_to_nothing(store: Store) -> None:
    places = keep(store, 0, *(f"body {i}" for i in range(300)))
    with inbox(store).lease() as held:
        held.next_batch()
        held.close(late(places[10]))
    entries = [place.partition(":")[2] for place in places]

    while retention.make_room(store, A_TINY_LIMIT):
        pass

    assert left(store, 0) == entries[10:]


def test_history_yields_on_a_server_that_is_full(small: Store) -> None:
    worked_off(small, 0, 1_000)
    raw(small).config_set("maxmemory", 100_000)

    assert retention.make_room(small, 0) > 0


def test_a_web_process_lets_history_yield_without_any_worker(store: Store, server: Server) -> None:
    places = worked_off(store, 0, 300)

    async def watching() -> None:
        client = connect_async(server.url)
        task = asyncio.create_task(HealthMonitor(client, A_TINY_LIMIT).watch())
        await asyncio.to_thread(wait_until, lambda: len(left(store, 0)) == 1, "history yielded")
        task.cancel()
        await client.aclose()

    asyncio.run(watching())
    assert left(store, 0) == places[-1:]


def test_a_short_retention_drops_nothing_that_waits(store: Store) -> None:
    for index in range(keys.PARTITIONS):
        keep(store, index, *(f"body {i}" for i in range(50)))

    assert retention.trim(store, timedelta(0)) == 0

    assert sum(len(left(store, index)) for index in range(keys.PARTITIONS)) == 50 * keys.PARTITIONS


def set_aside(store: Store, index: int, *places: str) -> None:
    with inbox(store).lease() as held:
        held.next_batch()
        held.close(late(*places))


def trimmed(store: Store) -> int:
    return retention.trim(store, timedelta(0))


def test_the_first_of_what_is_aside_decides_also_within_one_millisecond(store: Store) -> None:
    places = keep(store, 0, *(f"body {i}" for i in range(60)))  # sequences of one and two digits
    set_aside(store, 0, places[12], places[9], places[40])

    trimmed(store)

    assert left(store, 0)[0] == places[9].partition(":")[2]


def test_what_comes_back_holds_no_trimming_up_any_more(store: Store) -> None:
    places = keep(store, 0, *(f"body {i}" for i in range(30)))
    set_aside(store, 0, places[3], places[20])
    entries = [place.partition(":")[2] for place in places]

    assert store.call("give_up", keys.partition(0), entries[3]) == 1
    trimmed(store)
    assert left(store, 0)[0] == entries[20]

    store.call("give_up", keys.partition(0), entries[20])
    trimmed(store)
    assert left(store, 0)[0] == entries[29]
    assert raw(store).exists(f"{keys.partition(0)}aside:oldest") == 0


def test_what_a_release_before_set_aside_is_not_trimmed(store: Store) -> None:
    places = keep(store, 0, *(f"body {i}" for i in range(30)))
    set_aside(store, 0, places[3])
    raw(store).delete(f"{keys.partition(0)}aside:oldest")

    assert trimmed(store) == 0

    # It is in order from its next try on.
    raw(store).zadd(f"{keys.partition(0)}aside", {places[3].partition(":")[2]: 0})
    with inbox(store).lease() as held:
        held.next_batch()
    assert trimmed(store) == 3


def test_what_is_in_order_and_not_aside_holds_nothing_up(store: Store) -> None:
    places = keep(store, 0, *(f"body {i}" for i in range(30)))
    set_aside(store, 0, places[20])
    ghosts = {f"01 {n}-0": n for n in range(250)}
    raw(store).zadd(f"{keys.partition(0)}aside:oldest", ghosts)

    for _ in range(3):
        trimmed(store)

    assert left(store, 0)[0] == places[20].partition(":")[2]
    assert raw(store).zcard(f"{keys.partition(0)}aside:oldest") == 1
