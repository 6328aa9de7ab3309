"""SIGSTOP past a lease, then SIGCONT: who comes back late decides nothing, and doubles nothing."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from gateway.core.sending.outcome import Attempt
from gateway.store.redis.client import Store
from gateway.store.sending.lanes import Lanes
from tests.support.factories import NUMBER
from tests.support.faults.elapsed_time import end_lane_waits
from tests.support.faults.fault_proxy import SOUND, Fault, relay
from tests.support.faults.ledger import asking, at_rest, leased, ledger, reaching, stages
from tests.support.servers import Program, Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.faults
COUNT = 300


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server, GATEWAY_LOG_LEVEL="warning")
    yield made
    made.stop()
    server.kill()


@contextmanager
def stopped(program: Program) -> Iterator[None]:
    """Stop a whole group for a while."""
    os.killpg(program.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(program.pid, signal.SIGCONT)


def test_a_stopped_inbound_worker_is_replaced_and_does_nothing_twice(stack: Stack) -> None:
    stack.start("sandbox", "web", "outbound", "beat")
    with relay(stack.server.port) as wire:
        # A slow wire, so that the worker holds partitions for long enough to be caught at it.
        with reaching(stack, REDIS_URL=f"redis://127.0.0.1:{wire.port}/0"):
            stack.run("inbound#1")
        stack.post_all(asking(20, "w"))
        wait_until(lambda: len(stack.posted()) == 20, "the worker works")
        wire.fault = Fault(delay_s=0.1)
        stack.post_all(asking(COUNT))
        wait_until(lambda: leased(stack) > 0, "it holds a partition")

        with stopped(stack.programs["inbound#1"]):
            assert len(stack.posted()) < COUNT + 20
            stack.run("inbound#2")
            wait_until(lambda: len(stack.posted()) == COUNT + 20, "the other worker goes on")
        wire.fault = SOUND

        stack.programs["inbound#2"].stop()
        stack.post_all(asking(20, "z"))
        wait_until(lambda: len(stack.posted()) == COUNT + 40, "the one that was stopped works")
        at_rest(stack)
    assert {posts for posts, _ in ledger(stack)} == {1}
    assert ledger(stack).total() == COUNT + 40


def test_a_stopped_sender_records_late_what_it_learned_and_nothing_is_posted_twice(
    stack: Stack,
) -> None:
    stack.start("sandbox", "web", "inbound", "outbound", "beat", sandbox={"statuses": False})
    stack.client.post(f"{stack.meta_url}/sandbox/faults", json={"slow": {"seconds": 2, "times": 9}})
    stack.post_all(asking(6))
    wait_until(lambda: len(stack.posted()) == 6, "Meta has them, and has not answered")
    assert set(stages(stack).values()) == {"attempting"}

    with stopped(stack.programs["outbound"]):
        with redis.Redis.from_url(stack.server.url) as client:
            end_lane_waits(client)
        assert another_sender_takes(stack) == []
        assert Counter(stages(stack).values()) == {"unconfirmed": 6}
    wait_until(lambda: Counter(stages(stack).values()) == {"accepted": 6}, "the answers are kept")

    at_rest(stack)
    assert ledger(stack) == {(1, "accepted"): 6}


def another_sender_takes(stack: Stack) -> list[Attempt]:
    """Take what is ready, as a second process of senders would."""
    store = Store(stack.server.url)
    try:
        return Lanes(store, NUMBER, 1000).pump([], 50).attempts
    finally:
        store.close()
