"""Processes that are told to end and are started anew: no answer is broken, nothing is lost."""

import itertools
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson
import pytest

from gateway.rules.loader import load
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.inbox.partitions import partition_of
from gateway.store.redis.client import Store
from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.servers import Program, Server, wait_until
from tests.support.stack import RULES, Stack
from tests.support.store.raw import raw

pytestmark = pytest.mark.faults
CLIENTS, PAUSE_S = 4, 0.03  # enough that there is always one on its way, and no more
WORKERS = ["inbound", "outbound"]
FROM_THE_FUTURE = b"\x09 of a format that nobody here knows"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("server") / "valkey").start()
    yield running
    running.kill()


@pytest.fixture
def stack(tmp_path: Path, server: Server, store: Store) -> Iterator[Stack]:
    made = Stack(tmp_path, server)
    yield made
    made.stop()


class Load:
    """Clients that deliver on and on, each delivery again until it was acknowledged."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.answers: Counter[int] = Counter()
        self.broken = 0  # connections that were refused, or closed before an answer
        self.refused = 0
        self.acknowledged = 0
        self._over = threading.Event()
        self._numbers = itertools.count()
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        self.wait_for(100)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(180)

    def wait_for(self, more: int) -> None:
        """Wait until so many more were acknowledged."""
        wanted = self.acknowledged + more
        wait_until(lambda: self.acknowledged >= wanted, "deliveries are acknowledged")

    def _run(self) -> None:
        while not self._over.is_set():
            number = next(self._numbers)
            # So many contacts that none of them answers as fast as a program would.
            item = message_item(f"wamid.d{number}", "color", f"3519{number % 2_000:08}")
            while self._status(delivery_body(item)) != 200:
                time.sleep(0.01)
            self.acknowledged += 1
            self._over.wait(PAUSE_S)

    def _status(self, body: bytes) -> int:
        try:
            status = self.stack.post(body).status_code
        except httpx.HTTPError as error:
            self.refused += isinstance(error, httpx.ConnectError)
            self.broken += 1
            return 0
        self.answers[status] += 1
        return status


def replies(stack: Stack) -> dict[str, str]:
    """Return the text of each send that Meta accepted; one that came twice fails."""
    found = {one["callback"].partition(".")[0]: one for one in stack.posted()}
    assert len(found) == len(stack.posted())
    return {send: one["body"]["text"]["body"] for send, one in found.items()}


@pytest.mark.parametrize(
    ("name", "workers"),
    [
        ("web", WORKERS),
        pytest.param("worker", ["worker"], marks=pytest.mark.long),
        ("beat", WORKERS),
    ],
)
def test_a_process_that_is_told_to_end_under_load_loses_and_doubles_nothing(
    stack: Stack, store: Store, name: str, workers: list[str]
) -> None:
    stack.start("sandbox", "web", *workers, "beat")
    with Load(stack) as load:
        wait_until(lambda: bool(stack.posted()), "the workers are at work")
        wait_until(lambda: bool(raw(store).exists(f"{keys.LAST_RUN}tick")), "beat is at work")
        assert stack.programs[name].stop() == 0
        stack.run(name)
        load.wait_for(100)

    # A web process that ends refuses what has not sent its head yet, and Meta delivers it again.
    assert set(load.answers) - ({503} if name == "web" else set()) == {200}
    wait_until(lambda: len(stack.posted()) >= load.acknowledged, "every reply is posted")
    wait_until(stack.idle, "nothing waits")
    assert len(replies(stack)) == load.acknowledged
    assert stack.metrics()["gateway_unconfirmed_sends"] == 0


@pytest.mark.long  # Behind each proxy it runs always: tests/deploy/test_proxies.py.
def test_web_processes_that_are_replaced_one_by_one_refuse_nobody(stack: Stack) -> None:
    command = [sys.executable, *stack.command("web"), "--workers", "2"]
    web = Program(command, stack.env, stack.folder / "web.log")
    stack.programs["web"] = web
    wait_until(lambda: web.said().count("Application startup complete") == 2, "both are ready")
    with Load(stack) as load:
        web.process.send_signal(signal.SIGHUP)
        wait_until(lambda: web.said().count("Finished server process") == 2, "both are new")
        load.wait_for(100)

    assert (load.refused, set(load.answers)) == (0, {200})
    # A request may meet a connection that was kept alive in the moment in which it is closed.
    assert load.broken <= 2 * CLIENTS
    assert web.said().count("Application startup complete") == 4


def test_each_event_is_planned_under_one_version_while_workers_take_up_new_rules(
    stack: Stack, store: Store
) -> None:
    before, after = stack.folder / "rules.yaml", stack.folder / "new.yaml"
    after.write_text(RULES.replace("Yes", "New"))
    versions = {load(before).version: "Yes", load(after).version: "New"}
    stack.start("sandbox", "web", "beat", "inbound#1", "inbound#2", "outbound")
    with Load(stack) as running:
        wait_until(lambda: len(stack.posted()) > 20, "something is planned under the old rules")
        for name in ("inbound#1", "inbound#2"):
            stack.env["GATEWAY_RULES"] = str(after)
            stack.programs[name].stop()
            running.wait_for(50)
            stack.run(name)
            running.wait_for(200)

    wait_until(lambda: len(stack.posted()) >= running.acknowledged, "every reply is posted")
    told = replies(stack)
    records = [orjson.loads(raw(store).get(key)) for key in raw(store).keys("*}:record:*")]
    assert len(records) == len({one["key"] for one in records}) == running.acknowledged
    assert {one["rulebook"] for one in records} == set(versions)
    for one in records:
        (send,) = one["sends"]
        assert told[send].startswith(versions[one["rulebook"]])


def test_what_a_worker_cannot_open_waits_aside_for_one_that_can(stack: Stack, store: Store) -> None:
    bodies = [delivery_body(message_item(f"wamid.{i}")) for i in range(3)]
    where = keys.partition(partition_of(bodies[0]))
    without_key = dict(stack.env)
    stack.env["GATEWAY_ENCRYPTION_KEYS"] = "ab" * 32
    with_key = stack.env
    stack.start("web", "beat")
    store.call("keep", where, "meta|0|", FROM_THE_FUTURE)
    assert [stack.post(body).status_code for body in bodies[:2]] == [200, 200]
    store.call("keep", where, "meta|0|", Bodies().pack(bodies[2]))

    stack.env = without_key
    old = stack.run("inbound")
    wait_until(lambda: events(stack, "message") == 1, "the partition goes on")
    assert (aside(stack), events(stack, "unreadable")) == (3, 0)
    old.stop()
    stack.env = with_key
    stack.run("inbound")

    wait_until(lambda: events(stack, "message") == 3, "all that can be opened has its effect")
    wait_until(lambda: aside(stack) == 1, "what nobody can open waits on")
    assert events(stack, "unreadable") == 0
    assert raw(store).zcard(f"{keys.number(NUMBER)}dead") == 0


def events(stack: Stack, kind: str) -> float:
    return stack.metrics().get(f'gateway_events_total{{kind="{kind}"}}', 0)


def aside(stack: Stack) -> float:
    figures = stack.metrics()
    return sum(figures[name] for name in figures if name.startswith("gateway_deliveries_aside"))
