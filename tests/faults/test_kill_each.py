"""kill -9 of each process under load: nothing kept is lost, nothing is doubled."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.factories import delivery_body, message_item
from tests.support.faults.ledger import (
    accounted_for,
    assert_each_posted_once_or_in_doubt,
    at_rest,
)
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.faults
DELIVERIES = 300


@pytest.fixture
def stack(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server)
    made.start("sandbox", "web", "beat", *getattr(request, "param", ("inbound", "outbound")))
    yield made
    made.stop()
    server.kill()


def under_load(stack: Stack) -> tuple[threading.Thread, list[int]]:
    """Deliver as Meta does, again until acknowledged, while the test does its worst."""
    answers: list[int] = []
    bodies = [
        delivery_body(message_item(f"wamid.x{i}", "color", f"3519{i % 700:08d}"))
        for i in range(DELIVERIES)
    ]
    load = threading.Thread(target=lambda: answers.extend(stack.post_all(bodies, 8)))
    load.start()
    wait_until(lambda: len(stack.posted()) > 50, "the load is worked off")
    return load, answers


def settled(stack: Stack) -> tuple[Counter[int], float]:
    """Return how often each reply was posted, and how many sends nobody can be sure of."""
    at_rest(stack, 90)
    posts = Counter(one["callback"].partition(".")[0] for one in stack.posted())
    return Counter(posts.values()), stack.metrics()["gateway_unconfirmed_sends"]


@pytest.mark.parametrize("name", ["inbound", pytest.param("beat", marks=pytest.mark.long), "web"])
def test_a_killed_process_that_does_not_send_loses_and_doubles_nothing(
    stack: Stack, name: str
) -> None:
    load, answers = under_load(stack)

    stack.programs[name].kill()
    stack.run(name)

    load.join(120)
    assert Counter(answers) == {200: DELIVERIES}
    wait_until(lambda: len(stack.posted()) >= DELIVERIES, "every reply is posted")
    assert settled(stack) == ({1: DELIVERIES}, 0)


def test_a_killed_child_of_the_inbound_worker_loses_and_doubles_nothing(stack: Stack) -> None:
    load, _ = under_load(stack)

    os.kill(children(stack.programs["inbound"].pid)[0], signal.SIGKILL)

    load.join(120)
    wait_until(lambda: len(stack.posted()) >= DELIVERIES, "every reply is posted")
    assert settled(stack) == ({1: DELIVERIES}, 0)


def test_a_killed_sender_doubles_nothing_and_every_doubt_is_on_record(stack: Stack) -> None:
    load, _ = under_load(stack)

    stack.programs["outbound"].kill()
    stack.run("outbound")

    load.join(120)
    wait_until(lambda: accounted_for(stack, DELIVERIES), "every reply is posted or in doubt")
    _, unconfirmed = settled(stack)
    assert unconfirmed <= 32 * 4
    assert_each_posted_once_or_in_doubt(stack, DELIVERIES)


@pytest.mark.parametrize("stack", [("worker",)], indirect=True)
def test_a_killed_server_that_restarts_loses_and_doubles_nothing(stack: Stack) -> None:
    load, answers = under_load(stack)

    stack.server.kill()
    stack.server.start()

    load.join(120)
    assert Counter(answers) == {200: DELIVERIES}
    wait_until(lambda: accounted_for(stack, DELIVERIES), "every reply is posted or in doubt")
    settled(stack)
    assert_each_posted_once_or_in_doubt(stack, DELIVERIES)


def children(pid: int) -> list[int]:
    """Return the process ids of a process's children."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]
