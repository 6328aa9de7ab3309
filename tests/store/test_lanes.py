"""A lane sends one thing at a time, in order, and nothing twice that may have reached Meta."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.sending.send import BULK
from gateway.store.redis.client import Store
from tests.support.factories import ANA
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import (
    PREFIX,
    a_send,
    about_s,
    counted,
    dead_members,
    lanes,
    make_ready,
    queue,
    ready_in_s,
    row,
    settle,
    stage,
    take,
)

pytestmark = pytest.mark.store
BEN = "351900000002"
ONE, TWO, THREE = a_send("one"), a_send("two"), a_send("three")
TYPING = a_send("typing", repeatable=True)


def test_a_lane_sends_one_at_a_time_and_in_order(store: Store) -> None:
    queue(store, ONE, TWO, THREE)

    found = []
    for send in (ONE, TWO, THREE):
        found.append((take(store), take(store)))
        settle(store, send, "accepted", wamid=f"wamid.{send.id}")

    assert found == [(["one"], []), (["two"], []), (["three"], [])]
    assert ready_in_s(store) is None


def test_lanes_do_not_wait_for_each_other(store: Store) -> None:
    queue(store, ONE, TWO, a_send("ben", BEN))

    assert take(store) == ["one", "ben"]


def test_two_pumps_never_get_the_same_send(store: Store) -> None:
    queue(store, *(a_send(f"s{i}", f"lane{i}") for i in range(6)))

    first, second = take(store, 3), take(store, 9)

    assert sorted(first + second) == [f"s{i}" for i in range(6)]


def test_replies_go_before_broadcasts(store: Store) -> None:
    queue(store, a_send("bulk", BEN, priority=BULK), ONE)

    assert take(store, 1) == ["one"]
    assert take(store) == ["bulk"]


@pytest.mark.parametrize("at_once", [1, 7, 40])
def test_bulk_sends_that_wait_get_one_token_in_twenty(store: Store, at_once: int) -> None:
    queue(store, *(a_send(f"r{i}", f"reply{i}") for i in range(45)))
    queue(store, *(a_send(f"b{i}", f"bulk{i}", priority=BULK) for i in range(5)))

    taken: list[str] = []
    while len(taken) < 40:
        taken += take(store, min(at_once, 40 - len(taken)))

    assert len([name for name in taken if name.startswith("b")]) == 2


def test_a_share_that_no_bulk_send_can_use_goes_to_replies(store: Store) -> None:
    queue(store, *(a_send(f"r{i}", f"reply{i}") for i in range(60)))
    queue(store, a_send("b", "bulk", priority=BULK))

    taken = take(store, 60)

    assert len(taken) == 60
    assert "b" in taken


def test_an_attempt_tells_all_that_is_needed_and_is_on_disk(store: Store) -> None:
    queue(store, ONE)

    taken = lanes(store).pump([], 9)

    (attempt,) = taken.attempts
    assert (attempt.ordinal, attempt.rule, attempt.priority, attempt.repeatable) == (
        1,
        "r",
        "reply",
        False,
    )
    assert attempt.body == {"type": "text", "text": {"body": "one"}}
    assert attempt.planned_at <= attempt.first_at == taken.now
    assert abs(attempt.expires_at - ONE.expires_at) < timedelta(milliseconds=2)
    assert (stage(store, ONE), row(store, ONE)["attempts"]) == ("attempting", "1")
    assert ready_in_s(store) == about_s(30)


def test_taking_says_whether_more_is_ready(store: Store) -> None:
    queue(store, ONE, a_send("ben", BEN))

    assert lanes(store).pump([], 1).has_more
    assert not lanes(store).pump([], 1).has_more


@pytest.mark.parametrize("others", [{}, {"repeatable": True}], ids=["a reply", "repeatable"])
def test_what_expired_is_not_sent_and_lets_the_next_pass(
    store: Store, others: dict[str, Any]
) -> None:
    late = a_send("late", expires_at=datetime.now(UTC) - timedelta(seconds=1), **others)
    queue(store, late, TWO)

    assert take(store) == ["two"]
    assert (stage(store, late), row(store, late)["attempts"]) == ("expired", "0")
    assert dead_members(store) == ([] if others else [f"send:{late.id}"])


def test_a_long_row_of_dead_heads_does_not_make_a_script_long(store: Store) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    queue(store, *(a_send(f"late{i}", expires_at=past) for i in range(9)), ONE)

    assert (take(store), take(store)) == ([], ["one"])


def test_a_lane_whose_send_is_gone_goes_on(store: Store) -> None:
    queue(store, ONE, TWO)
    raw(store).delete(f"{PREFIX}send:{ONE.id}")

    assert take(store) == ["two"]


def test_an_attempt_whose_lease_ran_out_is_unconfirmed_and_is_not_repeated(store: Store) -> None:
    queue(store, ONE, TWO)
    take(store)

    make_ready(store)  # the lease ran out

    assert take(store) == []
    assert (stage(store, ONE), row(store, ONE)["attempt:1"]) == (
        "unconfirmed",
        '{"outcome":"killed"}',
    )
    till = raw(store).zscore(f"{PREFIX}unconfirmed", ONE.id)
    assert abs(till - ONE.expires_at.timestamp() * 1000) < 2


def test_an_unconfirmed_send_holds_its_lane_for_ten_seconds(store: Store) -> None:
    queue(store, ONE, TWO)
    take(store)
    settle(store, ONE, "unconfirmed", wait_ms=now_ms(store) + 99_000)

    assert (ready_in_s(store), take(store)) == (about_s(10), [])
    make_ready(store)

    assert take(store) == ["two"]


def test_a_repeatable_attempt_whose_lease_ran_out_is_repeated(store: Store) -> None:
    queue(store, TYPING)
    take(store)

    make_ready(store)

    (attempt,) = lanes(store).pump([], 9).attempts
    assert (attempt.ordinal, attempt.first_at < attempt.expires_at) == (2, True)


def test_a_short_wait_holds_the_lane(store: Store) -> None:
    queue(store, ONE, TWO)
    take(store)

    settle(store, ONE, "later", wait_ms=60_000, error_json='{"code":131000}')

    assert (ready_in_s(store), take(store)) == (about_s(60), [])
    make_ready(store)
    assert take(store) == ["one"]
    assert row(store, ONE)["first_error"] == '{"code":131000}'


def test_a_longer_wait_lets_the_next_pass(store: Store) -> None:
    queue(store, ONE, TWO)
    take(store)

    settle(store, ONE, "later", wait_ms=60_001)

    assert take(store) == ["two"]
    waits_ms = raw(store).zscore(f"{PREFIX}due", ONE.id) - now_ms(store)
    assert 55_000 < waits_ms <= 60_001


def test_the_first_and_the_last_error_are_kept(store: Store) -> None:
    queue(store, ONE)
    for attempt, error in ((1, '"first"'), (2, '"second"'), (3, '"third"')):
        take(store)
        settle(store, ONE, "later", attempt, wait_ms=1_000, error_json=error, history_json=error)
        make_ready(store)

    found = row(store, ONE)
    assert (found["first_error"], found["last_error"]) == ('"first"', '"third"')
    assert [found[f"attempt:{i}"] for i in (1, 2, 3)] == ['"first"', '"second"', '"third"']


def test_a_dead_send_is_listed_and_lets_the_next_pass(store: Store) -> None:
    queue(store, ONE, TWO)
    take(store)

    settle(store, ONE, "dead", error_json='{"code":131047}')

    assert take(store) == ["two"]
    assert dead_members(store) == [f"send:{ONE.id}"]
    assert (row(store, ONE)["final"], row(store, ONE)["error"]) == ("1", '{"code":131047}')
    assert counted(store, "sends.dead") == 1


def test_a_dropped_send_is_counted_and_bothers_nobody(store: Store) -> None:
    queue(store, TYPING)
    take(store)

    settle(store, TYPING, "dropped", error_json="{}")

    assert (stage(store, TYPING), dead_members(store)) == ("dropped", [])
    assert counted(store, "sends.dropped") == 1


def test_the_lanes_of_one_contact_are_one_for_each_rank(store: Store) -> None:
    queue(store, ONE, a_send("bulk", ANA, priority=BULK))

    assert sorted(take(store)) == ["bulk", "one"]
