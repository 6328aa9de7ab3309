"""What hangs or kills real workers ends three of them at most, and its partition goes on."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.store.inbox.partitions import partition_of
from gateway.store.redis.client import Store
from tests.support.factories import ANA, delivery_body, message_item
from tests.support.faults.hanging_worker import HANG, KILL
from tests.support.faults.large_deliveries import Large, dead_letters, replies_to, unknown
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.faults
PATIENCE_S = 240.0


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server).start("sandbox", "web", "outbound", "beat")
    made.run_python("deadly", "-m", "tests.support.faults.hanging_worker", "2")
    yield made
    made.stop()
    server.kill()


def letters(stack: Stack) -> list[dict[str, Any]]:
    return list(json.loads(stack.gateway("dead-letters", "list", "--json"))["dead_letters"])


def deaths(stack: Stack) -> int:
    """Return how many of the worker's processes ended over what they had in hand."""
    said = stack.programs["deadly"].said()
    return said.count("exited with 'signal")


def a_letter(stack: Stack) -> bool:
    return stack.metrics()["gateway_dead_letters"] == 1


@pytest.mark.parametrize("poison", [HANG, KILL])
def test_poison_is_a_dead_letter_and_its_partition_goes_on(stack: Stack, poison: str) -> None:
    bodies = [
        delivery_body(message_item(f"wamid.{i}", text))
        for i, text in enumerate(["color", poison, "color"])
    ]
    assert len({partition_of(body) for body in bodies}) == 1

    assert stack.post_all(bodies) == [200] * 3

    wait_until(lambda: a_letter(stack), "a dead letter", PATIENCE_S)
    wait_until(lambda: len(stack.posted()) == 2, "its neighbours have their effect")
    wait_until(stack.idle, "nothing waits")
    (letter,) = letters(stack)
    assert (letter["cause"], letter["kind"]) == ("killed_worker", "event")
    assert Counter(one["to"] for one in stack.posted()) == {ANA: 2}
    assert 0 < deaths(stack) <= 3


@pytest.mark.parametrize("poison", [pytest.param(HANG, marks=pytest.mark.long), KILL])
def test_poison_in_a_thousand_items_is_the_one_dead_letter_of_them(
    stack: Stack, poison: str
) -> None:
    large, others = Large("p", poison=poison), Large("o")

    assert stack.post_all([large.body(), others.body()]) == [200] * 2

    wait_until(lambda: a_letter(stack), "a dead letter", PATIENCE_S)
    asked = replies_to([large, others])
    wait_until(lambda: len(stack.posted()) >= len(asked), "its neighbours have their effect")
    wait_until(stack.idle, "nothing waits")
    store = Store(stack.server.url)
    try:
        assert unknown(store, [large.body(), others.body()]) == {large.poison_key}
        assert dead_letters(store) == 1
    finally:
        store.close()
    posts = Counter(one["callback"].partition(".")[0] for one in stack.posted())
    assert posts == dict.fromkeys(asked, 1)
