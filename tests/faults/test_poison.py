"""What hangs or kills real workers ends three of them at most, and its partition goes on."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.store.partitions import partition_of
from tests.faults.hanging import HANG, KILL
from tests.made import ANA, delivery_body, message_item
from tests.servers import Program, Server, wait_until
from tests.stack import Stack

pytestmark = pytest.mark.faults


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server).start("sandbox", "web", "outbound", "beat")
    command = [sys.executable, "-m", "tests.faults.hanging", "2"]
    made.programs["deadly"] = Program(command, made.env, tmp_path / "deadly.log")
    yield made
    made.stop()
    server.kill()


def letters(stack: Stack) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "gateway.cli", "dead-letters", "list", "--json"]
    env = {**os.environ, **stack.env}
    ran = subprocess.run(command, env=env, capture_output=True, timeout=60, check=True)
    return list(json.loads(ran.stdout)["dead_letters"])


def deaths(stack: Stack) -> int:
    """Return how many of the worker's processes ended over what they had in hand."""
    said = stack.programs["deadly"].said()
    return said.count("exited with 'signal")


@pytest.mark.parametrize("poison", [HANG, KILL])
def test_poison_is_a_dead_letter_and_its_partition_goes_on(stack: Stack, poison: str) -> None:
    bodies = [
        delivery_body(message_item(f"wamid.{i}", text))
        for i, text in enumerate(["color", poison, "color"])
    ]
    assert len({partition_of(body) for body in bodies}) == 1

    assert stack.post_all(bodies) == [200] * 3

    wait_until(lambda: stack.metrics()["gateway_dead_letters"] == 1, "a dead letter", 90)
    wait_until(lambda: len(stack.posted()) == 2, "its neighbours have their effect")
    wait_until(stack.idle, "nothing waits")
    (letter,) = letters(stack)
    assert (letter["cause"], letter["kind"]) == ("killed_worker", "event")
    assert Counter(one["to"] for one in stack.posted()) == {ANA: 2}
    assert 0 < deaths(stack) <= 3
