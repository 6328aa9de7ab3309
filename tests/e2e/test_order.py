"""Two messages of one contact are planned in the order in which they arrived."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.factories import delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack, signed

pytestmark = pytest.mark.e2e
RULES = """\
version: 1
rules:
  - name: echo
    when: {text: {starts_with: say}}
    then: "{{ text }}"
"""
CONTACTS = 200


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server, RULES)
    made.start("sandbox", "web", "inbound#1", "inbound#2", "outbound#1", "outbound#2", "beat")
    yield made
    made.stop()
    server.kill()


async def two_each(url: str) -> None:
    """Post two messages of each contact, the second 50 ms after the first was acknowledged."""
    limits = httpx.Limits(max_connections=24)
    async with httpx.AsyncClient(limits=limits, timeout=180) as client:
        turns = asyncio.Semaphore(24)

        async def one(contact: int) -> None:
            async with turns:
                for turn in (1, 2):
                    item = message_item(f"wamid.o{contact}.{turn}", f"say {turn}", phone(contact))
                    body = delivery_body(item)
                    headers = {"x-hub-signature-256": signed(body)}
                    answer = await client.post(url, content=body, headers=headers)
                    assert answer.status_code == 200
                    await asyncio.sleep(0.05)  # what the promise is about, not a wait for anything

        await asyncio.gather(*(one(contact) for contact in range(CONTACTS)))


def phone(contact: int) -> str:
    return f"3519{contact:08d}"


def test_four_workers_plan_hundreds_of_contacts_in_order_of_arrival(stack: Stack) -> None:
    asyncio.run(two_each(f"{stack.url}/webhook"))

    wait_until(lambda: len(stack.posted()) >= 2 * CONTACTS, "all replies are posted")
    told: dict[str, list[str]] = defaultdict(list)
    for one in stack.posted():
        told[one["to"].lstrip("+")].append(one["body"]["text"]["body"])
    assert len(told) == CONTACTS
    assert {tuple(said) for said in told.values()} == {("say 1", "say 2")}
