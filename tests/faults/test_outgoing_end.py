"""A worker that is told to end while it calls a service and posts a forward."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from gateway.cli.run.worker import STOP_WITHIN_S
from tests.support.factories import ANA, delivery_body, message_item
from tests.support.faults.ledger import PREFIX
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack
from tests.support.tasks.receiving_application import Application, an_application
from tests.support.tasks.service import RunningService, a_service

pytestmark = pytest.mark.faults
SECRET = f"whsec_{base64.b64encode(b's' * 32).decode()}"
RULES = r"""
version: 1
services:
  orders: {url: %s, timeout: 60s}
forwards:
  - {to: crm, url: "http://127.0.0.1:%d/", secret: CRM, events: message}
rules:
  - name: ask
    then: {call: {to: "orders:/ask", json: {}}, failed: Nobody knows.}
"""


@pytest.fixture
def service() -> Iterator[RunningService]:
    with a_service() as running:
        running.answer({"messages": ["Yes."]})
        running.takes_s = 50  # unless a test lets it go before
        yield running


@pytest.fixture
def application() -> Iterator[Application]:
    with an_application() as running:
        running.hangs.clear()
        yield running


@pytest.fixture
def stack(
    tmp_path: Path,
    service: RunningService,
    application: Application,
    request: pytest.FixtureRequest,
) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server, RULES % (service.url, application.port), CRM=SECRET)
    made.start("sandbox", "web", *getattr(request, "param", ("inbound", "outbound", "outgoing")))
    yield made
    service.over.set()
    application.hangs.set()
    made.stop()
    server.kill()


def stages(stack: Stack) -> list[str]:
    """Return the stages of the call and of the forward."""
    with redis.Redis.from_url(stack.server.url, decode_responses=True) as client:
        rows: Any = [*client.keys(f"{PREFIX}call:*"), *client.keys(f"{PREFIX}forward:*")]
        return [str(client.hget(row, "stage")) for row in rows]


def brokers(stack: Stack) -> int:
    """Return how many connections wait for wake-ups."""
    clients = stack.server.command("CLIENT LIST")
    return sum(one["cmd"] == "brpop" for one in clients)


def test_a_worker_that_is_told_to_end_settles_what_it_has_in_hand(
    stack: Stack, service: RunningService, application: Application
) -> None:
    stack.post(delivery_body(message_item("wamid.1", "where?", ANA)))
    wait_until(lambda: bool(service.at_once and application.posts), "both are asked")
    ending = stack.programs["outgoing"]
    listening = brokers(stack)
    ending.process.terminate()
    wait_until(lambda: brokers(stack) < listening, "it listens no more")
    service.over.set()
    application.hangs.set()

    assert ending.process.wait(180) == 0
    assert stages(stack) == ["answered", "delivered"]
    wait_until(lambda: len(stack.posted()) == 1, "the answer is sent")
    assert (len(service.asked), len(application.posts)) == (1, 1)


@pytest.mark.long
@pytest.mark.parametrize("stack", [("worker",)], indirect=True)
def test_gateway_worker_waits_for_a_call_longer_than_for_its_other_workers(
    stack: Stack, service: RunningService, application: Application
) -> None:
    application.hangs.set()
    service.takes_s = STOP_WITHIN_S + 4
    stack.post(delivery_body(message_item("wamid.1", "where?", ANA)))
    wait_until(lambda: bool(service.at_once), "it is asked")
    ending = stack.programs["worker"]
    ending.process.terminate()

    assert ending.process.wait(180) == 0
    assert stages(stack) == ["answered", "delivered"]
    assert "worker_killed" not in ending.said()
