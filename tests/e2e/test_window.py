"""Meta says too late, at once or by a status, that the window had closed: the template goes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.factories import delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e
RULES = """\
version: 1
rules:
  - name: colour
    when: {text: {contains: color}}
    then:
      send_text: "Yes: red, green and blue."
      window_closed: {send_template: we_answered, language: en}
"""


@pytest.fixture(params=["answer", "status"])
def stack(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server, RULES)
    # The sandbox never saw this customer write, so for it the window is closed.
    made.start(sandbox={"enforce_window": request.param})
    yield made
    made.stop()
    server.kill()


def test_the_template_goes_instead_and_nothing_is_a_dead_letter(stack: Stack) -> None:
    stack.post(delivery_body(message_item("wamid.late", "which color?")))

    wait_until(
        lambda: [one["body"]["type"] for one in stack.posted()][-1:] == ["template"],
        "the template is sent",
    )
    wait_until(stack.idle, "nothing waits")
    assert stack.metrics()["gateway_dead_letters"] == 0
    sends = [one["callback"].partition(".")[0] for one in stack.posted()]
    assert len(set(sends)) == 1
