"""What cannot go while the window is closed: parked, replaced, or given up."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.sending.send import Send
from gateway.store import number_list
from gateway.store.maintenance import due_items
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Store
from tests.support.factories import ANA, NUMBER, a_message
from tests.support.store.plans import planned
from tests.support.store.raw import raw
from tests.support.store.sends import (
    PREFIX,
    WEEK,
    a_send,
    dead_members,
    lanes,
    queue,
    ready_in_s,
    row,
    settle,
    stage,
    take,
)

pytestmark = pytest.mark.store
ONE = a_send("one", closed="wait")
INSTEAD = {"type": "template", "template": {"name": "we_answered"}}


def park(store: Store, send: Send = ONE) -> None:
    queue(store, send)
    take(store)
    settle(store, send, "parked", error_json='{"code":131047}')


def write(store: Store, wamid: str = "wamid.again") -> None:
    """Let the customer write, and plan that."""
    now = datetime.now(UTC)
    assert commit(store, planned(store, a_message(wamid, ANA, at=now)), WEEK) == [True]


def test_a_parked_send_leaves_its_lane_and_costs_no_try(store: Store) -> None:
    park(store)

    assert (stage(store, ONE), row(store, ONE)["spent"]) == ("parked", "1")
    assert ready_in_s(store) is None
    assert dead_members(store) == []


def test_the_next_send_of_the_lane_goes(store: Store) -> None:
    queue(store, ONE, a_send("two"))
    take(store)

    settle(store, ONE, "parked")

    assert take(store) == ["two"]


def test_what_was_parked_goes_first_when_the_customer_writes(store: Store) -> None:
    park(store)

    write(store)

    (first,) = lanes(store).pump([], 1).attempts
    assert first.send == ONE.id
    assert first.contact.last_inbound_at
    assert raw(store).exists(f"{PREFIX}parked", f"{PREFIX}parked:{ANA}") == 0


def test_what_is_parked_just_after_the_customer_wrote_is_judged_once_more(store: Store) -> None:
    queue(store, ONE)
    take(store)
    write(store)

    settle(store, ONE, "parked")

    assert stage(store, ONE) == "queued"
    assert take(store, 1) == ["one"]


def test_somebody_elses_message_wakes_nobody(store: Store) -> None:
    park(store)

    commit(store, planned(store, a_message("wamid.b", "351900000002")), WEEK)

    assert stage(store, ONE) == "parked"


def test_what_nobody_asked_for_in_time_expires(store: Store) -> None:
    short = a_send("short", closed="wait", expires_at=datetime.now(UTC) + timedelta(seconds=60))
    park(store, short)
    raw(store).zadd(f"{PREFIX}parked", {short.id: 1})
    number_list.add_number(store, NUMBER)

    due_items.tick(store)

    assert stage(store, short) == "expired"
    assert dead_members(store) == [f"send:{short.id}"]
    assert raw(store).exists(f"{PREFIX}parked", f"{PREFIX}parked:{ANA}") == 0


def test_the_template_goes_instead_with_the_next_attempt(store: Store) -> None:
    one = a_send("one", closed="template", instead=INSTEAD)
    queue(store, one)
    (first,) = lanes(store).pump([], 9).attempts

    settle(store, one, "instead")

    (second,) = lanes(store).pump([], 9).attempts
    assert (first.body, first.closed) == (one.body, "template")
    assert (second.body, second.closed, second.tries) == (INSTEAD, "", 1)


def test_what_a_rule_lets_go_is_no_dead_letter(store: Store) -> None:
    one = a_send("one", closed="drop")
    queue(store, one)
    take(store)

    settle(store, one, "dropped", error_json='{"code":131047}')

    assert stage(store, one) == "dropped"
    assert dead_members(store) == []


def test_an_attempt_knows_the_customer_as_they_are_now(store: Store) -> None:
    write(store)

    (reply,) = lanes(store).pump([], 9).attempts

    assert reply.contact.key == ANA
    assert reply.contact.last_inbound_at
    assert not reply.marketing


def test_an_attempt_knows_that_it_is_marketing(store: Store) -> None:
    queue(store, a_send("offer", marketing=True))

    (offer,) = lanes(store).pump([], 9).attempts

    assert offer.marketing
    assert offer.contact.is_new


def test_one_message_too_many_for_a_silent_customer_is_a_dead_letter(store: Store) -> None:
    raw(store).zadd(f"{PREFIX}parked:{ANA}", {f"parked{n}": n for n in range(100)})

    park(store)

    assert stage(store, ONE) == "dead"
    assert dead_members(store) == [f"send:{ONE.id}"]
    assert raw(store).zcard(f"{PREFIX}parked:{ANA}") == 100
    assert ready_in_s(store) is None
