"""A failed status begins a send again where Meta's code says that it may pass, and only once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.planning.batch import Plan
from gateway.core.sending.error_codes import error_policy
from gateway.core.sending.pauses import parse_pauses
from gateway.core.sending.response import refusal_by_policy
from gateway.core.sending.send import Send, StatusUpdate
from gateway.core.sending.status_update import decide_follow_up
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Store
from tests.support.factories import ANA, NUMBER, a_message, a_status
from tests.support.store.plans import planned
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import (
    PREFIX,
    WEEK,
    a_send,
    about_s,
    counted,
    dead_members,
    lanes,
    queue,
    ready_in_s,
    row,
    settle,
    stage,
    take,
    tell,
)

pytestmark = pytest.mark.store
ONE, TWO = a_send("one"), a_send("two")
INSTEAD = {"type": "template", "template": {"name": "we_answered"}}


def accepted(store: Store, send: Send = ONE, attempt: int = 1) -> None:
    """Let Meta take a send."""
    take(store, 1)
    settle(store, send, "accepted", attempt, wamid=f"wamid.{attempt}")


def fails(store: Store, code: int, send: Send = ONE, attempt: int = 1, nth: int = 0) -> None:
    """Let Meta tell that it could not deliver what it took."""
    event = a_status(f"wamid.{attempt}.{nth}", "failed")
    refusal = refusal_by_policy(error_policy(code, 400), code, "")
    news = StatusUpdate(
        send.id,
        str(attempt),
        f"wamid.{attempt}",
        "failed",
        event.at,
        {"code": code},
        refusal,
        decide_follow_up(refusal),
    )
    plan = Plan(NUMBER, Contact(ANA), changed=False, events=(event,), status_updates=(news,))
    assert commit(store, [plan], WEEK) == [True]


def told(store: Store, status: str, send: Send, attempt: int = 1) -> None:
    """Let Meta tell how far an attempt got."""
    tell(store, status, send, f"wamid.{attempt}", attempt)


def write(store: Store) -> None:
    """Let the customer write what no rule answers."""
    (plan,) = planned(store, a_message("wamid.in.late"))
    assert commit(store, [replace(plan, sends=())], WEEK) == [True]


def begin(store: Store, send: Send = ONE) -> None:
    queue(store, send)
    accepted(store, send)


@pytest.mark.parametrize("code", [131000, 130429, 131056, 131042])
def test_what_may_pass_later_waits_to_be_sent_again(store: Store, code: int) -> None:
    begin(store)

    fails(store, code)

    assert stage(store, ONE) == "queued"
    assert dead_members(store) == []
    assert raw(store).pttl(f"{PREFIX}send:{ONE.id}") == -1


@pytest.mark.parametrize("code", [131026, 131049, 132001, 100])
def test_what_will_not_pass_ends_there(store: Store, code: int) -> None:
    begin(store)

    fails(store, code)

    assert stage(store, ONE) == "failed"
    assert dead_members(store) == [f"send:{ONE.id}"]


def test_trouble_of_metas_costs_a_try_and_half_a_minute(store: Store) -> None:
    begin(store)

    fails(store, 131000)

    due = raw(store).zscore(f"{PREFIX}due", ONE.id)
    assert (due - now_ms(store)) / 1000 == about_s(30)
    assert "spent" not in row(store, ONE)


def test_a_limit_of_the_number_lets_it_rest_and_costs_no_try(store: Store) -> None:
    begin(store)

    fails(store, 131057)

    assert 45 < lanes(store).pump([], 9).wait_s <= 60
    assert row(store, ONE)["spent"] == "1"


def test_a_limit_of_the_pair_delays_the_conversation(store: Store) -> None:
    begin(store)

    fails(store, 131056)

    assert take(store) == []
    assert ready_in_s(store) == about_s(30)


def test_a_failed_payment_pauses_the_number_and_keeps_the_send(store: Store) -> None:
    begin(store)

    fails(store, 131042)

    pause = parse_pauses(raw(store).hgetall(f"{PREFIX}stops")).pause
    assert pause
    assert pause.error["code"] == 131042
    assert row(store, ONE)["spent"] == "1"


def test_a_payment_that_fails_on_does_not_let_the_number_go_on_in_between(store: Store) -> None:
    begin(store)
    fails(store, 131042)

    raw(store).hset(f"{PREFIX}stops", "probe_at", 0)
    accepted(store, ONE, 2)

    queue(store, a_send("two", "elsewhere"))
    assert take(store) == []


def test_a_probe_whose_failure_came_before_its_answer_begins_no_trial(store: Store) -> None:
    begin(store)
    fails(store, 131042)
    raw(store).hset(f"{PREFIX}stops", "probe_at", 0)
    take(store, 1)

    fails(store, 131042, ONE, 2)
    settle(store, ONE, "accepted", 2, wamid="wamid.2")

    assert not raw(store).hexists(f"{PREFIX}stops", "trial")


def test_after_eight_tries_a_failure_is_final(store: Store) -> None:
    queue(store, ONE)
    for attempt in range(1, 9):
        raw(store).zadd(f"{PREFIX}due", {ONE.id: 1}, xx=True)
        store.call("tick", PREFIX, 9)
        accepted(store, ONE, attempt)
        fails(store, 131000, ONE, attempt)

    assert stage(store, ONE) == "failed"
    assert dead_members(store) == [f"send:{ONE.id}"]


def test_what_would_be_too_old_by_then_ends_there(store: Store) -> None:
    short = a_send("short", expires_at=datetime.now(UTC) + timedelta(seconds=20))
    begin(store, short)

    fails(store, 131000, short)

    assert stage(store, short) == "failed"


def test_the_message_of_the_second_attempt_is_no_double(store: Store) -> None:
    begin(store)
    fails(store, 130429)
    raw(store).hdel(f"{PREFIX}tokens", "rest")

    accepted(store, ONE, 2)

    assert (row(store, ONE)["wamid"], row(store, ONE)["wamid:1"]) == ("wamid.2", "wamid.1")
    assert counted(store, "sends.doubled") == 0


@pytest.mark.parametrize("again", [1, 2], ids=["before the next attempt", "after it"])
def test_the_same_news_again_changes_nothing(store: Store, again: int) -> None:
    begin(store)
    fails(store, 130429)
    raw(store).hdel(f"{PREFIX}tokens", "rest")
    if again == 2:
        accepted(store, ONE, 2)
    before = stage(store, ONE)

    fails(store, 130429, nth=1)

    assert stage(store, ONE) == before
    assert dead_members(store) == []


def test_a_failure_of_an_earlier_attempt_does_not_end_a_later_one(store: Store) -> None:
    queue(store, ONE)
    take(store, 1)
    settle(store, ONE, "unconfirmed", wait_ms=now_ms(store) + 99_000)
    store.call("resend", PREFIX, ONE.id, 1)
    raw(store).zadd(f"{PREFIX}ready:reply", {ANA: 0})
    accepted(store, ONE, 2)

    fails(store, 131026, ONE, 1)

    assert stage(store, ONE) == "accepted"


def test_what_a_customer_was_shown_did_not_fail(store: Store) -> None:
    begin(store)
    told(store, "delivered", ONE)

    fails(store, 131000)

    assert stage(store, ONE) == "delivered"


@pytest.mark.parametrize(
    ("closed", "after", "letters"),
    [("", "failed", 1), ("drop", "dropped", 0), ("wait", "parked", 0), ("template", "queued", 0)],
)
def test_a_window_that_had_closed_leads_where_the_rule_says(
    store: Store, closed: Any, after: str, letters: int
) -> None:
    send = a_send("one", closed=closed, instead=INSTEAD if closed == "template" else None)
    begin(store, send)

    fails(store, 131047, send)

    assert (stage(store, send), len(dead_members(store))) == (after, letters)


def test_a_template_in_its_place_is_the_last_word(store: Store) -> None:
    send = a_send("one", closed="template", instead=INSTEAD)
    begin(store, send)
    fails(store, 131047, send)
    (second,) = lanes(store).pump([], 9).attempts
    settle(store, send, "accepted", 2, wamid="wamid.2")

    fails(store, 131047, send, 2)

    assert second.body == INSTEAD
    assert stage(store, send) == "failed"


def test_who_wrote_before_the_failure_was_told_need_not_write_again(store: Store) -> None:
    send = a_send("one", closed="wait")
    begin(store, send)
    write(store)

    fails(store, 131047, send)

    assert take(store) == ["one"]


def test_what_fails_again_and_again_ends_at_last(store: Store) -> None:
    begin(store)
    raw(store).hset(f"{PREFIX}send:{ONE.id}", "reopens", 24)

    fails(store, 130429)

    assert stage(store, ONE) == "failed"
    assert dead_members(store) == [f"send:{ONE.id}"]


def test_each_time_that_a_send_begins_again_is_counted(store: Store) -> None:
    begin(store)
    for attempt in (1, 2):
        fails(store, 130429, ONE, attempt)
        raw(store).hdel(f"{PREFIX}tokens", "rest")
        accepted(store, ONE, attempt + 1)

    assert row(store, ONE)["reopens"] == "2"


def test_an_acceptance_that_is_settled_once_more_is_no_answer_to_what_began_again(
    store: Store,
) -> None:
    begin(store)
    fails(store, 131000)

    settle(store, ONE, "accepted", 1, wamid="wamid.1")

    assert stage(store, ONE) == "queued"
    assert raw(store).zcard(f"{PREFIX}due") == 1


@pytest.mark.parametrize("code", [131000, 130429, 131047])
def test_who_got_the_message_after_all_does_not_get_it_twice(store: Store, code: int) -> None:
    send = a_send("one", closed="wait")
    begin(store, send)
    fails(store, code, send)

    told(store, "delivered", send)
    raw(store).hdel(f"{PREFIX}tokens", "rest")
    write(store)

    assert take(store) == []
    assert stage(store, send) == "delivered"
    assert raw(store).zcard(f"{PREFIX}due") == 0


@pytest.mark.parametrize("answer", ["accepted", "unconfirmed", "later", "dead"])
@pytest.mark.parametrize("code", [131000, 131042, 131047])
def test_a_failure_that_comes_before_its_answer_lets_the_send_begin_again(
    store: Store, code: int, answer: str
) -> None:
    send = a_send("one", closed="wait")
    queue(store, send, TWO)
    take(store, 1)

    fails(store, code, send)
    settle(store, send, answer, wamid="wamid.1", wait_ms=1, error_json="{}")

    assert stage(store, send) == ("parked" if code == 131047 else "queued")
    assert raw(store).zrange(f"{PREFIX}lane:reply:{ANA}", 0, 0) == [TWO.id.encode()]
    assert dead_members(store) == []


def test_a_failure_of_what_nobody_was_sure_of_lets_it_begin_again(store: Store) -> None:
    queue(store, ONE)
    take(store, 1)
    settle(store, ONE, "unconfirmed", wait_ms=now_ms(store) + 99_000)

    fails(store, 130429)

    assert stage(store, ONE) == "queued"
    assert raw(store).zcard(f"{PREFIX}unconfirmed") == 0


def test_late_news_of_what_failed_says_nothing_of_the_next_attempt(store: Store) -> None:
    begin(store)
    fails(store, 130429)
    raw(store).hdel(f"{PREFIX}tokens", "rest")
    accepted(store, ONE, 2)

    told(store, "delivered", ONE)

    assert stage(store, ONE) == "accepted"


def test_what_waits_for_its_customer_keeps_its_time(store: Store) -> None:
    send = a_send("one", closed="wait")
    begin(store, send)

    fails(store, 131047, send)

    assert raw(store).zcard(f"{PREFIX}parked") == 1
    assert raw(store).pttl(f"{PREFIX}send:{send.id}") == -1
