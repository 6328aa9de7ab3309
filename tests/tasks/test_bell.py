"""Bells: many wishes are few messages, and a broker that is away is nobody's failure."""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gateway.core.sending.send import BULK, NOTICE, REPLY
from gateway.store import keys
from gateway.store.redis.client import IDLE_S, Store
from tasks import app
from tasks.celery_setup.schedule import TASKS
from tasks.context import WorkerContext
from tasks.scheduled import jobs
from tasks.wakeup import (
    MOST_WAITING,
    UNHEARD_MS,
    OwnConnection,
    WakeupThread,
    call_inbox,
    mark_task,
    ring_inbox,
    ring_number,
    ring_task,
    use_connection,
)
from tests.support.factories import NUMBER
from tests.support.faults.fault_proxy import Relay, relay
from tests.support.forked_process import run_python
from tests.support.servers import Server, free_port
from tests.support.tasks.worker_state import raw, rung


class Belfry:
    """A broker that takes its time."""

    def __init__(self) -> None:
        self.rings = 0
        self.ringing, self.free = threading.Semaphore(0), threading.Event()

    def ring(self) -> None:
        self.rings += 1
        self.ringing.release()
        self.free.wait(180)


@pytest.fixture
def belfry() -> Iterator[Belfry]:
    made = Belfry()
    yield made
    made.free.set()


def test_many_wishes_while_the_broker_is_slow_are_one_more_message(belfry: Belfry) -> None:
    ringer = WakeupThread(belfry.ring)
    ringer.start()
    ringer.ring()
    assert belfry.ringing.acquire(timeout=180)

    began = time.monotonic()
    for _ in range(10_000):
        ringer.ring()
    took = time.monotonic() - began
    belfry.free.set()
    ringer.close()

    assert belfry.rings == 2
    assert took < 30


def test_what_was_asked_for_before_the_end_is_rung(belfry: Belfry) -> None:
    ringer = WakeupThread(belfry.ring)
    ringer.start()
    ringer.ring()
    assert belfry.ringing.acquire(timeout=180)
    ringer.ring()

    closing = threading.Thread(target=ringer.close)
    closing.start()
    belfry.free.set()
    closing.join(180)

    assert belfry.rings == 2


def test_an_end_rings_for_nothing_that_nobody_asked_for(belfry: Belfry) -> None:
    ringer = WakeupThread(belfry.ring)
    ringer.start()
    ringer.close()

    assert belfry.rings == 0


def test_an_end_does_not_wait_for_a_broker_that_is_frozen(belfry: Belfry) -> None:
    ringer = WakeupThread(belfry.ring)
    ringer.start()
    ringer.ring()
    assert belfry.ringing.acquire(timeout=180)

    began = time.monotonic()
    ringer.close(within_s=0.1)

    assert time.monotonic() - began < 30


@pytest.mark.store
def test_a_number_is_rung_for_once_until_it_is_heard(at_work: WorkerContext, store: Store) -> None:
    told = [ring_number(at_work.store, NUMBER, rank) for rank in (REPLY, REPLY, NOTICE, BULK)]

    assert told == [True, False, True, True]
    assert (rung(store, "critical"), rung(store, "bulk")) == (2, 1)


@pytest.mark.store
def test_the_inbox_is_rung_for_on_its_own_queue(at_work: WorkerContext, store: Store) -> None:
    ring_inbox()

    queues = ("critical", "default", "bulk", "scheduled")
    assert [rung(store, queue) for queue in queues] == [0, 1, 0, 0]


@pytest.mark.store
def test_nothing_is_rung_for_into_a_queue_that_is_full(
    at_work: WorkerContext, store: Store
) -> None:
    raw(store).rpush(f"{keys.SPACE}celery:critical", *["a bell"] * (MOST_WAITING - 1))

    told = [ring_number(store, number, REPLY) for number in ("1", "2", "3")]

    assert (told, rung(store, "critical")) == ([True, False, False], MOST_WAITING)
    assert ring_number(store, "2", BULK)


@pytest.mark.store
def test_a_bell_that_nobody_took_may_be_rung_again_soon(
    at_work: WorkerContext, store: Store
) -> None:
    raw(store).rpush(f"{keys.SPACE}celery:critical", *["a bell"] * MOST_WAITING)

    ring_number(store, NUMBER, REPLY)

    assert 0 < raw(store).pttl(keys.number_bell(NUMBER, REPLY)) <= UNHEARD_MS


@pytest.mark.store
def test_so_may_the_bell_of_the_inbox(at_work: WorkerContext, store: Store) -> None:
    raw(store).rpush(f"{keys.SPACE}celery:default", *["a bell"] * MOST_WAITING)

    call_inbox(at_work.inbox)

    assert 0 < raw(store).pttl(keys.INBOX_BELL) <= UNHEARD_MS


@pytest.mark.store
def test_a_task_that_runs_by_the_clock_is_rung_for_until_it_begins(
    at_work: WorkerContext, store: Store
) -> None:
    told = [ring_task(store, "tasks.tick"), ring_task(store, "tasks.tick")]
    jobs.tick()
    told.append(ring_task(store, "tasks.tick"))

    assert told == [True, False, True]
    assert rung(store, "scheduled") == 2


@pytest.mark.store
@pytest.mark.parametrize("task", sorted(TASKS))
def test_each_task_of_the_schedule_clears_its_bell(
    at_work: WorkerContext, store: Store, task: str
) -> None:
    app.loader.import_default_modules()
    mark_task(store, task)

    app.tasks[task].run()

    assert not raw(store).exists(keys.task_bell(task))


@pytest.mark.store
def test_a_proxy_that_forgets_an_idle_connection_holds_up_no_wake_up(
    at_work: WorkerContext, store: Store, server: Server
) -> None:
    own = OwnConnection()

    def ring_twice(proxy: Relay) -> list[bool]:
        connection: Any = app.connection_for_write(f"redis://127.0.0.1:{proxy.port}/0")
        own._producer = app.amqp.Producer(connection, auto_declare=False)
        use_connection(own)
        first = ring_inbox()
        proxy.swallow()
        connection.used_at -= IDLE_S + 1
        return [first, ring_inbox()]

    # A thread of its own: it keeps the connection that it uses.
    with relay(server.port) as proxy, ThreadPoolExecutor(1) as thread:
        assert thread.submit(ring_twice, proxy).result() == [True, True]
        own.close()

    assert (rung(store, "default"), proxy.seen["swallowed"] > 0) == (2, True)


@pytest.mark.store
def test_a_broker_that_is_away_is_a_line_in_the_log(
    at_work: WorkerContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", f"redis://127.0.0.1:{free_port()}/0")
    script = "from tasks.wakeup import ring_inbox; ring_inbox()"

    ended = run_python(["-c", script], os.environ, tmp_path)

    assert ended.returncode == 0
    assert "bell_unheard" in ended.stdout
