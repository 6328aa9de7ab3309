"""Calls of services by a worker: from a message through a real service back into the inbox."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.core.services.attempt_outcome import BREAKS_AFTER, DAMAGED
from gateway.rules.rulebook import Rulebook
from gateway.store import number_list
from gateway.store.body_codec import Bodies
from gateway.store.monitoring import alert_store
from gateway.store.outgoing import calls as stored_calls
from gateway.store.outgoing.calls import read_calls
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.tracing.masking import Masking
from gateway.store.tracing.story.story import Teller
from gateway.store.tracing.trace import Search
from gateway.store.tracing.traces import Traces
from tasks.context import WorkerContext, build_context
from tasks.outgoing import calls as outgoing
from tasks.scheduled.jobs import move_due
from tests.support.factories import ANA, NUMBER, delivery_body, message_item
from tests.support.rules.rulebooks import book
from tests.support.servers import wait_until
from tests.support.store.raw import now_ms
from tests.support.store.sends import WEEK
from tests.support.tasks.deaths import Deaths, deaths_of
from tests.support.tasks.service import TOKEN, RunningService, a_service
from tests.support.tasks.worker_state import PREFIX, counted, keep, planned, raw, rung, take_effect

pytestmark = pytest.mark.store
RULES = r"""
version: 1
services: {orders: {url: %s, auth: ORDERS_TOKEN, timeout: 1s}}
rules:
  - name: track
    when: {text: {matches: 'order (?P<no>\S+)'}}
    then:
      call: "orders:/orders/{{ no }}"
      ok: "Order {{ no }} is {{ answer.status }}, due {{ answer.eta | date('%%d/%%m') }}."
      404: I do not know {{ no }}.
      failed: A person will answer.
  - name: ask
    when: {text: {starts_with: "ask "}}
    then:
      call: {to: "orders:/ask", json: {text: "{{ text }}", name: "{{ name }}"}}
      failed: A person will answer.
"""


HANGING = """
version: 1
services:
  one: {url: %s, timeout: 60s}
  two: {url: %s, timeout: 60s}
  orders: {url: %s}
rules:
  - {name: one, when: {text: {starts_with: one}}, then: {call: "one:/", failed: No.}}
  - {name: two, when: {text: {starts_with: two}}, then: {call: "two:/", failed: No.}}
  - {name: orders, when: {text: {starts_with: orders}}, then: {call: "orders:/", failed: No.}}
"""


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch) -> Deaths:
    return deaths_of(monkeypatch)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningService]:
    monkeypatch.setenv("ORDERS_TOKEN", TOKEN)
    with a_service() as running:
        running.answer({"status": "on its way", "eta": "2026-12-05T10:00:00Z"})
        yield running


@pytest.fixture
def rules(
    at_work: WorkerContext, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> Rulebook:
    text = RULES % service.url
    Path(at_work.settings.gateway_rules).write_text(text)
    monkeypatch.setattr(at_work, "rules", build_context(at_work.settings).rules)
    return book(text)


def write(at_work: WorkerContext, rules: Rulebook, *texts: str, sender: str = ANA) -> None:
    """Let a customer write, and all of it have its effect."""
    for text in texts:
        keep(at_work.store, delivery_body(message_item(f"wamid.{text}", text, sender)))
    take_effect(at_work, rules)


def make_calls(at_work: WorkerContext, rules: Rulebook) -> None:
    """Make the calls that are due, and let what came back have its effect."""
    outgoing.make_due(at_work, NUMBER, "orders")
    wait_until(lambda: not outgoing._threads()._running.total(), "the calls are made")
    take_effect(at_work, rules)


def call_ids(store: Store) -> list[str]:
    return sorted(key.decode().rpartition(":")[2] for key in raw(store).keys(f"{PREFIX}call:*"))


def outcomes(store: Store) -> list[list[str]]:
    return [
        [one.outcome.partition(" after ")[0] for one in call.attempts]
        for call in read_calls(store, NUMBER, call_ids(store))
    ]


def let_leases_end(store: Store) -> None:
    for name in raw(store).zrange(f"{PREFIX}calls_due:orders", 0, -1):
        raw(store).zadd(f"{PREFIX}calls_due:orders", {name: 1})


def test_an_answer_comes_back_and_its_branch_follows_once(
    at_work: WorkerContext, rules: Rulebook, service: RunningService
) -> None:
    store = at_work.store
    write(at_work, rules, "order 123456")
    before = planned(store)
    make_calls(at_work, rules)
    make_calls(at_work, rules)

    (call,) = call_ids(store)
    assert before == []
    assert planned(store) == ["Order 123456 is on its way, due 05/12."]
    assert service.asked == [("GET", "/api/orders/123456")]
    assert service.heard[0]["authorization"] == f"Bearer {TOKEN}"
    assert service.heard[0]["idempotency-key"] == call
    assert (counted(store, "calls.planned"), counted(store, "calls.answered")) == (1, 1)


def test_a_trace_shows_the_call_and_what_followed_its_answer(
    at_work: WorkerContext, rules: Rulebook, service: RunningService
) -> None:
    number_list.add_number(at_work.store, NUMBER)
    write(at_work, rules, "order 123456")
    make_calls(at_work, rules)
    (call,) = call_ids(at_work.store)
    traces = Traces(at_work.store, Bodies())

    (found,) = traces.find_by_wamid("wamid.order 123456").traces
    (one,) = found.calls
    (send,) = found.answers[call].sends
    assert (one.payload["path"], one.stage, one.count) == ("/orders/123456", "answered", 1)
    assert one.attempts[0].outcome.startswith("HTTP 200 after ")
    assert "text" not in str(one.payload)
    # The call, and the send that followed, lead to the message.
    for name in (call, send.id):
        assert traces.find_by_send(name).traces[0].key == found.key
    (conversation,) = traces.find_by_contact(ANA, 10).conversations
    assert [trace.key for trace in conversation.traces] == [found.key]
    told = str(Teller(Masking(), datetime.now(UTC), WEEK).tell(Search((found,))))
    assert "the service orders answered 200, so `ok` follows" in told
    assert "123456" not in told.replace("wamid.order 123456", "")


def test_content_is_posted_and_the_service_says_what_is_sent(
    at_work: WorkerContext, rules: Rulebook, service: RunningService
) -> None:
    service.answer({"messages": ["One.", {"text": "Two."}]})
    write(at_work, rules, "ask me")
    make_calls(at_work, rules)

    assert orjson.loads(service.told[0]) == {"text": "ask me", "name": "Ana"}
    assert service.heard[0]["content-type"] == "application/json"
    assert planned(at_work.store) == ["One.", "Two."]


@pytest.mark.parametrize(
    ("status", "content", "said", "shown"),
    [
        (404, b"<html>", "I do not know 7.", "HTTP 404"),
        (500, b"", "A person will answer.", "HTTP 500"),
        (200, b"<html>", "A person will answer.", "HTTP 200"),
        (200, b"[" * 70_000, "A person will answer.", "HTTP 200, the answer is longer than 64 kB"),
        (302, b"", "A person will answer.", "HTTP 302"),
    ],
)
def test_what_is_no_good_answer_has_a_branch(
    at_work: WorkerContext,
    rules: Rulebook,
    service: RunningService,
    status: int,
    content: bytes,
    said: str,
    shown: str,
) -> None:
    service.status, service.content = status, content
    service.headers = {"Location": "http://169.254.169.254/latest"}
    write(at_work, rules, "order 7")
    make_calls(at_work, rules)

    assert planned(at_work.store) == [said]
    assert outcomes(at_work.store) == [[shown]]


def test_a_get_without_an_answer_is_repeated_and_then_fails(
    at_work: WorkerContext, rules: Rulebook, service: RunningService
) -> None:
    service.status = None
    write(at_work, rules, "order 7")
    for _ in range(4):
        make_calls(at_work, rules)
        let_leases_end(at_work.store)

    assert outcomes(at_work.store) == [["ReadTimeout"] * 3]
    assert len({one["idempotency-key"] for one in service.heard}) == 1
    assert planned(at_work.store) == ["A person will answer."]


def test_a_post_without_an_answer_is_not_repeated(
    at_work: WorkerContext, rules: Rulebook, service: RunningService
) -> None:
    service.status = None
    write(at_work, rules, "ask me")
    make_calls(at_work, rules)

    assert (len(service.asked), planned(at_work.store)) == (1, ["A person will answer."])
    assert counted(at_work.store, "calls.failed") == 1


@pytest.mark.parametrize(
    ("text", "said", "asked"),
    [
        ("order 7", "Order 7 is on its way, due 05/12.", 2),
        ("ask me", "A person will answer.", 1),
    ],
)
@pytest.mark.parametrize("step", ["append_answer", "settle"])
def test_a_worker_that_dies_after_the_call_leaves_one_effect(
    at_work: WorkerContext,
    rules: Rulebook,
    service: RunningService,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    said: str,
    asked: int,
    step: str,
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    service.answer({"messages": ["Hi."], "status": "on its way", "eta": "2026-12-05"})
    write(at_work, rules, text)
    with monkeypatch.context() as dying:
        holder = at_work.inbox if step == "append_answer" else stored_calls
        dying.setattr(type(holder) if step == "append_answer" else holder, step, die)
        with pytest.raises(KeyboardInterrupt):
            outgoing.make_due(at_work, NUMBER, "orders")
    take_effect(at_work, rules)
    let_leases_end(at_work.store)
    make_calls(at_work, rules)

    # A POST whose answer was in the inbox before the death keeps that answer.
    said = "Hi." if (text, step) == ("ask me", "settle") else said
    assert (planned(at_work.store), len(service.asked)) == ([said], asked)


def test_an_answer_outlives_a_store_that_is_away_for_a_moment(
    at_work: WorkerContext,
    rules: Rulebook,
    service: RunningService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    append, refusals = type(at_work.inbox).append_answer, [StoreUnavailableError("gone")]

    def refuse_once(*args: Any) -> None:
        if refusals:
            raise refusals.pop()
        append(*args)

    monkeypatch.setattr(type(at_work.inbox), "append_answer", refuse_once)
    monkeypatch.setattr(outgoing, "RETRY_S", 0.01)
    service.answer({"messages": ["Hi."]})
    write(at_work, rules, "ask me")
    make_calls(at_work, rules)

    assert (planned(at_work.store), len(service.asked)) == (["Hi."], 1)


def test_a_service_that_is_dead_is_left_alone_and_its_customers_hear_at_once(
    at_work: WorkerContext, rules: Rulebook, service: RunningService
) -> None:
    service.status = 503
    write(at_work, rules, *(f"ask {n}" for n in range(BREAKS_AFTER + 20)))
    make_calls(at_work, rules)
    while raw(at_work.store).exists(f"{PREFIX}calls"):
        make_calls(at_work, rules)

    assert BREAKS_AFTER <= len(service.asked) < BREAKS_AFTER + 20
    assert counted(at_work.store, "calls.failed") + counted(at_work.store, "calls.answered") == 25
    service.answer({"messages": ["Back."]})
    raw(at_work.store).hset(f"{PREFIX}breaker:orders", "until", 1)
    write(at_work, rules, "ask again", sender="351900000002")
    make_calls(at_work, rules)
    assert not raw(at_work.store).exists(f"{PREFIX}breaker:orders")


def test_a_missing_secret_is_told_and_nothing_is_called(
    at_work: WorkerContext,
    rules: Rulebook,
    service: RunningService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ORDERS_TOKEN")
    write(at_work, rules, "order 7")
    make_calls(at_work, rules)

    assert service.asked == []
    assert outcomes(at_work.store) == [["the secret ORDERS_TOKEN is not set for worker-outgoing"]]
    assert planned(at_work.store) == ["A person will answer."]


def test_a_secret_whose_file_cannot_be_read_is_told_as_such(
    at_work: WorkerContext,
    rules: Rulebook,
    service: RunningService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ORDERS_TOKEN")
    monkeypatch.setenv("ORDERS_TOKEN_FILE", "/nowhere/token")
    write(at_work, rules, "order 7")
    make_calls(at_work, rules)

    assert service.asked == []
    (told,) = outcomes(at_work.store)
    assert told == ["of worker-outgoing ORDERS_TOKEN_FILE names a file that cannot be read"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda payload: b"{", []),
        (lambda payload: None, []),
        (lambda payload: b"7", []),
        (lambda payload: orjson.dumps(payload | {"path": 7}), ["A person will answer."]),
    ],
    ids=["no JSON", "lost", "no object", "no path"],
)
def test_a_call_whose_payload_is_damaged_fails_and_stops_no_other(
    at_work: WorkerContext,
    rules: Rulebook,
    service: RunningService,
    damage: Callable[[dict[str, Any]], bytes | None],
    said: list[str],
) -> None:
    store = at_work.store
    write(at_work, rules, "order 7")
    (call,) = call_ids(store)
    write(at_work, rules, "order 8", sender="351900000002")
    row = f"{PREFIX}call:{call}"
    payload = damage(orjson.loads(raw(store).hget(row, "payload")))
    raw(store).hset(row, "payload", payload) if payload else raw(store).hdel(row, "payload")

    make_calls(at_work, rules)

    (left,) = read_calls(store, NUMBER, [call])
    assert (left.stage, [one.outcome for one in left.attempts]) == ("failed", [DAMAGED])
    assert service.asked == [("GET", "/api/orders/8")]
    assert planned(store) == [*said, "Order 8 is on its way, due 05/12."]
    noted = alert_store.active_alerts(store, now_ms(store)).values()
    assert [(one.cause.kind, one.cause.detail) for one in noted] == [("damaged", "call")]
    assert not raw(store).exists(f"{PREFIX}calls_due:orders")


def test_a_call_rings_when_it_is_planned_and_a_tick_rings_again(
    at_work: WorkerContext, rules: Rulebook
) -> None:
    write(at_work, rules, "order 7")
    wait_until(lambda: rung(at_work.store, "outgoing") == 1, "a thread of its own rings")
    raw(at_work.store).delete(f"{PREFIX}bell:call:orders")
    move_due(at_work, [NUMBER])

    assert rung(at_work.store, "outgoing") == 2


def crowd_out(at_work: WorkerContext, rules: Rulebook) -> None:
    """Let a call be planned, then as many newer ones as there is room for."""
    write(at_work, rules, "order 7")
    newer = {f"newer-{n}": 9e12 + n for n in range(9_999)}
    raw(at_work.store).zadd(f"{PREFIX}calls", newer)
    write(at_work, rules, "order 8", sender="351900000002")


def test_a_call_without_room_is_not_made_and_its_customer_hears_it_once(
    at_work: WorkerContext, rules: Rulebook, service: RunningService
) -> None:
    store = at_work.store
    crowd_out(at_work, rules)
    for _ in range(2):
        move_due(at_work, [NUMBER])
        take_effect(at_work, rules)

    assert planned(store) == ["A person will answer."]
    make_calls(at_work, rules)
    assert service.asked == [("GET", "/api/orders/8")]
    assert counted(store, "calls.crowded_out") == 1
    assert raw(store).zcard(f"{PREFIX}calls_crowded") == 0


def test_a_tick_that_dies_while_it_ends_calls_without_room_is_followed_by_another(
    at_work: WorkerContext, rules: Rulebook, service: RunningService, deaths: Deaths
) -> None:
    store, calls = at_work.store, 0
    while deaths.left < 0:
        store.redis.flushdb()
        crowd_out(at_work, rules)
        deaths.left = calls
        deaths.insist(lambda: move_due(at_work, [NUMBER]))
        move_due(at_work, [NUMBER])
        take_effect(at_work, rules)
        assert planned(store) == ["A person will answer."], calls
        assert counted(store, "calls.crowded_out") == 1
        calls += 1
    assert calls > 4


def test_an_answer_that_came_in_time_counts_although_there_was_no_room(
    at_work: WorkerContext, rules: Rulebook, service: RunningService
) -> None:
    store = at_work.store
    crowd_out(at_work, rules)
    (crowded,) = raw(store).zrange(f"{PREFIX}calls_crowded", 0, -1)
    # As if a worker had it in hand: its lease ends, and it is made once more.
    raw(store).zadd(f"{PREFIX}calls_due:orders", {crowded: 1})
    make_calls(at_work, rules)
    move_due(at_work, [NUMBER])
    take_effect(at_work, rules)

    assert sorted(text.partition(" is ")[0] for text in planned(store)) == ["Order 7", "Order 8"]
    assert raw(store).zcard(f"{PREFIX}calls_crowded") == 0


def test_services_that_hang_leave_room_for_another(
    at_work: WorkerContext, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_service() as slow:
        slow.status = None
        text = HANGING % (slow.url, slow.url, service.url)
        Path(at_work.settings.gateway_rules).write_text(text)
        monkeypatch.setattr(at_work, "rules", build_context(at_work.settings).rules)
        names = [f"{name} {n}" for name in ("one", "two") for n in range(outgoing.MOST_CALLS // 2)]
        write(at_work, book(text), *names, "orders 1")
        for name in ("one", "two"):
            outgoing.start_calls(at_work, NUMBER, name)
        most = 2 * outgoing.MOST_OF_SERVICE
        wait_until(lambda: len(slow.asked) == most, "as many hang as may")

        outgoing.start_calls(at_work, NUMBER, "orders")
        wait_until(lambda: len(service.asked) == 1, "the other service is asked")
        assert len(slow.asked) == most
        slow.over.set()
        wait_until(lambda: not outgoing._threads()._running.total(), "no call is left")
