"""`gateway worker` keeps its workers running, and ends with all of them."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.redis.client import Store
from tests.support.factories import delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e


@pytest.fixture
def stack(tmp_path: Path, server: Server, store: Store) -> Iterator[Stack]:
    made = Stack(tmp_path, server).start("web", "worker")
    yield made
    made.stop()


def started(stack: Stack, kind: str) -> list[int]:
    """Return the process ids of the workers of a kind, in the order they were started."""
    said = stack.programs["worker"].said()
    lines = [line for line in said.splitlines() if '"worker_started"' in line]
    return [
        int(found[1])
        for line in lines
        if f'"worker": "{kind}"' in line and (found := re.search(r'"pid": (\d+)', line))
    ]


def group(pid: int) -> list[str]:
    """Return the processes that are alive in a worker's group."""
    asked = ["ps", "-o", "stat=,pid=", "--no-headers", "-g", str(pid)]
    found = subprocess.run(asked, capture_output=True, text=True).stdout.splitlines()
    return [line for line in found if not line.lstrip().startswith("Z")]


def test_a_worker_that_is_killed_is_started_again_and_all_end_with_their_keeper(
    stack: Stack,
) -> None:
    wait_until(lambda: len(started(stack, "default")) == 1, "the worker is started")
    (killed,) = started(stack, "default")
    wait_until(lambda: len(group(killed)) == 3, "it has its two children")

    os.kill(killed, signal.SIGKILL)

    wait_until(lambda: len(started(stack, "default")) == 2, "it is started again")
    wait_until(lambda: group(killed) == [], "none of its children stays")
    wait_until(
        lambda: stack.metrics().get('gateway_workers_restarted_total{worker="default"}') == 1,
        "its death is counted",
    )
    assert stack.post(delivery_body(message_item("wamid.after", "hello"))).status_code == 200
    wait_until(stack.idle, "the delivery is worked off")
    alive = [started(stack, kind)[-1] for kind in ("default", "critical", "bulk")]
    assert stack.programs["worker"].stop() == 0
    assert [group(pid) for pid in alive] == [[], [], []]
