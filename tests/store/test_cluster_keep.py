"""On a Redis Cluster a delivery is kept by the server of its partition, whatever others do."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.inbox.partitions import partition_of
from gateway.store.inbox.writer import InboxWriter
from gateway.store.monitoring.counters import Counters, Figures
from gateway.store.redis.client import Store, StoreUnavailableError, connect_async
from gateway.store.server.health import HealthMonitor, ServerHealth
from tests.support.factories import delivery_body, message_item
from tests.support.redis_cluster import ClusterOf, ask
from tests.support.servers import Server
from tests.support.store.inbox_state import inbox

pytestmark = pytest.mark.store
LONG = pytest.mark.long  # but for one that shows that a cluster works


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


def body(sender: int) -> bytes:
    return delivery_body(message_item(f"wamid.{sender}", sender=f"3519{sender:08}"))


BODIES = [body(i) for i in range(48)]


def server_of(cluster: ClusterOf, one: bytes) -> Server:
    return cluster.owner(keys.partition(partition_of(one)))


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    assert server.process
    server.process.send_signal(signal.SIGSTOP)
    yield
    server.process.send_signal(signal.SIGCONT)


def keeping(url: str, act: Callable[[InboxWriter], Awaitable[Any]]) -> tuple[Any, int]:
    """Return what `act` returned, and how often the bell was rung."""
    rings: list[int] = []

    async def run() -> Any:
        client = connect_async(url)
        keeper = InboxWriter(client, Bodies(), lambda: rings.append(1))
        keeper.start()
        try:
            return await act(keeper)
        finally:
            await keeper.close()
            await client.aclose()

    return asyncio.run(run()), len(rings)


async def all_of(keeper: InboxWriter) -> list[Any]:
    return await asyncio.gather(*map(keeper.keep, BODIES), return_exceptions=True)


def test_each_delivery_is_kept_once_and_the_bell_is_rung_once(cluster: ClusterOf) -> None:
    told, rings = keeping(cluster.url, all_of)

    store = Store(cluster.url)
    assert (told, rings) == ([None] * len(BODIES), 1)
    assert sum(one.kept for one in inbox(store).partition_states()) == len(BODIES)
    store.close()


@LONG
def test_a_bell_that_is_set_is_not_rung_again(cluster: ClusterOf) -> None:
    assert keeping(cluster.url, all_of)[1] == 1
    assert keeping(cluster.url, all_of)[1] == 0


@LONG
def test_a_partition_that_has_moved_is_found(cluster: ClusterOf) -> None:
    async def act(keeper: InboxWriter) -> list[Any]:
        first = await all_of(keeper)
        to = next(one for one in cluster.primaries if one is not server_of(cluster, BODIES[0]))
        await asyncio.to_thread(cluster.move, keys.partition(partition_of(BODIES[0])), to)
        return first + await all_of(keeper)

    assert keeping(cluster.url, act)[0] == [None] * 2 * len(BODIES)


@LONG
def test_servers_that_forgot_the_script_keep_each_delivery_once(cluster: ClusterOf) -> None:
    for one in cluster.primaries:
        ask(one, "SCRIPT", "FLUSH")

    assert keeping(cluster.url, all_of)[0] == [None] * len(BODIES)

    store = Store(cluster.url)
    assert sum(one.kept for one in inbox(store).partition_states()) == len(BODIES)
    store.close()


@LONG
@pytest.mark.timeout(90)
@pytest.mark.usefixtures("gives_up_soon")
def test_a_frozen_server_holds_up_its_own_deliveries_only(cluster: ClusterOf) -> None:
    slow = server_of(cluster, BODIES[0])

    async def act(keeper: InboxWriter) -> tuple[float, list[Any]]:
        await all_of(keeper)
        begin = asyncio.get_running_loop().time()
        with frozen(slow):
            waiting = [asyncio.create_task(keeper.keep(one)) for one in BODIES]
            for one, task in zip(BODIES, waiting, strict=True):
                if server_of(cluster, one) is not slow:
                    await task
            took = asyncio.get_running_loop().time() - begin
            return took, await asyncio.gather(*waiting, return_exceptions=True)

    (took, told), _ = keeping(cluster.url, act)

    assert took < 2.0  # after which a call is given up
    for one, answer in zip(BODIES, told, strict=True):
        assert isinstance(answer, StoreUnavailableError) is (server_of(cluster, one) is slow)


@LONG
@pytest.mark.timeout(90)
def test_a_bell_that_cannot_be_set_is_rung_all_the_same(tmp_path: Path) -> None:
    own = ClusterOf(tmp_path)
    own.owner(keys.INBOX_BELL).kill()

    told, rings = keeping(own.url, all_of)

    assert {type(one) for one in told} == {type(None), StoreUnavailableError}
    assert rings > 0
    own.close()


@LONG
def test_the_web_process_counts_and_looks_at_all_servers(cluster: ClusterOf) -> None:
    async def looking() -> tuple[Figures, ServerHealth]:
        client = connect_async(cluster.url)
        counters = Counters(client)
        await counters.add({"refused.store": 3})
        found = await counters.read(), await HealthMonitor(client, 1).refresh()
        await client.aclose()
        return found

    figures, health = asyncio.run(looking())
    assert (figures.web, len(figures.partitions)) == ({"refused.store": 3}, keys.PARTITIONS)
    assert (health.is_full, health.limit_bytes) == (True, 1)


@LONG
def test_a_web_process_is_ready_while_one_server_is_away(tmp_path: Path) -> None:
    own = ClusterOf(tmp_path)

    async def looking() -> tuple[bool, tuple[str, ...]]:
        client = connect_async(own.url)
        pressure = HealthMonitor(client, 0)
        await pressure.refresh()
        await asyncio.to_thread(own.owner(keys.LAYOUT_KEY).kill)
        health = await pressure.refresh()
        await client.aclose()
        return health.is_ready, health.warnings

    assert asyncio.run(looking()) == (True, ("1 of the 3 servers of the cluster do not answer.",))
    own.close()


@LONG
def test_a_web_process_that_never_saw_the_layout_is_not_ready(tmp_path: Path) -> None:
    own = ClusterOf(tmp_path)
    own.owner(keys.LAYOUT_KEY).kill()

    async def looking() -> bool:
        client = connect_async(own.url)
        pressure = HealthMonitor(client, 0)
        with pytest.raises(StoreUnavailableError):
            await pressure.refresh()
        await client.aclose()
        return pressure.health.is_ready

    assert not asyncio.run(looking())
    own.close()
