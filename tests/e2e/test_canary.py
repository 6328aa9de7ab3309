"""The heartbeat is pinged by way of the real processes, and somebody tells when they are gone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from gateway.store import keys
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack
from tests.support.tasks.operator_address import Receiver, a_receiver

pytestmark = pytest.mark.e2e
ENTRY = f"{keys.BEAT_PREFIX}canary"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as running:
        yield running


@pytest.fixture
def stack(tmp_path: Path, receiver: Receiver) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(
        tmp_path, server, GATEWAY_HEARTBEAT_URL=receiver.url, GATEWAY_ALERT_URL=receiver.url
    )
    yield made
    made.stop()
    server.kill()


def pings(receiver: Receiver) -> int:
    return sum(method == "GET" for method, _ in receiver.asked)


def hurry(client: Any) -> None:
    """Let beat ring for a canary each second, by the schedule in the store."""
    wait_until(lambda: client.hexists(ENTRY, "definition"), "the schedule is kept")
    entry = json.loads(client.hget(ENTRY, "definition"))
    entry["schedule"]["every"] = 1.0
    client.hset(ENTRY, "definition", json.dumps(entry))
    client.zadd(f"{keys.BEAT_PREFIX}:schedule", {ENTRY: 0})


def let_pass(client: Any, seconds: int) -> None:
    """Let the last look and the canary that is missing be so long ago."""
    client.pexpire(f"{keys.LAST_RUN}watch", keys.DAY_MS - seconds * 1_000)
    if missing := client.hget(keys.CANARY, "missing"):
        client.hset(keys.CANARY, "missing", int(missing) - seconds * 1_000)


def test_the_heartbeat_is_pinged_while_events_go_the_whole_way(
    stack: Stack, receiver: Receiver
) -> None:
    stack.start("web", "inbound", "outbound", "beat")

    with redis.Redis.from_url(stack.server.url) as client:
        hurry(client)
        wait_until(lambda: pings(receiver) >= 3, "three canaries have arrived")
    assert receiver.states == []
    assert stack.metrics()["gateway_canary_seconds"] < 60

    stack.programs["outbound"].stop()
    before = pings(receiver)
    with redis.Redis.from_url(stack.server.url) as client:
        wait_until(lambda: bool(client.hget(keys.CANARY, "missing")), "a canary is missing")
        let_pass(client, 200)
        wait_until(lambda: ("begun", "canary_overdue") in receiver.states, "a worker tells it")
    assert pings(receiver) == before


@pytest.mark.long
def test_when_all_workers_are_gone_the_web_process_tells_it(
    stack: Stack, receiver: Receiver
) -> None:
    stack.start("inbound", "beat")
    with redis.Redis.from_url(stack.server.url) as client:
        wait_until(lambda: bool(client.exists(f"{keys.LAST_RUN}watch")), "a worker looks")
        stack.programs["inbound"].stop()
        stack.start("web")
        let_pass(client, 61)

    told = ("begun", "workers_silent")
    wait_until(lambda: told in receiver.states, "the web process tells it", 150)
