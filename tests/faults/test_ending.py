"""A worker that is told to end while a bell is on its way to one of its children."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.store import keys
from tests.faults.test_kill_each import children
from tests.support.faults.ledger import asking
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.faults


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server, GATEWAY_LOG_LEVEL="debug")
    yield made
    made.stop()
    server.kill()


@contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def bells(stack: Stack) -> int:
    """Return how many bells of the inbox the worker has taken."""
    return stack.programs["inbound"].said().count("Task tasks.drain[")


def test_a_child_whose_report_nobody_reads_any_more_does_not_hold_up_the_end(stack: Stack) -> None:
    # Else the worker would ring for what no beat rings for, and its hands would be full.
    stack.server.command("SET", keys.SAFETY_NET, "the test", "PX", 600_000)
    stack.start("sandbox", "web", "inbound")
    stack.post_all(asking(5))
    wait_until(lambda: stack.worked_off() == 5, "the worker works")
    # Whoever delivers while a bell is noted rings no other one.
    noted = (keys.INBOX_BELL, "gw:celery:default")
    wait_until(lambda: not stack.server.command("EXISTS", *noted), "it has heard all bells")
    ending, before = stack.programs["inbound"], bells(stack)

    with stopped(children(ending.pid)):
        stack.post_all(asking(5, "x"))
        wait_until(lambda: bells(stack) > before, "the worker has the bell")
        # It answers after it has written the bell to a child.
        stack.call_python(
            "-c", "from tasks.app import app; assert app.control.ping(timeout=120, limit=1)"
        )
        ending.process.terminate()
        wait_until(lambda: "Stopping Pool" in ending.said(), "only its children are waited for")

    assert ending.stop() == 0
    assert stack.worked_off() == 10
