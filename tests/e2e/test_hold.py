"""A person stops sending while much is under way: soon nothing goes out, and nothing is burnt."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.factories import delivery_body, message_item
from tests.support.faults.ledger import stages
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e
COUNT = 400
SOON_S = 2
RULES = """\
version: 1
rules:
  - name: offers
    when: {text: offers}
    then: Everything is cheaper today.
  - name: colour
    when: {text: {contains: color}}
    then: "Yes: red, green and blue."
"""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server, RULES, META_MESSAGES_PER_SECOND="40")
    yield made.start()
    made.stop()
    server.kill()


def bodies(name: str, text: str, count: int) -> list[bytes]:
    return [
        delivery_body(message_item(f"wamid.{name}{i}", text, f"3519{i:08d}")) for i in range(count)
    ]


def said(stack: Stack) -> Counter[str]:
    return Counter(one["body"]["text"]["body"] for one in stack.posted())


def events(stack: Stack) -> float:
    return stack.metrics().get('gateway_events_total{kind="message"}', 0)


def test_a_hold_stops_sending_within_two_seconds_and_burns_nothing(stack: Stack) -> None:
    stack.post_all(bodies("a", "color", COUNT))
    wait_until(lambda: len(stack.posted()) > 20, "replies go out")

    stack.gateway("hold", "--yes")
    time.sleep(SOON_S)  # what is promised; only after it nothing may go any more
    wait_until(lambda: "attempting" not in stages(stack).values(), "what was taken is posted")
    stopped_at = len(stack.posted())
    stack.post_all(bodies("b", "color", 40))
    wait_until(lambda: events(stack) == COUNT + 40, "what comes in is kept and planned")
    assert len(stack.posted()) == stopped_at < COUNT

    stack.gateway("release")
    wait_until(lambda: len(stack.posted()) == COUNT + 40, "all of it goes out")
    wait_until(stack.idle, "nothing waits")
    figures = stack.metrics()
    assert (figures["gateway_dead_letters"], figures["gateway_unconfirmed_sends"]) == (0, 0)
    assert len({one["callback"] for one in stack.posted()}) == COUNT + 40


def test_a_held_rule_says_nothing_while_others_answer(stack: Stack) -> None:
    stack.gateway("hold", "--rule", "offers")

    stack.post_all(bodies("a", "offers", 20) + bodies("b", "color", 20))

    wait_until(lambda: said(stack).total() == 20, "the other rule answers")
    wait_until(stack.idle, "nothing else waits in a lane")
    assert set(said(stack)) == {"Yes: red, green and blue."}
    stack.gateway("release", "--rule", "offers")
    wait_until(lambda: said(stack)["Everything is cheaper today."] == 20, "what was held goes out")
