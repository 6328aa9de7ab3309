"""A proxy that forgets idle connections, and closes none, costs no call its timeout."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.store.redis.client import Store, StoreUnavailableError, connect_async
from tests.support.faults.fault_proxy import Relay, relay
from tests.support.servers import Server

pytestmark = pytest.mark.store


@pytest.fixture
def forgetful(server: Server) -> Iterator[Relay]:
    with relay(server.port) as running:
        yield running


def url(proxy: Relay) -> str:
    return f"redis://127.0.0.1:{proxy.port}/0"


def let_time_pass(pool: Any) -> Any:
    """Make the one idle connection of a pool as old as after a long pause, and return it."""
    (connection,) = pool._available_connections
    connection.next_health_check = 0
    return connection


def forget(proxy: Relay, connections: int) -> None:
    proxy.swallow()
    assert proxy.seen["swallowed"] == connections


def ping(store: Store) -> bool:
    return bool(store.run(lambda client: client.ping()))


def test_a_call_after_a_pause_goes_on_a_new_connection(forgetful: Relay) -> None:
    store = Store(url(forgetful))
    assert ping(store)
    forget(forgetful, 1)
    let_time_pass(store.redis.connection_pool)

    assert ping(store)
    store.close()


def test_a_connection_in_use_is_not_opened_anew(forgetful: Relay) -> None:
    """Here the wait for the timeout shows that it was the one that the proxy forgot."""
    store = Store(url(forgetful), socket_timeout=0.2)
    assert ping(store)
    forget(forgetful, 1)

    with pytest.raises(StoreUnavailableError, match="TimeoutError"):
        ping(store)
    assert ping(store)
    store.close()


def test_a_web_process_goes_on_at_once_after_a_pause(forgetful: Relay) -> None:
    async def call_twice() -> list[bool]:
        redis = connect_async(url(forgetful))
        answers = [bool(await redis.ping())]
        await asyncio.to_thread(forget, forgetful, 1)
        let_time_pass(redis.connection_pool)
        answers.append(bool(await redis.ping()))
        await redis.aclose()
        return answers

    assert asyncio.run(call_twice()) == [True, True]


def test_a_child_of_a_fork_takes_no_connection_of_its_parent(forgetful: Relay) -> None:
    store = Store(url(forgetful))
    assert ping(store)
    before = let_time_pass(store.redis.connection_pool)
    store.redis.connection_pool.pid = -1  # as a child sees it

    assert ping(store)
    (after,) = store.redis.connection_pool._available_connections
    assert after is not before
    store.close()
