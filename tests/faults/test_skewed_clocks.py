"""Hosts whose clocks are wrong by minutes, each in its own way, do everything once and in time."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from gateway.store import keys
from tests.faults.ledger import asking, at_rest, ledger, reaching
from tests.servers import Server, wait_until
from tests.stack import Stack

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
        folder = str(Path(__file__).parent / "skewed")
        with reaching(made, SKEW_S=str(skew), PYTHONPATH=folder):
            made.run(name)
    yield made
    made.stop()
    server.kill()


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

    wait_until(lambda: len(stack.posted()) == COUNT + 10, "every reply is posted", 10)
    at_rest(stack, 30)
    assert ledger(stack) == {(1, "read"): COUNT + 10}
    for name, skew in SKEWS_S.items():
        assert abs(shown_skew(stack, name) - timedelta(seconds=skew)) < timedelta(seconds=60)


def test_a_beat_with_a_wrong_clock_rings_again_and_again(stack: Stack) -> None:
    for _ in range(2):
        with redis.Redis.from_url(stack.server.url) as client:
            client.delete(f"{keys.RAN}tick", f"{keys.RAN}sweep")
            wait_until(
                lambda: client.exists(f"{keys.RAN}tick", f"{keys.RAN}sweep") == 2, "both run"
            )
