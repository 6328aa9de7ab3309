"""A signed webhook leads to exactly the replies that the rules ask for, through real processes."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.made import delivery_body, message_item
from tests.servers import Server, wait_until
from tests.stack import Stack

pytestmark = pytest.mark.e2e


@pytest.fixture
def stack(tmp_path: Path, server: Server) -> Iterator[Stack]:
    made = Stack(tmp_path, server)
    made.start()
    yield made
    made.stop()


def test_one_message_leads_to_exactly_one_reply(stack: Stack) -> None:
    body = delivery_body(message_item("wamid.e2e1", "which COLOR?"))

    assert [stack.post(body).status_code for _ in range(3)] == [200, 200, 200]

    wait_until(lambda: bool(stack.posted()), "a reply is posted")
    wait_until(stack.idle, "nothing waits")
    assert [one["body"]["text"]["body"] for one in stack.posted()] == ["Yes: red, green and blue."]
