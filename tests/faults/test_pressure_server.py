"""A server that is full, out of disk, frozen, gone, a replica, or forgetful, under load.

Web answers 503 while it cannot keep and 200 again by itself; workers leave everything waiting and
go on by themselves; every delivery that was acknowledged has its effect once.
"""

import resource
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis

from tests.made import delivery_body, message_item
from tests.servers import Server, wait_until
from tests.stack import Stack

pytestmark = pytest.mark.faults
DELIVERIES = 200
# A sender that died with its server holds its lanes for 30 s, and leaves a doubt in each for 10 s.
LONGEST_S = 80
BODY = delivery_body(message_item("wamid.meanwhile", "not for any rule"))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One gateway for all faults, for it has to outlive each of them."""
    folder = tmp_path_factory.mktemp("faults")
    server = Server(folder / "valkey", save="3600 1").start()
    made = Stack(folder, server).start()
    yield made
    made.stop()
    server.kill()


def command(server: Server, *words: object) -> Any:
    client: Any = redis.Redis.from_url(server.url)
    with client:
        return client.execute_command(*words)


def fill(server: Server) -> None:
    used = redis.Redis.from_url(server.url).info("memory")["used_memory"]
    command(server, "CONFIG", "SET", "maxmemory", used * 9 // 10)


def fill_disk(server: Server) -> None:
    """Let no file grow any more; with `appendfsync always` the server ends in mid-write."""
    assert server.process
    written = max(file.stat().st_size for file in server.folder.rglob("*.aof"))
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (written + 50, written + 50))
    wait_until(lambda: server.process is not None and server.process.poll() is not None, "it ends")


def spoil_dump(server: Server) -> None:
    """Let the server's dump fail, upon which it refuses to write."""
    (server.folder / "dump.rdb").mkdir()
    command(server, "BGSAVE")
    wait_until(lambda: dumped(server) == "err", "the dump has failed")


def heal_dump(server: Server) -> None:
    (server.folder / "dump.rdb").rmdir()
    command(server, "BGSAVE")
    wait_until(lambda: dumped(server) == "ok", "the dump was written")


def dumped(server: Server) -> Any:
    with redis.Redis.from_url(server.url) as client:
        found: Any = client.info("persistence")
    return found["rdb_last_bgsave_status"]


def send_signal(server: Server, how: signal.Signals) -> None:
    assert server.process
    server.process.send_signal(how)


def start_again(server: Server) -> None:
    server.kill()
    server.start()


@dataclass(frozen=True)
class Fault:
    """What is done to the server, how it is mended, and what web says meanwhile."""

    name: str
    begin: Callable[[Server], object]
    end: Callable[[Server], object]
    answer: int = 503


FAULTS = [
    Fault("full", fill, lambda it: command(it, "CONFIG", "SET", "maxmemory", 0)),
    Fault("disk full", fill_disk, start_again),
    Fault("refuses to write", spoil_dump, heal_dump),
    Fault(
        "frozen",
        lambda it: send_signal(it, signal.SIGSTOP),
        lambda it: send_signal(it, signal.SIGCONT),
    ),
    Fault("away", lambda it: it.kill(signal.SIGTERM), Server.start),
    Fault(
        "replica",
        lambda it: command(it, "REPLICAOF", "127.0.0.1", 1),
        lambda it: command(it, "REPLICAOF", "NO", "ONE"),
    ),
    Fault("forgets scripts", lambda it: command(it, "SCRIPT", "FLUSH"), lambda _: None, 200),
]


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_server_in_trouble_loses_and_doubles_nothing(stack: Stack, fault: Fault) -> None:
    before, known = len(stack.posted()), messages(stack)
    answers: list[int] = []
    load = threading.Thread(target=lambda: answers.extend(stack.post_all(bodies(fault.name), 4)))
    load.start()
    wait_until(lambda: len(stack.posted()) > before + 20, "the load is worked off")

    fault.begin(stack.server)
    meanwhile = [stack.post(BODY).status_code for _ in range(3)]
    fault.end(stack.server)

    load.join(60)
    assert meanwhile == [fault.answer] * 3
    assert Counter(answers) == {200: DELIVERIES}
    wait_until(lambda: told_of(stack) >= before + DELIVERIES, "every reply is posted", LONGEST_S)
    wait_until(stack.idle, "nothing waits", LONGEST_S)
    figures = stack.metrics()
    assert messages(stack) - known in (DELIVERIES, DELIVERIES + 1)  # BODY is new only once
    posts = Counter(one["callback"].partition(".")[0] for one in stack.posted())
    assert set(posts.values()) == {1}
    assert sum(value for name, value in figures.items() if "aside" in name) == 0
    assert figures["gateway_dead_letters"] == 0
    assert stack.programs["web"].alive()


def messages(stack: Stack) -> float:
    return stack.metrics().get('gateway_events_total{kind="message"}', 0)


def bodies(name: str) -> list[bytes]:
    return [
        delivery_body(message_item(f"wamid.{name}.{i}", "color", f"3519{i % 90:08}"))
        for i in range(DELIVERIES)
    ]


def told_of(stack: Stack) -> float:
    """Return how many sends Meta had, and how many it may have had.

    Beat is started again where it ended, as whatever runs it would: RedBeat gives up on a write
    that is refused.
    """
    if not stack.programs["beat"].alive():
        stack.run("beat")
    return len(stack.posted()) + stack.metrics()["gateway_unconfirmed_sends"]
