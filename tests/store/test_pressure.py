"""How a server stands is judged in sentences, and a full one is not kept in."""

import asyncio
from typing import Any

import pytest
from redis.exceptions import ConnectionError

from gateway.store import keys
from gateway.store.redis.client import Store, StoreUnavailableError, connect_async
from gateway.store.server.health import HealthMonitor, ServerHealth, judge_server, layout_name
from gateway.store.server.inspection import check_server
from tests.support.servers import Server, free_port, wait_until
from tests.support.store.raw import raw

INFO: dict[str, Any] = {
    "redis_version": "7.2.4", "role": "master", "aof_enabled": 1, "maxmemory_policy": "noeviction",
    "maxmemory": 0, "used_memory": 70, "total_system_memory": 200,
}  # fmt: skip


def judged(layout: str = "2/12", limit: int = 0, **info: Any) -> ServerHealth:
    return judge_server(INFO | info, layout, limit)


@pytest.mark.parametrize(
    ("info", "layout", "fatal", "warning"),
    [
        ({}, "2/12", "", ""),
        ({}, "", "", ""),
        ({"redis_version": "6.2.0"}, "2/12", "", ""),
        ({"redis_version": "10.0.1"}, "2/12", "", ""),
        ({"redis_version": "6.0.20"}, "2/12", "too old", ""),
        ({"redis_version": "5.0.7"}, "2/12", "too old", ""),
        ({"role": "slave"}, "2/12", "replica", ""),
        ({"role": "replica"}, "2/12", "replica", ""),
        ({}, "1/16", "layout 1/16", ""),
        ({}, "9/8", "needs 2/12", ""),
        ({"aof_enabled": 0}, "2/12", "", "append-only"),
        ({"maxmemory_policy": "allkeys-lru"}, "2/12", "", "evict"),
        ({"aof_last_write_status": "err"}, "2/12", "", "disk"),
    ],
    ids=[
        "good", "empty", "oldest", "two digits", "too old", "much too old", "slave", "replica",
        "other partitions", "other version", "no append-only file", "eviction",
        "full disk",
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_server_is_said(
    info: dict[str, Any], layout: str, fatal: str, warning: str
) -> None:
    found = judged(layout, **info)

    assert (bool(found.fatal), bool(found.warnings)) == (bool(fatal), bool(warning))
    assert fatal in " ".join(found.fatal)
    assert warning in " ".join(found.warnings)
    assert found.is_ready is not bool(fatal)


def test_all_that_is_wrong_is_said_at_once() -> None:
    found = judged("0/4", redis_version="5.0", role="slave", aof_enabled=0, maxmemory_policy="x")

    assert (len(found.fatal), len(found.warnings)) == (3, 2)


@pytest.mark.parametrize(
    ("limit", "info", "full"),
    [
        (0, {}, False),
        (0, {"used_memory": 76}, True),
        (0, {"used_memory": 75}, False),
        (80, {}, True),
        (80, {"maxmemory": 1_000}, False),
        (1_000, {"maxmemory": 80}, True),
        (0, {"total_system_memory": 0}, False),
    ],
    ids=[
        "below half the host", "above three quarters", "at three quarters", "a limit of ours",
        "the server's limit counts first", "the server's smaller limit", "no limit known",
    ],
)  # fmt: skip
def test_a_server_is_full_from_three_quarters_of_its_limit(
    limit: int, info: dict[str, Any], full: bool
) -> None:
    found = judged(limit=limit, **info)

    assert (found.is_full, found.is_ready) == (full, not full)


@pytest.mark.parametrize(
    ("used", "short", "full"),
    [(60, False, False), (61, True, False), (75, True, False), (76, True, True)],
)
def test_history_yields_before_deliveries_are_refused(used: int, short: bool, full: bool) -> None:
    found = judged(maxmemory=100, used_memory=used)

    assert (found.is_short, found.is_full) == (short, full)


@pytest.mark.store
def test_a_real_server_is_good_and_takes_our_layout(store: Store) -> None:
    found = check_server(store)

    assert (found.fatal, found.warnings, found.is_ready) == ((), (), True)
    assert 0 < found.used_bytes < found.limit_bytes
    assert raw(store).get(keys.LAYOUT_KEY) == layout_name().encode() == b"2/12"


@pytest.mark.store
def test_a_store_of_another_layout_is_refused_and_left_alone(store: Store) -> None:
    raw(store).set(keys.LAYOUT_KEY, "1/16")

    assert check_server(store).is_ready is False
    assert raw(store).get(keys.LAYOUT_KEY) == b"1/16"


@pytest.mark.store
def test_a_replica_is_refused_and_not_marked(own: Server) -> None:
    store = Store(own.url)
    raw(store).replicaof("127.0.0.1", 1)

    found = check_server(store)
    store.close()

    assert (found.is_ready, len(found.fatal)) == (False, 1)


@pytest.mark.store
def test_pressure_is_looked_at_beside_the_requests(store: Store, server: Server) -> None:
    raw(store).set(keys.LAYOUT_KEY, "1/16")

    async def looking() -> ServerHealth:
        client = connect_async(server.url)
        pressure = HealthMonitor(client, 1)
        await pressure.refresh()
        await client.aclose()
        return pressure.health

    found = asyncio.run(looking())
    assert (found.is_full, found.is_ready, len(found.fatal)) == (True, False, 1)


def test_a_server_that_is_not_there_is_away() -> None:
    async def looking() -> None:
        client = connect_async(f"redis://127.0.0.1:{free_port()}/0")
        await HealthMonitor(client, 0).refresh()

    with pytest.raises(StoreUnavailableError):
        asyncio.run(looking())


class Away:
    """A client whose server is away for the first question."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def infos(self) -> Any:
        self.asked += 1
        if self.asked == 1:
            raise ConnectionError("refused")
        return await self._real.infos()


@pytest.mark.store
def test_watching_outlives_a_server_that_was_away(store: Store, server: Server) -> None:
    async def watching() -> tuple[int, int]:
        real = connect_async(server.url)
        client: Any = Away(real)
        pressure = HealthMonitor(client, 1_000)
        task = asyncio.create_task(pressure.watch())
        await asyncio.to_thread(wait_until, lambda: pressure.health.used_bytes > 0, "it is seen")
        task.cancel()
        await real.aclose()
        return client.asked, pressure.health.limit_bytes

    assert asyncio.run(watching()) == (2, 1_000)
