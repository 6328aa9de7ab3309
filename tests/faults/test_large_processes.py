"""Real processes die, freeze and lose answers in the middle of deliveries of a thousand items."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from gateway.store import keys
from gateway.store.redis.client import Store
from tests.faults.test_frozen_workers import stopped
from tests.faults.test_kill_each import children
from tests.support.faults.fault_proxy import Fault, Relay, relay
from tests.support.faults.large_deliveries import Large, assert_each_had_its_effect_once, replies_to
from tests.support.faults.ledger import reaching, stages
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]

# The whole of it takes seconds; where it stands still it stands for good.
PATIENCE_S = 150.0
MIXED = [Large(f"m{i}") for i in range(3)]
BODIES = [one.body() for one in (*MIXED, *(Large(f"s{i}", messages=0, asking=0) for i in range(2)))]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server, GATEWAY_LOG_LEVEL="warning")
    made.start("sandbox", "web", "outbound", "beat", sandbox={"statuses": False})
    yield made
    made.stop()
    server.kill()


@pytest.fixture
def wire(stack: Stack) -> Iterator[Relay]:
    """Start two workers that reach Redis by a wire of their own."""
    with relay(stack.server.port) as made:
        with reaching(stack, REDIS_URL=f"redis://127.0.0.1:{made.port}/0"):
            stack.run("inbound#1")
            stack.run("inbound#2")
        yield made


def in_the_middle(stack: Stack) -> bool:
    """Say whether a part of a delivery is done, and somebody is at the next one."""
    with redis.Redis.from_url(stack.server.url) as client:
        rows: list[Any] = [
            client.hmget(f"{keys.partition(i)}cursor", "item", "holder")
            for i in range(keys.PARTITIONS)
        ]
    return any(int(item or 0) > 0 and holder for item, holder in rows)


def kill_children(stack: Stack, wire: Relay) -> None:
    """Kill one child after another, each in the middle of something."""
    worker = stack.programs["inbound#1"].pid
    for _ in range(3):
        wait_until(lambda: bool(children(worker)), "another one takes its place", PATIENCE_S)
        os.kill(children(worker)[0], signal.SIGKILL)
        wait_until(lambda: in_the_middle(stack) or stack.idle(), "somebody goes on", PATIENCE_S)


def kill_group(stack: Stack, wire: Relay) -> None:
    stack.programs["inbound#1"].kill()


def freeze(stack: Stack, wire: Relay) -> None:
    """Stop a whole worker until the other has done everything, then let it go on."""
    with stopped(stack.programs["inbound#1"]):
        wait_until(stack.idle, "the other worker does everything", PATIENCE_S)


def kill_server(stack: Stack, wire: Relay) -> None:
    stack.server.kill()
    stack.server.start()


def lose_answers(stack: Stack, wire: Relay) -> None:
    before = wire.fault
    wire.fault = Fault(after=0.1, before=0.05, delay_s=before.delay_s)
    wait_until(lambda: wire.seen["dropped"] > 5 or stack.idle(), "answers are lost", PATIENCE_S)
    wire.fault = before


LONG = pytest.mark.long
CASES = [
    pytest.param(kill_children, 3, id="children killed, 3 ms"),
    pytest.param(kill_children, 50, id="children killed, 50 ms", marks=LONG),
    pytest.param(kill_group, 3, id="a worker killed, 3 ms", marks=LONG),
    pytest.param(kill_group, 50, id="a worker killed, 50 ms", marks=LONG),
    pytest.param(freeze, 3, id="a worker frozen, 3 ms", marks=LONG),
    pytest.param(freeze, 50, id="a worker frozen, 50 ms", marks=LONG),
    pytest.param(kill_server, 3, id="Redis killed, 3 ms", marks=LONG),
    pytest.param(lose_answers, 3, id="answers lost, 3 ms", marks=LONG),
    pytest.param(lose_answers, 50, id="answers lost, 50 ms", marks=LONG),
]


@pytest.mark.parametrize(("inflict", "distance_ms"), CASES)
def test_what_goes_wrong_in_the_middle_of_large_deliveries_loses_and_doubles_nothing(
    stack: Stack, wire: Relay, inflict: Callable[[Stack, Relay], None], distance_ms: int
) -> None:
    wire.fault = Fault(delay_s=distance_ms / 2_000)
    assert set(stack.post_all(BODIES, at_once=4)) == {200}
    wait_until(lambda: in_the_middle(stack), "a worker is in the middle", PATIENCE_S)

    inflict(stack, wire)

    wait_until(stack.idle, "everything is worked off", PATIENCE_S)
    store = Store(stack.server.url)
    try:
        assert_each_had_its_effect_once(store, BODIES)
    finally:
        store.close()
    posts = Counter(one["callback"].partition(".")[0] for one in stack.posted())
    in_doubt = {send for send, stage in stages(stack).items() if stage == "unconfirmed"}
    assert set(posts) | in_doubt == replies_to(MIXED)
    assert set(posts.values()) == {1}
    assert not in_doubt or inflict is kill_server
