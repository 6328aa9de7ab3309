"""The store on a Redis Cluster: one reply for each message, whichever server dies meanwhile."""

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.store import keys
from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.faults.ledger import accounted_for
from tests.support.redis_cluster import ClusterOf, ask
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(240)]
REPLIES = 600


@pytest.fixture
def replicas() -> int:
    """Return how many each primary has, and how many must have what counts."""
    return 0


@pytest.fixture
def cluster(tmp_path: Path, replicas: int) -> Iterator[ClusterOf]:
    made = ClusterOf(tmp_path, replicas=replicas)
    yield made
    made.close()


@pytest.fixture
def stack(tmp_path: Path, cluster: ClusterOf, replicas: int) -> Iterator[Stack]:
    broker = Server(tmp_path / "broker", appendonly="no").start()
    url = f"{cluster.url}?replicas={replicas}"
    made = Stack(tmp_path, broker, REDIS_URL=url, CELERY_BROKER_URL=broker.url)
    yield made.start("sandbox", "web", "worker", "beat")
    made.stop()
    broker.kill()


class Load:
    """Messages of as many customers, delivered until each is acknowledged."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._told: list[int] = []
        self._thread = threading.Thread(target=self._deliver)
        self._thread.start()

    def _deliver(self) -> None:
        bodies = [
            delivery_body(message_item(f"wamid.c{i}", "color", f"3519{i:08d}"))
            for i in range(REPLIES)
        ]
        self._told += self._stack.post_all(bodies)

    def ends_in_one_reply_each(self) -> None:
        """Each customer has one reply; one whose sender lost its server may be in doubt instead."""
        self._thread.join()
        assert self._told == [200] * REPLIES
        wait_until(lambda: accounted_for(self._stack, REPLIES), "posted or in doubt")
        wait_until(self._stack.idle, "nothing waits")
        got = Counter(one["to"].lstrip("+") for one in self._stack.posted())
        assert set(got.values()) == {1}


def gateway(stack: Stack, *args: str) -> Any:
    """Run a command that prints JSON."""
    command = [sys.executable, "-c", "from gateway.cli.main import main; main()", *args, "--json"]
    ended = subprocess.run(
        command, env=stack.env, capture_output=True, text=True, check=False, timeout=180
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    return json.loads(ended.stdout)


def test_each_message_gets_one_reply_and_can_be_looked_at(stack: Stack) -> None:
    Load(stack).ends_in_one_reply_each()

    assert len(stack.posted()) == REPLIES
    told = gateway(stack, "status")
    assert (told["well"], told["numbers"][NUMBER]["sends"]["queued"]) == (True, REPLIES)
    traced = gateway(stack, "trace", "wamid.c7")
    assert traced["events"][0]["sends"][0]["attempts"][0]["outcome"] == "accepted"
    ready = stack.client.get(f"{stack.api}/readyz").json()
    assert ready == {"ready": True, "problems": [], "warnings": []}
    kept = [value for name, value in stack.metrics().items() if "deliveries_kept_total" in name]
    assert (len(kept), sum(kept) >= REPLIES) == (keys.PARTITIONS, True)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_primary_killed_under_load_and_started_again_loses_and_doubles_nothing(
    stack: Stack, cluster: ClusterOf, index: int
) -> None:
    load = Load(stack)
    wait_until(lambda: len(stack.posted()) > REPLIES // 10, "replies are posted")

    cluster.primaries[index].kill()
    wait_until(lambda: bool(warnings(stack)), "the web process tells of it")
    cluster.primaries[index].start()

    load.ends_in_one_reply_each()
    wait_until(lambda: warnings(stack) == [], "the web process has seen that all answer again")


@pytest.mark.parametrize("replicas", [1])
def test_a_replica_that_takes_over_under_load_loses_and_doubles_nothing(
    stack: Stack, cluster: ClusterOf
) -> None:
    dying, following = next(
        pair
        for pair in zip(cluster.primaries, cluster.replicas, strict=True)
        if pair[0] is cluster.owner(keys.number(NUMBER))
    )
    load = Load(stack)
    wait_until(lambda: len(stack.posted()) > REPLIES // 10, "replies are posted")

    dying.kill()
    wait_until(lambda: ask(following, "ROLE")[0] == b"master", "its replica leads")
    dying.start()  # it follows now, and without a follower nothing counts

    load.ends_in_one_reply_each()


def warnings(stack: Stack) -> list[str]:
    return list(stack.client.get(f"{stack.api}/readyz").json()["warnings"])
