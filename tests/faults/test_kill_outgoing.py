"""kill -9 between any two steps of forwards and calls: each effect once, nothing lost, in order."""

import base64
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
import redis

from gateway.store import keys
from gateway.store.lua.scripts import SCRIPTS
from tests.support.factories import delivery_body, message_item
from tests.support.faults.dying_stack import HaltedStack, deliver
from tests.support.faults.ledger import PREFIX
from tests.support.servers import Server, wait_until
from tests.support.tasks.receiving_application import Application, an_application
from tests.support.tasks.service import RunningService, a_service

pytestmark = pytest.mark.faults
SECRET = f"whsec_{base64.b64encode(b's' * 32).decode()}"
RULES = r"""
version: 1
services:
  orders: {url: %s, timeout: 60s}
forwards:
  - {to: crm, url: "http://127.0.0.1:%d/", secret: CRM}
rules:
  - name: track
    when: {text: {matches: 'order (?P<no>\S+)'}}
    then: {call: "orders:/orders/{{ no }}", ok: "It is {{ answer.status }}.", failed: Nobody knows.}
  - name: ask
    when: {text: {matches: 'ask (?P<no>\S+)'}}
    then: {call: {to: "orders:/ask/{{ no }}", json: {asks: "{{ no }}"}}, failed: Nobody knows.}
  - name: hand on
    when: {text: {starts_with: hello}}
    then: {forward: crm}
"""
TRACKED, ASKED, UNKNOWN = "It is sent.", "Yes.", "Nobody knows."
CUSTOMERS, HELLOS = 12, 3

# In the order in which they come. "plan" and "answer" are the inbound worker's: it plans a message,
# and what came back of its call or forward.
PLANNING = (
    "load.before", "load.after", "commit.before", "commit.half", "commit.after", "ring.before",
    "ring.after", "pass.before", "pass.half", "pass.after", "tick.before", "tick.after",
)  # fmt: skip
ANSWERING = tuple(step for step in PLANNING if not step.startswith("tick"))
CALLING = (
    "bell.before", "bell.after", "take_calls.before", "take_calls.after", "call.before",
    "call.after", "keep.before", "keep.after", "ring.before", "ring.after", "settle_call.before",
    "settle_call.after",
)  # fmt: skip
FORWARDING = (
    "bell.before", "bell.after", "oldest_forwards.before", "oldest_forwards.after",
    "take_forwards.before", "take_forwards.after", "forward.before", "forward.after", "keep.before",
    "keep.after", "ring.before", "ring.after", "settle_forwards.before", "settle_forwards.after",
)  # fmt: skip
# Of the scripts of the queue, those that are steps of something else.
ELSEWHERE = {
    "control_forwards": "one write, by the operator or for a copy",
    "take_notifications": "tests/e2e/test_notifications.py kills the worker in its posts",
    "settle_notification": "tests/e2e/test_notifications.py kills the worker in its posts",
}
# A worker that dies here has no call in hand, so no answer may be unknown.
NOTHING_IN_HAND = ("bell.before", "bell.after", "take_calls.before")


def cases(of_worker: Sequence[str], always: str) -> list[Any]:
    """Return all deaths, of which one stands for the others in the short run."""
    kinds = (("plan", PLANNING), ("outgoing", of_worker), ("answer", ANSWERING))
    steps = [f"{kind}: {step}" for kind, listed in kinds for step in listed]
    return [one if one == always else pytest.param(one, marks=pytest.mark.long) for one in steps]


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with a_service() as running:
        running.answer({"status": "sent", "messages": [ASKED]})
        running.over.set()  # until a test holds its answers
        running.takes_s = 50
        yield running


@pytest.fixture(scope="module")
def application() -> Iterator[Application]:
    with an_application() as running:
        running.status, running.answer = 200, note
        yield running


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, service: RunningService, application: Application
) -> Iterator[HaltedStack]:
    folder = tmp_path_factory.mktemp("outgoing")
    server = Server(folder / "valkey").start()
    rules = RULES % (service.url, application.port)
    made = HaltedStack(folder, server, rules, CRM=SECRET)
    made.start("sandbox", "web", "inbound", "outbound", "outgoing", "beat")
    yield made
    service.over.set()
    application.hangs.set()
    made.stop()
    server.kill()


@dataclass(frozen=True)
class Crowd:
    """Customers of whom nobody has heard."""

    number: int

    @property
    def customers(self) -> list[str]:
        return [f"3519{self.number:04d}{one:04d}" for one in range(CUSTOMERS)]

    def bodies(self, *texts: str) -> list[list[bytes]]:
        """Return each customer's deliveries in their order; `%s` stands for the customer."""
        return [
            [self._body(who, text % who if "%" in text else text) for text in texts]
            for who in self.customers
        ]

    def _body(self, who: str, text: str) -> bytes:
        return delivery_body(message_item(f"wamid.{who}.{text}", text, who))

    def replies(self, stack: HaltedStack) -> dict[str, list[str]]:
        """Return what Meta was posted for each of them, in order."""
        found: dict[str, list[str]] = {who: [] for who in self.customers}
        for one in stack.posted():
            if (who := one["to"].lstrip("+")) in found:
                found[who].append(one["body"]["text"]["body"])
        return found


@pytest.fixture
def crowd(stack: HaltedStack, service: RunningService, application: Application) -> Crowd:
    for heard in (service.asked, service.heard, application.posts):
        heard.clear()
    with redis.Redis.from_url(stack.server.url) as client:
        return Crowd(int(client.incr("crowds")))


def note(body: bytes) -> bytes:
    """Answer as an application does that says something about each message."""
    return orjson.dumps({"messages": [f"Noted: {orjson.loads(body)['data']['text']}"]})


@pytest.mark.parametrize("case", cases(CALLING, "outgoing: call.after"))
def test_a_call_whose_worker_is_killed_at_any_step_has_its_effect_once(
    stack: HaltedStack, service: RunningService, crowd: Crowd, case: str
) -> None:
    with dying(stack, case, service.over, lambda: service.at_once > 0):
        assert deliver(stack, crowd.bodies("order %s", "ask %s")) == {200}
    wait_until(lambda: all(len(one) >= 2 for one in crowd.replies(stack).values()), "answers")
    wait_until(lambda: not waiting(stack), "no call waits")
    stack.settle()

    replies = crowd.replies(stack)
    assert all(one.count(TRACKED) == 1 and len(one) == 2 for one in replies.values()), replies
    answered = Counter(text for texts in replies.values() for text in texts)
    assert answered[ASKED] + answered[UNKNOWN] == CUSTOMERS
    kind, step = case.split(": ")
    assert not answered[UNKNOWN] or (kind == "outgoing" and step not in NOTHING_IN_HAND)
    asked = Counter(service.asked)
    assert max(times for (method, _), times in asked.items() if method == "POST") == 1
    ids = {one["idempotency-key"] for one in service.heard if "content-type" not in one}
    assert len(ids) == sum(method == "GET" for method, _ in asked) == CUSTOMERS
    assert unlisted(stack) == set()


@pytest.mark.parametrize("case", cases(FORWARDING, "outgoing: keep.after"))
def test_a_forward_whose_worker_is_killed_at_any_step_arrives_and_is_answered_once(
    stack: HaltedStack, application: Application, crowd: Crowd, case: str
) -> None:
    texts = [f"hello {n}" for n in range(HELLOS)]
    with dying(stack, case, application.hangs, lambda: bool(application.posts)):
        assert deliver(stack, crowd.bodies(*texts)) == {200}
    expected = {who: [f"Noted: {text}" for text in texts] for who in crowd.customers}
    wait_until(lambda: crowd.replies(stack) == expected, "each answer is sent once, in order")
    wait_until(lambda: not waiting(stack), "no forward waits")
    stack.settle()

    assert crowd.replies(stack) == expected
    arrived, ids = defaultdict(list), defaultdict(set)
    for headers, body in application.posts:
        event = orjson.loads(body)
        arrived[event["contact"]["wa_id"]].append(event["data"]["text"])
        ids[headers["webhook-id"]].add((event["contact"]["wa_id"], event["data"]["text"]))
    assert {who: sorted(set(got)) for who, got in arrived.items()} == dict.fromkeys(
        crowd.customers, texts
    )
    assert all(got == sorted(got) for got in arrived.values()), "none comes before an earlier one"
    assert len(ids) == CUSTOMERS * HELLOS
    assert {len(events) for events in ids.values()} == {1}
    assert unlisted(stack) == set()


def test_every_script_of_the_queue_is_a_step_or_stands_elsewhere() -> None:
    steps = {step.partition(".")[0] for step in (*CALLING, *FORWARDING)}
    scripts = {one.stem for one in (SCRIPTS / "outgoing").glob("*.lua")}
    assert scripts <= steps | ELSEWHERE.keys()


def unlisted(stack: HaltedStack) -> set[str]:
    """Return the steps to which calls and forwards came, and at which no worker dies here."""
    return stack.reached("outgoing") - {*CALLING, *FORWARDING}


@contextmanager
def dying(
    stack: HaltedStack, case: str, released: threading.Event, is_asked: Callable[[], bool]
) -> Iterator[None]:
    """Let a process die at a step of what is delivered meanwhile, and start it again.

    An inbound worker that dies has all before it at once, so that it comes to the middle of a step.
    """
    kind, step = case.split(": ")
    # A worker sends no wake-up while one of the web's is on its way.
    holds_answers = kind == "answer" or case.startswith("outgoing: ring")
    if kind == "outgoing":
        stack.ask("outgoing", step)
    elif kind == "plan":
        stop_planning(stack)
    if holds_answers:
        released.clear()
    try:
        yield
        if holds_answers:
            wait_until_planned(stack, is_asked)
        if kind == "answer":
            stop_planning(stack)
    finally:
        released.set()
    if kind == "answer":
        wait_until(lambda: not waiting(stack), "all answers are in the inbox")
    if kind != "outgoing":
        stack.ask("inbound", step)
        stack.run("inbound")
    stack.bury("outgoing" if kind == "outgoing" else "inbound", step)


def wait_until_planned(stack: HaltedStack, is_asked: Callable[[], bool]) -> None:
    wait_until(is_asked, "the first are asked")
    wait_until(stack.idle, "all is planned")
    wait_until(lambda: not stack.server.command("EXISTS", keys.INBOX_BELL), "no bell rings")


def stop_planning(stack: HaltedStack) -> None:
    stack.programs["inbound"].kill()
    stack.let_leases_end("inbound")


def waiting(stack: HaltedStack) -> int:
    """Return how many calls and forwards wait."""
    with redis.Redis.from_url(stack.server.url) as client:
        found: Any = client.zcard(f"{PREFIX}calls"), client.zcard(f"{PREFIX}forwards:crm:waiting")
    return sum(found)
