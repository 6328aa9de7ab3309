"""A reply that Meta refuses becomes a dead letter, and its redrive sends it exactly once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.factories import delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server).start("sandbox", "web", "inbound", "outbound")
    yield made
    made.stop()
    server.kill()


def dead_letters(stack: Stack, *args: str) -> Any:
    return json.loads(stack.gateway("dead-letters", *args, "--json"))


def test_a_refused_reply_is_redriven_exactly_once(stack: Stack) -> None:
    fault = {"error": {"code": 131047, "times": 1}}
    stack.client.post(f"{stack.meta_url}/sandbox/faults", json=fault).raise_for_status()
    stack.post(delivery_body(message_item("wamid.dead", "color")))
    wait_until(lambda: stack.metrics()["gateway_dead_letters"] == 1, "there is a dead letter")
    (letter,) = dead_letters(stack, "list")["dead_letters"]
    assert (letter["cause"], letter["code"], stack.posted()) == ("refused", 131047, [])

    # No beat runs here, so it is the command's own bell that is heard.
    assert dead_letters(stack, "redrive", letter["id"]) == {"redriven": 1, "left": {}}

    wait_until(lambda: len(stack.posted()) == 1, "the reply is posted")
    wait_until(stack.idle, "nothing waits")
    (reply,) = stack.posted()
    assert reply["callback"] == f"{letter['id']}.2"
    assert dead_letters(stack, "list") == {"dead_letters": [], "causes": {}}
