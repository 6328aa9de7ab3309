"""A text behind a file goes once Meta says that the file is delivered, through real processes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from gateway.store import keys
from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e
RULES = """\
version: 1
rules:
  - name: papers
    when: {text: papers}
    then:
      - {send_media: "https://example.com/a.pdf", kind: document, wait: delivered}
      - These are the papers.
"""
DELIVERED_AFTER_S = 2.0
CUSTOMERS = [f"35190000003{n}" for n in range(3)]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server, RULES)
    # A message that was read is compacted at once.
    sandbox = {"delivered_after_s": DELIVERED_AFTER_S, "read_after_s": None}
    made.start("sandbox", "web", "inbound", "outbound", "beat", sandbox=sandbox)
    yield made
    made.stop()
    server.kill()


def write(stack: Stack, customer: str) -> None:
    item = message_item(f"wamid.{customer}", "papers", customer)
    assert stack.post(delivery_body(item)).status_code == 200


def sends(stack: Stack, lane: str) -> list[dict[str, str]]:
    """Return the rows of a customer's sends, in the order in which they were posted."""
    with redis.Redis.from_url(stack.server.url, decode_responses=True) as client:
        rows = [client.hgetall(name) for name in client.keys(f"{keys.number(NUMBER)}send:*")]
    own = [row for row in rows if row["lane"] == lane]
    return sorted(own, key=lambda row: int(row.get("began:1", "0")))


def test_a_text_is_posted_after_the_file_before_it_was_delivered(stack: Stack) -> None:
    for customer in CUSTOMERS:
        write(stack, customer)

    wait_until(lambda: len(stack.posted()) == 2 * len(CUSTOMERS), "all is posted")

    for customer in CUSTOMERS:
        bodies = [one["body"] for one in stack.posted() if one["to"].lstrip("+") == customer]
        assert [body["type"] for body in bodies] == ["document", "text"]
        file, text = sends(stack, customer)
        assert int(file["rest_began"]) < int(file["rest_ended"]) <= int(text["began:1"])
    told = stack.trace(f"wamid.{CUSTOMERS[0]}")
    (waited,) = re.findall(r"next sends\s+waited for delivered ([\d,]+) ms", told)
    assert int(waited.replace(",", "")) > 0


def test_a_text_waits_also_if_the_sender_dies_while_the_file_is_posted(stack: Stack) -> None:
    slow = {"slow": {"seconds": 60.0, "times": 1}}
    assert stack.client.post(f"{stack.meta_url}/sandbox/faults", json=slow).is_success
    (customer, *_) = CUSTOMERS
    write(stack, customer)
    wait_until(lambda: len(stack.posted()) == 1, "Meta has the file")

    stack.programs["outbound"].kill()
    stack.run("outbound#2")

    wait_until(lambda: len(stack.posted()) == 2, "the text is posted")
    assert [one["body"]["type"] for one in stack.posted()] == ["document", "text"]
    file, text = sends(stack, customer)
    assert "attempt:1" not in file, "its answer was lost"
    assert int(file["rest_ended"]) <= int(text["began:1"])
