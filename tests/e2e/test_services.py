"""Calls of services through real processes: killed in mid-call, and a thousand at once."""

from collections.abc import Iterator

import pytest
import redis

from gateway.store import keys
from tasks.outgoing.calls import MOST_OF_SERVICE
from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack
from tests.support.tasks.service import TOKEN, RunningService, a_service

pytestmark = pytest.mark.e2e
RULES = r"""
version: 1
services:
  orders: {url: %s, auth: ORDERS_TOKEN, timeout: 20s}
  quick: {url: %s}
rules:
  - name: track
    when: {text: {matches: 'order (?P<no>\d+)'}}
    then:
      call: "orders:/orders/{{ no }}"
      ok: "{{ no }} is {{ answer.status }}."
      failed: A person will answer.
  - name: quick
    when: {text: quick}
    then: {call: "quick:/x", ok: Quick., failed: A person will answer.}
  - name: ask
    when: {text: {starts_with: ask}}
    then:
      call: {to: "orders:/ask", json: {text: "{{ text }}"}}
      failed: A person will answer.
"""
ANA, BOB = "351900000001", "351900000002"
CROWD = 120


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with a_service() as running:
        yield running


@pytest.fixture(scope="module")
def quick() -> Iterator[RunningService]:
    with a_service() as running:
        yield running


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, service: RunningService, quick: RunningService
) -> Iterator[Stack]:
    tmp_path = tmp_path_factory.mktemp("services")
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server, RULES % (service.url, quick.url), ORDERS_TOKEN=TOKEN)
    made.start("sandbox", "web", "inbound", "outbound", "outgoing", "beat")
    yield made
    service.over.set()
    made.stop()
    server.kill()


def write(stack: Stack, customer: str, text: str) -> None:
    body = delivery_body(message_item(f"wamid.{customer}.{text}", text, customer))
    assert stack.post(body).is_success


def let_leases_end(stack: Stack) -> None:
    due = f"{keys.number(NUMBER)}calls_due:orders"
    with redis.Redis.from_url(stack.server.url) as client:
        for name in client.zrange(due, 0, -1):
            client.zadd(due, {name: 1})


def replies(stack: Stack) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in stack.posted():
        said = one["body"].get("text", {}).get("body", "")
        found.setdefault(one["to"].lstrip("+"), []).append(said)
    return found


def test_a_worker_killed_in_mid_call_leaves_one_effect(
    stack: Stack, service: RunningService
) -> None:
    service.status = None  # it holds what it is asked
    write(stack, ANA, "order 7")
    write(stack, BOB, "ask me")
    wait_until(lambda: len(service.asked) == 2, "both calls are under way")
    stack.programs["outgoing"].kill()
    service.answer({"status": "sent", "messages": ["Yes."]})
    stack.run("outgoing")
    let_leases_end(stack)

    # A GET is made again; a POST may have acted, so nobody makes it again.
    wanted = {ANA: ["7 is sent."], BOB: ["A person will answer."]}
    wait_until(lambda: replies(stack) == wanted, "each is answered")
    wait_until(stack.idle, "nothing waits")
    assert replies(stack) == wanted
    assert sorted(service.asked) == [
        ("GET", "/api/orders/7"), ("GET", "/api/orders/7"), ("POST", "/api/ask"),
    ]  # fmt: skip
    keys_of_get = {h["idempotency-key"] for h in service.heard if "content-type" not in h}
    assert len(keys_of_get) == 1


def test_a_crowd_that_asks_a_slow_service_leaves_room_for_another(
    stack: Stack, service: RunningService, quick: RunningService
) -> None:
    service.answer({"status": "sent"})
    service.takes_s, service.most_at_once = 1.0, 0
    crowd = [f"3519100{n:05}" for n in range(CROWD)]
    bodies = [delivery_body(message_item(f"wamid.{one}", "order 7", one)) for one in crowd]
    stack.post_all(bodies)
    wait_until(lambda: service.most_at_once > MOST_OF_SERVICE // 2, "many ask at once")
    before = len(service.asked)
    write(stack, "351920000001", "quick")
    wait_until(lambda: len(quick.asked) == 1, "the other service is asked")
    meanwhile = len(service.asked) - before
    wait_until(lambda: replies(stack).keys() >= {*crowd, "351920000001"}, "all are answered", 120)

    # It had its turn beside the crowd, and not behind all that still waited.
    assert before + meanwhile < CROWD
    assert meanwhile <= 4 * MOST_OF_SERVICE
    assert service.most_at_once <= MOST_OF_SERVICE
    assert all(replies(stack)[one] == ["7 is sent."] for one in crowd)
