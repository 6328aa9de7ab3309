"""Sends of a template that Meta has stopped: out of their lanes, and back at their places."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.sending.send import BULK, Send
from gateway.store.api import sent_messages
from gateway.store.body_codec import Bodies
from gateway.store.maintenance import due_items
from gateway.store.redis.client import Store
from gateway.store.templates import waiting_sends
from gateway.store.templates.waiting_sends import resume_sends
from tests.support.factories import ANA, NUMBER
from tests.support.store.raw import raw
from tests.support.store.sends import (
    PREFIX,
    a_send,
    dead_members,
    queue,
    row,
    settle,
    stage,
    take,
)

pytestmark = pytest.mark.store
TEMPLATE = "order_sent en_US"
ERROR = '{"code":132015,"template":"order_sent en_US"}'
ONE, TWO = a_send("one"), a_send("two")


def stop(store: Store, *sends: Send) -> None:
    """Queue sends, and let each find its template stopped."""
    queue(store, *sends)
    for send in sends:
        assert take(store, 1) == [send.id.rstrip("x")]
        settle(store, send, "stopped", error_json=ERROR)


def waiting(store: Store) -> tuple[str, ...]:
    (due,) = [one for one in due_items.tick(store, [NUMBER])]
    return due.templates


def test_a_send_waits_beside_its_lane_and_costs_no_try(store: Store) -> None:
    queue(store, ONE, TWO)
    take(store)
    settle(store, ONE, "stopped", error_json=ERROR)

    assert (stage(store, ONE), row(store, ONE)["spent"]) == ("parked", "1")
    assert row(store, ONE)["parked_for"] == TEMPLATE
    assert waiting(store) == (TEMPLATE,)
    assert take(store) == ["two"]
    assert dead_members(store) == []


def test_they_go_on_at_their_places_once_the_template_is_sent_again(store: Store) -> None:
    stop(store, ONE, TWO)
    queue(store, a_send("three"))

    assert resume_sends(store, NUMBER, TEMPLATE) == 2

    assert take(store) == ["one"]
    settle(store, ONE, "accepted", attempt=2)
    assert take(store) == ["two"]
    assert waiting(store) == ()
    assert raw(store).exists(f"{PREFIX}parked", f"{PREFIX}templates") == 0


def test_to_resume_twice_or_what_never_waited_does_no_harm(store: Store) -> None:
    stop(store, ONE)

    assert [resume_sends(store, NUMBER, TEMPLATE) for _ in range(2)] == [1, 0]
    assert resume_sends(store, NUMBER, "other en") == 0
    assert take(store) == ["one"]


def test_many_come_back_in_parts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_sends, "AT_ONCE", 2)
    sends = [a_send(f"s{i}", f"lane{i}", priority=BULK) for i in range(5)]
    queue(store, *sends)
    assert len(take(store)) == 5
    for send in sends:
        settle(store, send, "stopped", error_json=ERROR)
    monkeypatch.setattr(waiting_sends, "MOST_IN_A_TICK", 4)

    assert resume_sends(store, NUMBER, TEMPLATE) == 4
    assert waiting(store) == (TEMPLATE,)
    assert resume_sends(store, NUMBER, TEMPLATE) == 1
    assert len(take(store)) == 5


def test_one_whose_time_is_over_expires(store: Store) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=30)
    brief = a_send("brief", expires_at=soon)
    stop(store, brief)
    raw(store).zadd(f"{PREFIX}parked", {brief.id: 1})

    waiting(store)

    assert stage(store, brief) == "expired"
    assert "stopped its template" in row(store, brief)["error"]
    assert resume_sends(store, NUMBER, TEMPLATE) == 0


def test_one_that_waits_can_be_cancelled(store: Store) -> None:
    stop(store, ONE)

    assert sent_messages.cancel(store, NUMBER, ONE.id) == ""

    assert stage(store, ONE) == "cancelled"
    assert resume_sends(store, NUMBER, TEMPLATE) == 0
    assert take(store) == []


def test_one_that_then_waits_for_its_customer_is_not_resumed_with_the_template(
    store: Store,
) -> None:
    stop(store, ONE)
    resume_sends(store, NUMBER, TEMPLATE)
    take(store)
    settle(store, ONE, "parked", attempt=2)
    raw(store).zadd(f"{PREFIX}template:{TEMPLATE}", {ONE.id: 1})  # as a script left it

    assert resume_sends(store, NUMBER, TEMPLATE) == 1

    assert (stage(store, ONE), "parked_for" in row(store, ONE)) == ("parked", False)
    assert raw(store).exists(f"{PREFIX}parked:{ANA}") == 1


def test_the_api_says_for_what_a_message_waits(store: Store) -> None:
    stop(store, ONE)
    found = sent_messages.find_message(store, Bodies(), [NUMBER], ONE.id)

    assert found
    assert found.send.parked_for == TEMPLATE
    assert found.send.state.parked_till


def test_damaged_keys_of_templates_stop_no_tick(store: Store) -> None:
    queue(store, ONE)
    raw(store).set(f"{PREFIX}templates", "damaged")

    (due,) = due_items.tick(store, [NUMBER])

    assert (due.templates, [one.kind for one in due.damaged]) == ((), ["templates"])
    assert take(store) == ["one"]
