"""The fault suite is the first user of `gateway trace`: what went wrong is told by it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import stories
from tests.support.faults.ledger import asking, stages
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.faults


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server)
    yield made.start("web", "inbound", "beat")
    made.stop()
    server.kill()


def test_a_send_that_meta_never_saw_is_traced(stack: Stack) -> None:
    stack.post_all(asking(1))
    wait_until(lambda: bool(stages(stack)), "the reply is planned")
    stack.start("sandbox")

    (send,) = stages(stack)

    assert f"send {send}" in stories(stack)
    assert "rule colour" in stories(stack)


def test_what_meta_saw_once_is_no_story(stack: Stack) -> None:
    stack.start("sandbox", "outbound")
    stack.post_all(asking(1))
    wait_until(lambda: len(stack.posted()) == 1, "the reply is posted")

    assert stories(stack) == ""
