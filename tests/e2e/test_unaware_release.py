"""Workers of a release that knows neither forwards nor calls, beside those of this one."""

import base64
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import orjson
import pytest
import redis

from gateway.store import keys
from gateway.store.redis.client import Store
from tests.support.factories import delivery_body, message_item
from tests.support.faults.elapsed_time import end_outgoing_bells, end_partition_leases
from tests.support.faults.ledger import reaching
from tests.support.releases import TwoReleases, check_out
from tests.support.servers import Server, wait_until
from tests.support.stack import RULES
from tests.support.tasks.receiving_application import Application, an_application
from tests.support.tasks.service import RunningService, a_service
from tests.support.tasks.worker_state import make_due

pytestmark = [pytest.mark.e2e, pytest.mark.long]
BEFORE = "5d362b3a"  # the last commit before forwards and calls
SECRET = f"whsec_{base64.b64encode(b's' * 32).decode()}"
AWARE = (
    RULES
    + r"""
  - name: track
    when: {text: {starts_with: order}}
    then: {call: "orders:/orders", ok: "It is {{ answer.status }}.", failed: Nobody knows.}
  - name: hand on
    when: {text: {starts_with: hello}}
    then: {forward: crm}
services:
  orders: {url: %s, timeout: 60s}
forwards:
  - {to: crm, url: "http://127.0.0.1:%d/", secret: CRM}
"""
)
CUSTOMERS = [f"3519100000{n:02}" for n in range(4)]
TRACKED, NOTED, COLOURS = "It is sent.", "Noted.", "Yes: red, green and blue."


@pytest.fixture
def service() -> Iterator[RunningService]:
    with a_service() as running:
        running.answer({"status": "sent"})
        running.takes_s = 50  # unless a test lets it go before
        yield running


@pytest.fixture
def application() -> Iterator[Application]:
    with an_application() as running:
        running.status, running.answer = 200, orjson.dumps({"messages": [NOTED]})
        running.hangs.clear()
        yield running


@pytest.fixture
def stack(
    tmp_path: Path, service: RunningService, application: Application
) -> Iterator[TwoReleases]:
    before = check_out(BEFORE, tmp_path / "before")
    (tmp_path / "plain.yaml").write_text(RULES)
    server = Server(tmp_path / "valkey").start()
    rules = AWARE % (service.url, application.port)
    made = TwoReleases(tmp_path / "run", server, rules, CRM=SECRET)
    made.before = before
    made.start("sandbox", "web", "inbound", "outbound", "outgoing", "beat")
    yield made
    service.over.set()
    application.hangs.set()
    made.stop()
    server.kill()


def write(stack: TwoReleases, text: str) -> None:
    items = [message_item(f"wamid.{text}.{one}", text, one) for one in CUSTOMERS]
    assert stack.post_all([delivery_body(one) for one in items]) == [200] * len(items)


def replies(stack: TwoReleases, text: str) -> list[int]:
    """Return how often each customer was sent a text."""
    posted = [(one["to"].lstrip("+"), one["body"]["text"]["body"]) for one in stack.posted()]
    return [posted.count((one, text)) for one in CUSTOMERS]


def deferred(stack: TwoReleases) -> int:
    with redis.Redis.from_url(stack.server.url) as client:
        asides = [client.zcard(f"{keys.partition(i)}aside") for i in range(keys.PARTITIONS)]
    return sum(int(one) for one in asides if isinstance(one, int))


def skip_waits(stack: TwoReleases) -> None:
    """Let pauses of what is deferred be over, and those of wake-ups that a worker dropped."""
    with closing(Store(stack.server.url)) as store:
        make_due(store)
        end_outgoing_bells(store.redis)


def replace_planner(stack: TwoReleases) -> None:
    """Let workers of before take the place of the one that plans, with the rules that they know."""
    stack.programs["inbound"].kill()
    with redis.Redis.from_url(stack.server.url) as client:
        end_partition_leases(client)
    with reaching(stack, GATEWAY_RULES=str(stack.folder.parent / "plain.yaml")):
        for name in ("inbound#before", "outgoing#before"):
            stack.run(name)


def test_a_release_that_knows_no_forwards_leaves_their_answers_to_this_one(
    stack: TwoReleases, service: RunningService, application: Application
) -> None:
    write(stack, "order")
    write(stack, "hello")
    wait_until(lambda: service.at_once == len(CUSTOMERS), "all services are asked")
    wait_until(lambda: bool(application.posts), "a forward is posted")
    wait_until(stack.idle, "all is planned")

    replace_planner(stack)
    service.over.set()
    application.hangs.set()
    wait_until(lambda: deferred(stack) == 2 * len(CUSTOMERS), "answers are left to others")
    write(stack, "which color?")
    wait_until(lambda: replies(stack, COLOURS) == [1] * 4, "the release before goes on")
    assert (replies(stack, TRACKED), replies(stack, NOTED)) == ([0] * 4, [0] * 4)

    stack.run("inbound")

    def all_answered() -> bool:
        skip_waits(stack)
        return replies(stack, TRACKED) == replies(stack, NOTED) == [1] * 4

    wait_until(all_answered, "this release takes the answers", 120)
    assert all(stack.programs[f"{kind}#before"].alive() for kind in ("inbound", "outgoing"))
    stack.programs["inbound#before"].stop()
    write(stack, "order again")
    write(stack, "hello again")

    def all_answered_again() -> bool:
        skip_waits(stack)  # the worker of before drops wake-ups for what it does not know
        return replies(stack, TRACKED) == replies(stack, NOTED) == [2] * 4

    wait_until(all_answered_again, "it takes what comes", 120)
    wait_until(stack.idle, "nothing waits")
    assert deferred(stack) == 0
    assert replies(stack, COLOURS) == [1] * 4
    assert stack.metrics()["gateway_dead_letters"] == 0
