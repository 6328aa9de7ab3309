"""Records yield to what has to be kept: oldest first, a part at a time, nothing else with them."""

import asyncio
from datetime import timedelta

import pytest

from gateway.store import keys, number_list
from gateway.store.maintenance import retention
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Store, connect_async
from gateway.store.server.health import HealthMonitor
from gateway.store.tracing.records import find
from tests.support.factories import NUMBER, a_message
from tests.support.servers import Server, wait_until
from tests.support.store.plans import planned
from tests.support.store.raw import raw
from tests.support.store.sends import PREFIX, WEEK, counted, take

pytestmark = pytest.mark.store
A_TINY_LIMIT, NO_LIMIT = 1, 1 << 50


def record(store: Store, count: int, first: int = 0, retention: timedelta = WEEK) -> None:
    """Commit as many messages, each of a customer of its own, answered and recorded."""
    number_list.add_number(store, NUMBER)
    for i in range(first, first + count):
        commit(store, planned(store, a_message(f"wamid.{i}", customer(i))), retention)


def customer(i: int) -> str:
    return f"3519{i:08d}"


def records(store: Store) -> int:
    return len(raw(store).keys(f"{PREFIX}record:*"))


def lists(store: Store) -> int:
    return len(raw(store).keys(f"{PREFIX}records:*"))


def yield_all(store: Store) -> None:
    while retention.make_room(store, A_TINY_LIMIT):
        pass


def test_records_stay_while_there_is_room(store: Store) -> None:
    record(store, 110)

    assert retention.make_room(store, NO_LIMIT) == 0
    assert records(store) == 110


def test_the_oldest_records_go_first_and_not_all_of_them(store: Store) -> None:
    record(store, 110)

    assert retention.make_room(store, A_TINY_LIMIT) == 100

    left = [i for i in range(110) if find(store, a_message(f"wamid.{i}", customer(i)))]
    assert left == list(range(100, 110))
    assert lists(store) == 10


def test_an_eighth_goes_at_once_and_a_thousand_at_most(store: Store) -> None:
    listed(store, 1_600)
    assert retention.make_room(store, A_TINY_LIMIT) == 200

    listed(store, 10_000)
    assert retention.make_room(store, A_TINY_LIMIT) == 1_000


def listed(store: Store, count: int) -> None:
    number_list.add_number(store, NUMBER)
    pipe = raw(store).pipeline(transaction=False)
    for i in range(count):
        pipe.xadd(f"{PREFIX}recorded", {f"{i:032x}": customer(i)})
    pipe.execute()


def test_sends_contacts_and_what_is_known_yield_to_nothing(store: Store) -> None:
    record(store, 3)
    record(store, 110, first=3)
    before = {key for key in raw(store).keys("*") if b":record" not in key}

    yield_all(store)

    assert records(store) == lists(store) == 0
    assert {key for key in raw(store).keys("*") if b":record" not in key} == before
    assert commit(store, planned(store, a_message("wamid.1", customer(1))), WEEK) == []
    assert len(take(store, 50)) == 50
    assert counted(store, "sends.queued") == 113


def test_records_yield_on_a_server_that_is_full(own: Server) -> None:
    store = Store(own.url)
    record(store, 20)
    raw(store).config_set("maxmemory", 100_000)

    assert retention.make_room(store, 0) == 20
    store.close()


def test_a_web_process_lets_records_yield_without_any_worker(store: Store, server: Server) -> None:
    record(store, 5)

    async def watching() -> None:
        client = connect_async(server.url)
        task = asyncio.create_task(HealthMonitor(client, A_TINY_LIMIT).watch())
        await asyncio.to_thread(wait_until, lambda: not records(store), "records yielded")
        task.cancel()
        await client.aclose()

    asyncio.run(watching())


def test_the_list_of_records_forgets_those_whose_time_is_over(store: Store) -> None:
    record(store, 300, retention=timedelta(milliseconds=1))
    wait_until(lambda: not records(store), "all are forgotten")

    record(store, 1)

    # Whole nodes go, of a hundred entries each.
    assert raw(store).xlen(f"{PREFIX}recorded") <= 100


def test_records_of_every_number_yield(store: Store) -> None:
    other = keys.number("222")
    record(store, 1)
    number_list.add_number(store, "222")
    raw(store).xadd(f"{other}recorded", {"0" * 32: "351"})
    raw(store).set(f"{other}record:{'0' * 32}", "{}")

    assert retention.make_room(store, A_TINY_LIMIT) == 2

    assert not raw(store).exists(f"{other}record:{'0' * 32}")
