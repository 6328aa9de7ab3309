"""Hosts whose clocks are wrong by minutes, each in its own way, do everything once and in time."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from gateway.store import keys
from tests.support.faults.ledger import asking, at_rest, ledger, reaching
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.faults
COUNT = 200
# Two workers are further apart than the time after which kombu's clock gives a bell to another.
SKEWS_S = {"web": 420, "inbound#1": -540, "inbound#2": 600, "outbound": 660, "beat": -780}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server)
    made.start("sandbox")
    for name, skew in SKEWS_S.items():
        start_skewed(made, name, skew)
    yield made
    made.stop()
    server.kill()


def start_skewed(stack: Stack, name: str, skew_s: int) -> None:
    folder = str(Path(__file__).parent / "skewed")
    with reaching(stack, SKEW_S=str(skew_s), PYTHONPATH=folder):
        stack.run(name)


def shown_skew(stack: Stack, name: str) -> timedelta:
    """Return by how much the first moment in a process's log is wrong, less what it is old."""
    line = next(one for one in stack.programs[name].said().splitlines() if one.startswith("{"))
    return datetime.fromisoformat(json.loads(line)["timestamp"]) - datetime.now(UTC)


def test_hosts_with_wrong_clocks_do_the_main_job_once_and_in_time(stack: Stack) -> None:
    refused = {"error": {"code": 131000, "times": 5}}  # They are due again after a pause.
    stack.client.post(f"{stack.meta_url}/sandbox/faults", json=refused)
    wait_until(lambda: stack.post_all(asking(10, "w")) == [200] * 10, "the web process answers")
    wait_until(lambda: len(stack.posted()) == 10, "all are there, and pauses end when they should")

    stack.post_all(asking(COUNT))

    wait_until(lambda: len(stack.posted()) == COUNT + 10, "every reply is posted")
    at_rest(stack)
    assert ledger(stack) == {(1, "read"): COUNT + 10}
    for name, skew in SKEWS_S.items():
        assert abs(shown_skew(stack, name) - timedelta(seconds=skew)) < timedelta(seconds=60)


def tick_and_sweep_run(stack: Stack) -> None:
    ran = [f"{keys.LAST_RUN}tick", f"{keys.LAST_RUN}sweep"]
    with redis.Redis.from_url(stack.server.url) as client:
        client.delete(*ran)
        wait_until(lambda: client.exists(*ran) == 2, "tick and sweep run")


def test_a_beat_with_a_wrong_clock_rings_again_and_again(stack: Stack) -> None:
    tick_and_sweep_run(stack)
    tick_and_sweep_run(stack)


def test_a_beat_that_is_behind_the_one_before_rings_at_once(stack: Stack) -> None:
    tick_and_sweep_run(stack)
    stack.programs["beat"].stop()
    start_skewed(stack, "beat", 2 * SKEWS_S["beat"])

    tick_and_sweep_run(stack)
