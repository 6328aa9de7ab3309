"""A store that runs short of room: history yields, deliveries are refused, what waits is sacred."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.inbox.partitions import partition_of
from gateway.store.maintenance import retention
from gateway.store.redis.client import Call, Store
from tests.support.factories import delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack
from tests.support.store.raw import raw

pytestmark = pytest.mark.faults
A_SECOND = timedelta(seconds=1)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path / "valkey").start()
    yield running
    running.kill()


@pytest.fixture
def stack(tmp_path: Path, server: Server) -> Iterator[Stack]:
    made = Stack(tmp_path, server, GATEWAY_RETENTION="1s").start("web", "beat")
    yield made
    made.stop()


def keep_all(store: Store, count: int, more: int = 0) -> None:
    """Keep as many deliveries as if a web process had, each with `more` bytes that are noise."""
    bodies = [
        delivery_body(message_item(f"wamid.{i}", os.urandom(more).hex(), f"3519{i % 90:08}"))
        for i in range(count)
    ]
    store.call_many(
        [
            Call("keep", keys.partition(partition_of(body)), ["meta|0|", Bodies().pack(body)])
            for body in bodies
        ]
    )


def limit(store: Store, used: float) -> None:
    """Set the memory limit so that `used` of it is in use now."""
    in_use = raw(store).info("memory")["used_memory"]
    raw(store).config_set("maxmemory", int(in_use / used))


def inbox(store: Store) -> int:
    return sum(raw(store).xlen(f"{keys.partition(i)}inbox") for i in range(keys.PARTITIONS))


def test_a_short_retention_loses_none_of_thousands_that_wait(
    stack: Stack, store: Store, server: Server
) -> None:
    keep_all(store, 4_000)
    limit(store, 0.7)
    seconds = raw(store).time()[0]
    wait_until(lambda: raw(store).time()[0] > seconds + 2, "all are older than their retention")

    assert (retention.trim(store, A_SECOND), retention.make_room(store, 0)) == (0, 0)
    assert inbox(store) == 4_000
    stack.run("inbound")

    wait_until(lambda: stack.worked_off() == 4_000, "all are worked off", 120)
    assert stack.metrics()['gateway_events_total{kind="message"}'] == 4_000


@pytest.mark.alone
def test_a_store_that_is_nearly_full_takes_deliveries_again_once_history_yielded(
    stack: Stack, store: Store, server: Server
) -> None:
    keep_all(store, 3_000, more=1_000)
    limit(store, 0.8)
    body = delivery_body(message_item("wamid.later"))
    wait_until(lambda: stack.post(body).status_code == 503, "deliveries are refused")
    assert stack.client.get(f"{stack.api}/readyz").status_code == 503

    stack.run("inbound")

    wait_until(lambda: stack.post(body).status_code == 200, "deliveries are taken again")
    wait_until(stack.idle, "all are worked off")
    assert stack.metrics()['gateway_events_total{kind="message"}'] == 3_001
    assert inbox(store) < 3_000
    assert "history_yields" in stack.programs["web"].said() + stack.programs["inbound"].said()
