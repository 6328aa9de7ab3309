"""Ten workers that share a number send at Meta's pace, and Meta never has to refuse them."""

import statistics
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.messages import template
from gateway.core.planning.batch import Plan
from gateway.core.sending.send import REPLY, Send
from gateway.store import number_list
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Store
from gateway.store.sending import pauses
from tests.support.factories import NUMBER, a_message
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.alone]
WORKERS = 10
SECONDS = 9
# As many bells as there are workers, again and again, so that all of them pump at once.
RING = f"""
import time
from tasks.wakeup import ring_anyway
for _ in range(40):
    for _ in range({WORKERS}):
        ring_anyway("{NUMBER}", "reply")
    time.sleep(0.5)
"""


@pytest.fixture
def per_second(request: pytest.FixtureRequest) -> int:
    """What Meta grants the number; 80 as a rule."""
    return int(getattr(request, "param", 80))


@pytest.fixture
def stack(tmp_path: Path, per_second: int) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server, META_MESSAGES_PER_SECOND=str(per_second))
    limits = {"enforce_limits": True, "messages_per_second": per_second, "statuses": False}
    made.start("sandbox", sandbox=limits)
    yield made
    made.stop()
    server.kill()


def owe(server: Server, customers: int, each: int = 1) -> None:
    """Let the gateway owe templates to so many customers."""
    store = Store(server.url)
    number_list.add_number(store, NUMBER)
    expires = datetime.now(UTC) + timedelta(hours=1)
    plans = []
    for customer in range(customers):
        phone = f"3519{customer:08d}"
        event = a_message(f"wamid.in.{customer}", phone)
        sends = tuple(a_send(phone, n, expires) for n in range(each))
        plans.append(Plan(NUMBER, Contact(""), changed=False, events=(event,), sends=sends))
    for start in range(0, len(plans), 50):
        assert all(commit(store, plans[start : start + 50], timedelta(days=7)))
    store.close()


def a_send(phone: str, n: int, expires: datetime) -> Send:
    body = template("hello", "en") | {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": f"+{phone}",
    }
    name = f"s{n}x{phone}".ljust(24, "x")
    return Send(name, phone, REPLY, body, expires, rule="r")


def pace(stack: Stack) -> dict[str, Any]:
    """Return what the sandbox counted of our number."""
    found = stack.client.get(f"{stack.meta_url}/sandbox/pace").json()
    return dict(found[NUMBER])


def start_workers(stack: Stack) -> None:
    """Start them all, and let them begin together, when nobody is still starting."""
    store = Store(stack.server.url)
    pauses.hold(store, [NUMBER], "", "until all workers are there")
    workers = [stack.run(f"outbound#{i}") for i in range(WORKERS)]
    wait_until(lambda: all("ready." in one.said() for one in workers), "all workers are there")
    pauses.release(store, [NUMBER], "")
    store.close()
    stack.run_python("ring", "-c", RING)


@pytest.mark.parametrize(
    "per_second", [pytest.param(20, marks=pytest.mark.long), 80], indirect=True
)
def test_a_number_stays_at_its_pace_and_meta_refuses_nothing(stack: Stack, per_second: int) -> None:
    sends = SECONDS * per_second
    owe(stack.server, sends)
    start_workers(stack)

    wait_until(lambda: pace(stack)["accepted"] >= sends, "all of it is sent", 120)

    found = pace(stack)
    seconds = [count for _, count in found["seconds"]]
    assert (found["refused"], found["accepted"]) == ({}, sends)
    assert abs(statistics.median(seconds[1:-1]) - per_second) <= 0.02 * per_second


def test_a_customer_gets_a_burst_and_no_refusal_while_others_go_on(stack: Stack) -> None:
    owe(stack.server, 4, each=60)
    start_workers(stack)

    wait_until(lambda: pace(stack)["accepted"] >= 4 * 45, "the bursts are sent")
    wait_until(lambda: pace(stack)["accepted"] >= 4 * 46, "and more as it is earned")

    assert pace(stack)["refused"] == {}
