"""A server that is full, out of disk, frozen, restarted, a replica, or forgetful, under load.

Web answers 503 while it cannot keep and 200 again by itself, and `/readyz` says the same; workers
leave everything waiting, and they and beat go on by themselves; every delivery that was
acknowledged has its effect once. The table is in docs/reliability.md.
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

from gateway.store import keys
from tests.support.factories import delivery_body, message_item
from tests.support.faults.ledger import ledger
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.faults
DELIVERIES = 120
# A sender that died with its server holds its lanes for 30 s, and leaves a doubt in each for 10 s.
LONGEST_S = 180
BODY = delivery_body(message_item("wamid.meanwhile", "not for any rule"))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One gateway for all faults, for it has to outlive each of them."""
    folder = tmp_path_factory.mktemp("faults")
    server = Server(folder / "valkey", save="3600 1").start()
    # A worker ends whose broker refuses to write; `gateway worker` starts it again.
    made = Stack(folder, server).start("sandbox", "web", "worker", "beat")
    yield made
    made.stop()
    server.kill()


def fill(server: Server) -> None:
    used = redis.Redis.from_url(server.url).info("memory")["used_memory"]
    server.command("CONFIG", "SET", "maxmemory", used * 9 // 10)


def fill_disk(server: Server) -> None:
    """Let no file grow any more; with `appendfsync always` the server ends in mid-write."""
    let_files_grow(server, 50)
    wait_until(lambda: server.process is not None and server.process.poll() is not None, "it ends")


def fill_disk_slowly(server: Server) -> None:
    """Do the same where the file is written each second: the server lives and refuses to write."""
    server.command("CONFIG", "SET", "appendfsync", "everysec")
    let_files_grow(server, 50)
    wait_until(lambda: status(server, "aof_last_write_status") == "err", "the disk is full")


def empty_disk(server: Server) -> None:
    let_files_grow(server, None)
    wait_until(lambda: status(server, "aof_last_write_status") == "ok", "the disk has room")
    server.command("CONFIG", "SET", "appendfsync", "always")


def let_files_grow(server: Server, more: int | None) -> None:
    assert server.process
    written = max(file.stat().st_size for file in server.folder.rglob("*.aof"))
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    soft = hard if more is None else written + more
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (soft, hard))


def spoil_dump(server: Server) -> None:
    """Let the server's dump fail, upon which it refuses to write."""
    (server.folder / "dump.rdb").mkdir()
    server.command("BGSAVE")
    wait_until(lambda: status(server, "rdb_last_bgsave_status") == "err", "the dump has failed")


def heal_dump(server: Server) -> None:
    (server.folder / "dump.rdb").rmdir()
    server.command("BGSAVE")
    wait_until(lambda: status(server, "rdb_last_bgsave_status") == "ok", "the dump was written")


def status(server: Server, name: str) -> Any:
    with redis.Redis.from_url(server.url) as client:
        found: Any = client.info("persistence")
    return found[name]


def start_again(server: Server) -> None:
    server.kill()
    server.start()


@dataclass(frozen=True)
class Fault:
    """What is done to the server, how it is mended, and what web and `/readyz` say meanwhile."""

    name: str
    begin: Callable[[Server], object]
    end: Callable[[Server], object]
    answer: int = 503


FAULTS = [
    Fault("full", fill, lambda it: it.command("CONFIG", "SET", "maxmemory", 0)),
    Fault("disk full", fill_disk, start_again),
    Fault("disk full, written each second", fill_disk_slowly, empty_disk),
    Fault("dump fails", spoil_dump, heal_dump),
    Fault(
        "frozen",
        lambda it: it.send_signal(signal.SIGSTOP),
        lambda it: it.send_signal(signal.SIGCONT),
    ),
    Fault("restarted", lambda it: it.kill(signal.SIGTERM), Server.start),
    Fault(
        "replica",
        lambda it: it.command("REPLICAOF", "127.0.0.1", 1),
        lambda it: it.command("REPLICAOF", "NO", "ONE"),
    ),
    Fault("forgets scripts", lambda it: it.command("SCRIPT", "FLUSH"), lambda _: None, 200),
]


# The first two live and refuse to write, as on a disk that is full, and tests of kills end a server
# and start it again: one of each kind runs always.
SAME_AS_ANOTHER = {"dump fails", "disk full, written each second", "restarted"}


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, marks=[pytest.mark.long] if fault.name in SAME_AS_ANOTHER else [])
        for fault in FAULTS
    ],
    ids=[fault.name for fault in FAULTS],
)
def test_a_server_in_trouble_loses_and_doubles_nothing(stack: Stack, fault: Fault) -> None:
    before, known = len(stack.posted()), messages(stack)
    answers: list[int] = []
    load = threading.Thread(target=lambda: answers.extend(stack.post_all(bodies(fault.name), 4)))
    load.start()
    wait_until(lambda: len(stack.posted()) > before + 20, "the load is worked off")

    fault.begin(stack.server)
    meanwhile = [stack.post(BODY).status_code for _ in range(3)]
    said = ready(stack)
    fault.end(stack.server)

    load.join(180)
    assert (meanwhile, said) == ([fault.answer] * 3, fault.answer)
    wait_until(lambda: ready(stack) == 200, "web is ready again")
    wait_until(lambda: noted_alive(stack.server), "web notes again that statuses are kept")
    assert Counter(answers) == {200: DELIVERIES}
    wait_until(lambda: told_of(stack) >= before + DELIVERIES, "every reply is posted", LONGEST_S)
    wait_until(stack.idle, "nothing waits", LONGEST_S)
    figures = stack.metrics()
    assert messages(stack) - known in (DELIVERIES, DELIVERIES + 1)  # BODY is new only once
    posts = Counter(one["callback"].partition(".")[0] for one in stack.posted())
    assert set(posts.values()) == {1}
    assert {stage for seen, stage in ledger(stack) if not seen} <= {"unconfirmed"}
    assert sum(value for name, value in figures.items() if "aside" in name) == 0
    assert figures["gateway_dead_letters"] == 0
    assert all(program.alive() for program in stack.programs.values())


def noted_alive(server: Server) -> bool:
    """Say whether a web process noted within a second that it keeps what comes."""
    seconds, _ = server.command("TIME")
    return bool(int(server.command("HGET", keys.STATUS_STREAM, "alive")) / 1000 > seconds - 1)


def ready(stack: Stack) -> int:
    return stack.client.get(f"{stack.api}/readyz").status_code


def messages(stack: Stack) -> float:
    return stack.metrics().get('gateway_events_total{kind="message"}', 0)


def bodies(name: str) -> list[bytes]:
    return [
        delivery_body(message_item(f"wamid.{name}.{i}", f"color, {name}", f"3519{i % 300:08}"))
        for i in range(DELIVERIES)
    ]


def told_of(stack: Stack) -> float:
    """Return how many sends Meta had, and how many it may have had."""
    return len(stack.posted()) + stack.metrics()["gateway_unconfirmed_sends"]
