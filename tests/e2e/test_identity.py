"""Whoever writes by phone number, then by both names, then by user id only is one conversation."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.factories import delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e
RULES = """\
version: 1
rules:
  - name: stop
    when: {text: say stop}
    then: opt_out
  - name: echo
    when: {text: {starts_with: say}}
    then: "{{ text }}"
"""
PHONE, OLD_PHONE, USER = "5511987654321", "551187654321", "BR.7301120458129930"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server, RULES).start()
    yield made
    made.stop()
    server.kill()


def body(wamid: str, text: str, phone: str, user: str) -> bytes:
    """Make the body of a POST that names its sender by a phone number, a user id, or both."""
    made = json.loads(delivery_body(message_item(wamid, text, phone)))
    value = made["entry"][0]["changes"][0]["value"]
    for person, name, other in (
        (value["contacts"][0], "wa_id", "user_id"), (value["messages"][0], "from", "from_user_id"),
    ):  # fmt: skip
        person.update({other: user} if user else {})
        if not phone:
            del person[name]
    return json.dumps(made).encode()


def answered(stack: Stack, delivery: bytes, count: int) -> None:
    """Deliver, and wait until so many messages were posted to Meta in all."""
    assert stack.post(delivery).status_code == 200
    wait_until(lambda: len(stack.posted()) >= count, "it was answered")


def told(stack: Stack, name: str) -> Any:
    """Return what `gateway trace` tells of a customer."""
    command = [sys.executable, "-c", "from gateway.cli.main import main; main()"]
    asked = subprocess.run(
        [*command, "trace", name, "--json"],
        env={**os.environ, **stack.env}, cwd=stack.folder, capture_output=True, check=True,
    )  # fmt: skip
    return json.loads(asked.stdout)


def test_a_customer_is_one_conversation_under_every_name(stack: Stack) -> None:
    written = [(PHONE, ""), (OLD_PHONE, USER), ("", USER), ("", USER)]
    texts = [f"say {turn}" for turn in range(3)] + ["say stop"]
    for turn, (text, (phone, user)) in enumerate(zip(texts, written, strict=True), 1):
        answered(stack, body(f"wamid.i{turn}", text, phone, user), turn)
    wait_until(stack.idle, "nothing waits")

    posted = [(one["to"], one["body"]["text"]["body"]) for one in stack.posted()]
    assert posted == [
        (PHONE, "say 0"), (OLD_PHONE, "say 1"), (OLD_PHONE, "say 2"),
        (OLD_PHONE, "say stop"),
    ]  # fmt: skip
    found = [told(stack, name)["customers"] for name in (f"+{PHONE}", f"+{OLD_PHONE}", USER)]
    assert found[0] == found[1] == found[2]
    (customer,) = found[0]
    assert customer["opted_out_at"]
    assert [one["wamid"] for one in customer["events"]] == [f"wamid.i{i}" for i in range(1, 5)]


def test_whoever_has_no_phone_number_is_answered_by_user_id(stack: Stack) -> None:
    answered(stack, body("wamid.u", "say hi", "", USER), 1)

    (posted,) = stack.posted()
    assert posted["body"]["recipient"] == USER
    assert "to" not in posted["body"]
