"""On a Redis Cluster each call goes to the server of its key, and fails with no other's."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.core.api.schedules.schedule import Schedule
from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.store import keys, number_list
from gateway.store.api.schedules.book import ScheduleBook
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import dead_letters
from gateway.store.erasure.eraser import Eraser
from gateway.store.erasure.open_erasures import find_erasure
from gateway.store.inbox.history import History
from gateway.store.inbox.inbox import Inbox
from gateway.store.maintenance import due_items, retention
from gateway.store.maintenance.migration import Migration
from gateway.store.monitoring.snapshot import read
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Call, Store, StoreUnavailableError
from gateway.store.server.inspection import check_server
from gateway.store.tracing.traces import Traces
from tests.store.test_lifetimes import live
from tests.support.factories import NUMBER, a_message, delivery_body, message_item
from tests.support.redis_cluster import ClusterOf, ask
from tests.support.servers import Server
from tests.support.store.plans import planned
from tests.support.store.sends import WEEK

pytestmark = [pytest.mark.store, pytest.mark.long]
PLACES = [keys.partition(i) for i in range(keys.PARTITIONS)]
P0, P2, P3, P6 = (PLACES[i] for i in (0, 2, 3, 6))
DELIVERY = ["meta||", b"body"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterOf]:
    made = ClusterOf(tmp_path_factory.mktemp("cluster"))
    yield made
    made.close()


@pytest.fixture
def cluster(running: ClusterOf) -> ClusterOf:
    for one in running.primaries:
        ask(one, "FLUSHALL")
    return running


@pytest.fixture
def store(cluster: ClusterOf) -> Iterator[Store]:
    opened = Store(cluster.url)
    yield opened
    opened.close()


def keep(*prefixes: str) -> list[Call]:
    return [Call("keep", prefix, DELIVERY) for prefix in prefixes]


def kept(cluster: ClusterOf, prefix: str) -> dict[Server, int]:
    """Return how many deliveries each server has of a partition that can be asked of it."""
    owner = cluster.owner(prefix)
    return {owner: int(ask(owner, "XLEN", f"{prefix}inbox"))}


def test_calls_of_one_round_go_to_their_servers_and_come_back_in_order(
    cluster: ClusterOf, store: Store
) -> None:
    calls = [Call("keep", prefix, DELIVERY * (i + 1)) for i, prefix in enumerate(PLACES)]

    found = store.call_many(calls)

    counts = list(range(1, keys.PARTITIONS + 1))
    assert [len(one) for one in found] == counts
    assert {cluster.owner(prefix) for prefix in PLACES} == set(cluster.primaries)
    assert [kept(cluster, one)[cluster.owner(one)] for one in PLACES] == counts


def test_plain_commands_go_to_the_servers_of_their_keys(store: Store) -> None:
    names = [f"number{i}" for i in range(9)]
    for name in names:
        number_list.add_number(store, name)
        number_list.increment_counter(store, keys.number(name), "events.message", 2)

    assert [one.total("events.message") for one in [read(store, 0)]] == [18]
    assert number_list.numbers(store) == names
    assert [due.number for due in due_items.tick(store)] == names


def test_a_transaction_stays_in_one_slot(store: Store) -> None:
    due_items.forget_timer(store, NUMBER, "none")

    assert (store.mark("gw:x", 60_000), store.mark("gw:x", 60_000)) == (True, False)
    store.delete("gw:x")
    assert store.mark("gw:x", 60_000)
    assert not due_items.is_pump_active(store, NUMBER, 1_000)


def test_an_error_of_one_call_is_its_own(cluster: ClusterOf, store: Store) -> None:
    ask(cluster.owner(P2), "SET", f"{P2}inbox", "of another type")

    wrong, right = store.call_many(keep(P2, P6))

    assert "WRONGTYPE" in str(wrong)
    assert len(right) == 1


def test_servers_that_forgot_their_scripts_run_each_call_once(
    cluster: ClusterOf, store: Store
) -> None:
    store.call_many(keep(P0))
    ask(cluster.owner(P0), "SCRIPT", "FLUSH")

    store.call_many(keep(P0, P3, P2))

    assert [kept(cluster, one)[cluster.owner(one)] for one in (P0, P3, P2)] == [2, 1, 1]


def test_a_slot_that_has_moved_is_found_and_its_calls_run_once(
    cluster: ClusterOf, store: Store
) -> None:
    store.call_many(keep(P0, P3))
    cluster.move(P0, cluster.owner(P3))

    found = store.call_many(keep(P0, P3))

    assert [len(one) for one in found] == [1, 1]
    assert kept(cluster, P0) == {cluster.owner(P3): 2}
    assert store.run(lambda client: client.xlen(f"{P0}inbox")) == 2


def test_a_slot_that_is_on_its_way_is_away_and_nothing_is_written_on_either_side(
    cluster: ClusterOf, store: Store
) -> None:
    store.call_many(keep(P6))
    begin, end = cluster.owner(P6), cluster.owner(P3)
    cluster.begin_to_move(P6, end)

    (told,) = store.call_many(keep(P6))

    assert isinstance(told, StoreUnavailableError)
    assert ask(end, "DBSIZE") == 0
    cluster.move(P6, end)
    assert ask(begin, "CLUSTER", "COUNTKEYSINSLOT", 0) == 0
    assert len(store.call("keep", P6, *DELIVERY)) == 1
    assert kept(cluster, P6) == {end: 2}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ClusterOf]:
    made = ClusterOf(tmp_path)
    yield made
    made.close()


def test_a_server_that_is_gone_fails_its_own_calls_and_is_found_again(own: ClusterOf) -> None:
    store = Store(own.url)
    store.call_many(keep(*PLACES))
    gone = own.owner(P3)
    gone.kill()

    found = store.call_many(keep(*PLACES))

    failed = [prefix for prefix, one in zip(PLACES, found, strict=True) if _is_away(one)]
    assert failed == [prefix for prefix in PLACES if own.owner(prefix) is gone]
    assert check_server(store).warnings == ("1 of the 3 servers of the cluster do not answer.",)
    with pytest.raises(StoreUnavailableError):
        store.run(lambda client: client.xlen(f"{P3}inbox"))
    gone.start()
    own.settle()
    assert not any(map(_is_away, store.call_many(keep(*PLACES))))
    store.close()


def test_a_cluster_of_which_nothing_is_left_is_away(own: ClusterOf) -> None:
    store = Store(own.url)
    store.call_many(keep(*PLACES))

    own.close()

    assert all(map(_is_away, store.call_many(keep(*PLACES))))
    with pytest.raises(StoreUnavailableError):
        check_server(store)
    store.close()


def _is_away(answer: Any) -> bool:
    return isinstance(answer, StoreUnavailableError)


def test_a_cluster_that_was_never_there_is_a_store_that_is_away() -> None:
    with pytest.raises(StoreUnavailableError):
        Store("redis-cluster://127.0.0.1:1,127.0.0.1:2").call("keep", P0, *DELIVERY)


def test_every_server_is_judged_and_the_worst_counts(cluster: ClusterOf, store: Store) -> None:
    assert (check_server(store).fatal, check_server(store).warnings) == ((), ())
    ask(cluster.primaries[2], "CONFIG", "SET", "maxmemory", 1)
    ask(cluster.primaries[1], "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")

    found = check_server(store)

    for one in cluster.primaries:
        ask(one, "CONFIG", "SET", "maxmemory", 0)
        ask(one, "CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert (found.is_full, found.limit_bytes) == (True, 1)
    assert [told[:21] for told in found.warnings] == ["Redis may throw away "]


def test_the_layout_of_a_cluster_is_found_again(cluster: ClusterOf, store: Store) -> None:
    check_server(store)
    assert ask(cluster.owner(keys.LAYOUT_KEY), "GET", keys.LAYOUT_KEY) == b"2/12"
    ask(cluster.owner(keys.LAYOUT_KEY), "SET", keys.LAYOUT_KEY, "1/16")

    assert len(check_server(store).fatal) == 1


def test_an_address_of_the_other_form_is_told_at_the_start(
    cluster: ClusterOf, server: Server
) -> None:
    single, alone = (
        Store(cluster.primaries[0].url),
        Store(f"redis-cluster://127.0.0.1:{server.port}"),
    )

    assert check_server(single).fatal == (
        "Redis is a server of a cluster: begin its address with redis-cluster://.",
    )
    assert check_server(alone).fatal == ("Redis is no cluster: begin its address with redis://.",)
    single.close()
    alone.close()


def test_what_is_planned_and_committed_is_found_by_the_next_plan(store: Store) -> None:
    plans = planned(store, a_message())

    assert commit(store, plans, WEEK) == [True]
    assert commit(store, plans, WEEK) == [False]


def test_whatever_writes_or_looks_can_be_done_on_a_cluster(
    cluster: ClusterOf, store: Store
) -> None:
    with_an_address: Any = cluster
    live(store, with_an_address)

    letters = list(dead_letters.iter_dead_letters(store, DeadLetterFilter()))
    found = Traces(store, Bodies()).find_by_wamid(a_message().id)

    assert {one.number for one in letters} == {NUMBER}
    assert dead_letters.find(store, letters[0].id) == letters[0]
    assert dead_letters.drop(store, letters[0])
    assert found.has_results
    assert [one.dead for one in read(store, 0).numbers] == [len(letters) - 1]
    assert retention.trim(store, timedelta(0)) == 0  # what is set aside stands first, and stays
    assert (
        retention.forget_dead_letters(store, dead_letters.server_time(store) + timedelta(days=1))
        == len(letters) - 1
    )


def test_the_inbox_of_a_cluster_is_read_as_one_history(store: Store) -> None:
    bodies = [delivery_body(message_item(f"wamid.{i}", sender=f"35190000000{i}")) for i in range(9)]
    Inbox(store, Bodies()).replay(bodies)
    history = History(store, Bodies())

    assert sorted(one.body for one in history.deliveries()) == sorted(bodies)
    assert history.count() == len(bodies)


@pytest.mark.usefixtures("gives_up_soon")
def test_no_client_of_a_cluster_repeats_a_call_by_itself(store: Store) -> None:
    client: Any = store.redis
    given = client.node(("127.0.0.1", 1)).connection_pool.connection_kwargs

    assert (given["retry"]._retries, given["socket_timeout"]) == (0, 2.0)


def test_sends_of_a_release_before_are_found_on_whichever_server_they_are(store: Store) -> None:
    names = [f"number{i}" for i in range(9)]
    for name in names:
        send = f"{keys.number(name)}send:one"
        store.redis.hset(send, mapping={"stage": "accepted", "rung": "3", "repeatable": "0"})
        store.redis.pexpire(send, 20 * keys.DAY_MS)

    store.redis.set(keys.LAYOUT_KEY, "1/8")
    *_, last = Migration(store, wait=lambda _: None).run(0)

    assert last.sends == len(names)
    assert [store.redis.zcard(f"{keys.number(name)}finished") for name in names] == [1] * len(names)


def test_schedules_of_numbers_on_several_servers_are_one_book(store: Store) -> None:
    book, names = ScheduleBook(store, Bodies()), [f"{n}" for n in range(9)]
    schedule = Schedule("0 9 * * *", "UTC", {})
    for name in names:
        assert book.create(names, name, f"of {name}", schedule, book.now()) == "written"

    page = book.page(names, "", 5)

    assert [one.number for one in page.schedules] == names[:5]
    assert [one.number for one in book.page(names, page.end or "", 5).schedules] == names[5:]
    assert book.remove(names, "of 3")
    assert not book.find(names, "of 3")
    assert len(book.list_next(names, 99)) == 8


def test_a_customer_is_erased_from_every_server(cluster: ClusterOf, store: Store) -> None:
    zoe, other = "351987650001", "100000000000099"
    (plan,) = planned(store, a_message("wamid.1", zoe))
    for number in (NUMBER, other):
        number_list.add_number(store, number)
        assert commit(store, [replace(plan, number=number)], WEEK) == [True]
    eraser = Eraser(store, Bodies(), WEEK)

    begun = eraser.begin(zoe, None)
    eraser.run(budget_s=60, only=begun.id)

    done = find_erasure(store, begun.id)
    assert done
    assert done.finished_at
    assert (done.erased["contacts"], done.erased["messages"]) == (2, 2)
    found = [key for one in cluster.primaries for key in ask(one, "KEYS", "*")]
    assert not [key for key in found if zoe in str(key)]
