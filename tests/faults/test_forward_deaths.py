"""Workers are killed while they plan and post forwards: each arrives, and in order."""

import base64
import threading
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import redis

from gateway.store import keys
from gateway.store.outgoing.forwards import LEASE_MS
from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack
from tests.support.tasks.receiving_application import Application, an_application

pytestmark = pytest.mark.faults
SECRET = f"whsec_{base64.b64encode(b's' * 32).decode()}"
CUSTOMERS, EACH = 12, 15
READY = f"{keys.number(NUMBER)}forwards:crm:ready"


@pytest.fixture
def application() -> Iterator[Application]:
    with an_application() as running:
        yield running


@pytest.fixture
def stack(tmp_path: Path, application: Application) -> Iterator[Stack]:
    rules = (
        "version: 1\nforwards:\n  - to: crm\n    secret: CRM\n    events: message\n"
        f"    url: http://127.0.0.1:{application.port}/\n"
        "rules: []\n"
    )
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server, rules, CRM=SECRET)
    made.start("web", "inbound", "outgoing", "beat")
    yield made
    made.stop()
    server.kill()


def bodies() -> list[bytes]:
    """Make each customer's messages, all customers in turn."""
    return [
        delivery_body(message_item(f"wamid.{who}.{n}", f"{n}", f"3519000000{who:02}"))
        for n in range(EACH)
        for who in range(CUSTOMERS)
    ]


def end_leases(stack: Stack) -> None:
    """Let what a dead worker had in hand be due at once."""
    with redis.Redis.from_url(stack.server.url) as client:
        for lane in client.zrange(READY, 0, -1):
            client.zincrby(READY, -LEASE_MS * 2, lane)


def first_arrivals(application: Application) -> dict[str, list[int]]:
    """Return each customer's texts in the order in which they came for the first time."""
    arrived: dict[str, dict[int, None]] = {}
    for _, body in application.posts:
        event = orjson.loads(body)
        arrived.setdefault(event["contact"]["wa_id"], {})[int(event["data"]["text"])] = None
    return {customer: list(texts) for customer, texts in arrived.items()}


@pytest.mark.long
def test_killed_workers_lose_no_forward_and_keep_the_order(
    stack: Stack, application: Application
) -> None:
    load = threading.Thread(target=lambda: [stack.post(body) for body in bodies()])
    load.start()
    for round_, name in enumerate(("outgoing", "inbound", "outgoing"), 1):
        enough = round_ * CUSTOMERS * EACH // 5
        wait_until(lambda: len(application.posts) > enough, "some have arrived")  # noqa: B023
        stack.programs[name].kill()
        end_leases(stack)
        stack.run(name)
    load.join(120)

    expected = {f"3519000000{who:02}": list(range(EACH)) for who in range(CUSTOMERS)}
    wait_until(lambda: first_arrivals(application) == expected, "all arrive in order")
    texts_of_id: dict[str, set[tuple[str, str]]] = {}
    for headers, body in application.posts:
        event = orjson.loads(body)
        seen = texts_of_id.setdefault(headers["webhook-id"], set())
        seen.add((event["contact"]["wa_id"], event["data"]["text"]))
    assert len(texts_of_id) == CUSTOMERS * EACH
    assert {len(one) for one in texts_of_id.values()} == {1}
