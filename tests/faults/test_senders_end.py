"""A sending process that is told to end, or killed, while it sends for many numbers at once."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.store import keys
from gateway.store.redis.client import Store
from tasks.processes.post_concurrency import SENDS_AT_ONCE
from tests.support.owed_sends import owe, stages
from tests.support.servers import Program, Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.faults
NUMBERS = [f"20000000000{i}" for i in range(6)]
EACH = 200
ALL = EACH * len(NUMBERS)
RING = f"from tasks.wakeup import ring_anyway; [ring_anyway(n, 'reply') for n in {NUMBERS}]"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server, META_MESSAGES_PER_SECOND="40")
    meta = {"any_number": True, "answer_after_s": 0.1, "statuses": False}
    yield made.start("sandbox", sandbox=meta)
    made.stop()
    server.kill()


@pytest.fixture
def store(stack: Stack) -> Iterator[Store]:
    opened = Store(stack.server.url)
    for number in NUMBERS:
        owe(opened, number, EACH)
    yield opened
    opened.close()


def posts(stack: Stack) -> Counter[str]:
    """Count how often Meta took each send."""
    return Counter(one["callback"].partition(".")[0] for one in stack.posted())


def send_until(stack: Stack, count: int) -> Program:
    """Let a process send until Meta took so many."""
    running = stack.run("outbound")
    wait_until(lambda: "ready." in running.said(), "the worker is there")
    stack.call_python("-c", RING)
    wait_until(lambda: len(stack.posted()) >= count, "it sends")
    return running


def end_leases(store: Store) -> None:
    """Let the 30 seconds be over for which a process that is gone holds what it took."""
    client: Any = store.redis
    for number in NUMBERS:
        ready = f"{keys.number(number)}ready:reply"
        for lane in client.zrange(ready, 0, -1):
            client.zadd(ready, {lane: 0})


def test_a_process_that_is_told_to_end_settles_everything_and_leaves_the_rest(
    stack: Stack, store: Store
) -> None:
    running = send_until(stack, ALL // 4)

    assert running.stop() == 0

    found = Counter(stages(store, NUMBERS))
    assert found.keys() == {"accepted", "queued"}
    assert found["accepted"] == len(stack.posted())
    send_until(stack, ALL)
    wait_until(lambda: Counter(stages(store, NUMBERS)) == {"accepted": ALL}, "all is sent")
    assert set(posts(stack).values()) == {1}


def test_a_process_that_is_killed_leaves_in_doubt_only_what_was_on_the_way(
    stack: Stack, store: Store
) -> None:
    running = send_until(stack, ALL // 4)

    running.kill()

    on_the_way = Counter(stages(store, NUMBERS))["attempting"]
    assert 0 < on_the_way <= SENDS_AT_ONCE
    end_leases(store)
    send_until(stack, ALL - on_the_way)
    wait_until(lambda: "queued" not in stages(store, NUMBERS), "all else is sent")
    wait_until(lambda: "attempting" not in stages(store, NUMBERS), "and settled")
    assert Counter(stages(store, NUMBERS)) == {
        "accepted": ALL - on_the_way, "unconfirmed": on_the_way,
    }  # fmt: skip
    assert set(posts(stack).values()) == {1}
