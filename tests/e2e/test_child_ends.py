"""A main process tells of each child that ended, within a second and whatever ended it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.faults.held_worker import ENDED, HELD
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e


@pytest.fixture
def stack(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stack]:
    processes = str(getattr(request, "param", 2))
    # The broker is another server, so that the store may go away without it.
    broker = Server(tmp_path / "broker", appendonly="no").start()
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server, CELERY_BROKER_URL=broker.url)
    made.run_python("holding", "-m", "tests.support.faults.held_worker", processes)
    yield made
    made.stop()
    server.kill()
    broker.kill()


def publish(stack: Stack, task: str) -> None:
    stack.call_python("-c", f"from tasks.app import app; app.send_task({task!r}, queue='default')")


def told(stack: Stack, key: str) -> list[str]:
    return [name.decode() for name in stack.server.command("LRANGE", key, 0, -1)]


def one_holds(stack: Stack) -> str:
    """Let one child hold a task, and return its name."""
    publish(stack, "tests.hold")
    wait_until(lambda: len(told(stack, HELD)) == 1, "a child holds the task")
    (holder,) = told(stack, HELD)
    return holder


def test_a_child_bears_the_name_of_its_main_process(stack: Stack) -> None:
    main, _, pid = one_holds(stack).partition("/")

    assert f"main {main}\n" in stack.programs["holding"].said()
    assert int(pid) != stack.programs["holding"].pid


def test_a_child_that_is_killed_is_reported(stack: Stack) -> None:
    holder = one_holds(stack)

    os.kill(int(holder.partition("/")[2]), signal.SIGKILL)

    wait_until(lambda: told(stack, ENDED) == [holder], "its end is reported")


def test_a_child_that_hits_its_time_limit_is_reported(stack: Stack) -> None:
    publish(stack, "tests.hang")

    wait_until(lambda: len(told(stack, ENDED)) == 1, "its end is reported")
    assert told(stack, ENDED) == told(stack, HELD)


def test_an_end_is_reported_once_the_store_is_back(stack: Stack) -> None:
    holder = one_holds(stack)
    stack.server.kill()
    os.kill(int(holder.partition("/")[2]), signal.SIGKILL)
    said = stack.programs["holding"].said
    wait_until(lambda: "child_ended" in said(), "its end is noticed without the store")

    stack.server.start()

    wait_until(lambda: told(stack, ENDED) == [holder], "its end is reported")


@pytest.mark.parametrize("stack", [1], indirect=True)
def test_the_child_that_takes_its_place_is_known_as_well(stack: Stack) -> None:
    first = one_holds(stack)
    os.kill(int(first.partition("/")[2]), signal.SIGKILL)
    publish(stack, "tests.hold")
    wait_until(lambda: len(told(stack, HELD)) > 1, "its successor holds a task")
    second = told(stack, HELD)[1]

    os.kill(int(second.partition("/")[2]), signal.SIGKILL)

    wait_until(lambda: told(stack, ENDED)[:2] == [first, second], "both ends are reported")
    assert first != second
