"""Bells: many wishes are few messages, and a broker that is away is nobody's failure."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.sends import BULK, REPLY
from gateway.store.client import Store
from tasks.bell import Ringer, ring_inbox, ring_number
from tasks.worker import Worker
from tests.made import NUMBER
from tests.servers import free_port
from tests.tasks.rig import rung


class Belfry:
    """A broker that takes its time."""

    def __init__(self) -> None:
        self.rings = 0
        self.ringing, self.free = threading.Semaphore(0), threading.Event()

    def ring(self) -> None:
        self.rings += 1
        self.ringing.release()
        self.free.wait(10)


@pytest.fixture
def belfry() -> Iterator[Belfry]:
    made = Belfry()
    yield made
    made.free.set()


def test_many_wishes_while_the_broker_is_slow_are_one_more_message(belfry: Belfry) -> None:
    ringer = Ringer(belfry.ring)
    ringer.start()
    ringer.ring()
    assert belfry.ringing.acquire(timeout=5)

    began = time.monotonic()
    for _ in range(10_000):
        ringer.ring()
    took = time.monotonic() - began
    belfry.free.set()
    ringer.close()

    assert belfry.rings == 2
    assert took < 1


def test_what_was_asked_for_before_the_end_is_rung(belfry: Belfry) -> None:
    ringer = Ringer(belfry.ring)
    ringer.start()
    ringer.ring()
    assert belfry.ringing.acquire(timeout=5)
    ringer.ring()

    closing = threading.Thread(target=ringer.close)
    closing.start()
    belfry.free.set()
    closing.join(10)

    assert belfry.rings == 2


def test_an_end_rings_for_nothing_that_nobody_asked_for(belfry: Belfry) -> None:
    ringer = Ringer(belfry.ring)
    ringer.start()
    ringer.close()

    assert belfry.rings == 0


def test_an_end_does_not_wait_for_a_broker_that_is_frozen(belfry: Belfry) -> None:
    ringer = Ringer(belfry.ring)
    ringer.start()
    ringer.ring()
    assert belfry.ringing.acquire(timeout=5)

    began = time.monotonic()
    ringer.close(within_s=0.1)

    assert time.monotonic() - began < 2


@pytest.mark.store
def test_a_number_is_rung_for_once_until_it_is_heard(at_work: Worker, store: Store) -> None:
    told = [ring_number(at_work.store, NUMBER, rank) for rank in (REPLY, REPLY, BULK)]

    assert told == [True, False, True]
    assert (rung(store, "critical"), rung(store, "bulk")) == (1, 1)


@pytest.mark.store
def test_the_inbox_is_rung_for_on_its_own_queue(at_work: Worker, store: Store) -> None:
    ring_inbox()

    queues = ("critical", "default", "bulk", "scheduled")
    assert [rung(store, queue) for queue in queues] == [0, 1, 0, 0]


@pytest.mark.store
def test_a_broker_that_is_away_is_a_line_in_the_log(
    at_work: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", f"redis://127.0.0.1:{free_port()}/0")
    script = "from tasks.bell import ring_inbox; ring_inbox()"

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60)

    assert ended.returncode == 0
    assert b"bell_unheard" in ended.stdout
