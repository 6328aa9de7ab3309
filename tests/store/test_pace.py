"""A number sends no faster than Meta allows, and its clock may step back."""

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.planning.batch import Plan
from gateway.core.sending.error_codes import ERROR_POLICIES
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Store
from gateway.store.sending import pauses
from tests.support.factories import NUMBER, a_message
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, WEEK, a_send, about_s, lanes, queue, ready_in_s, take

pytestmark = pytest.mark.store


@pytest.fixture(autouse=True)
def many(store: Store) -> None:
    queue(store, *(a_send(f"s{i}", f"lane{i}") for i in range(12)))


def taken(store: Store, per_second: int, most: int = 50) -> int:
    return len(lanes(store, per_second).pump([], most).attempts)


def pass_ms(store: Store, milliseconds: int) -> None:
    """Let time pass for the number's bucket, and for its customers' share."""
    for field in ("at", "share_at"):
        if raw(store).hexists(f"{PREFIX}tokens", field):
            raw(store).hincrby(f"{PREFIX}tokens", field, -milliseconds)


def stand_still(store: Store) -> None:
    """Let the bucket earn nothing, however long the next call takes."""
    pass_ms(store, -60_000)


def write(store: Store, messages: int, nth: int = 0) -> None:
    """Let customers write, each to be committed with its effect."""
    event = a_message(f"wamid.in.{nth}")
    plan = Plan(NUMBER, Contact(""), changed=False, events=(event,), inbound=messages)
    assert commit(store, [plan], WEEK) == [True]


@pytest.mark.parametrize(("per_second", "at_once"), [(80, 8), (10, 1), (1, 1), (1_000, 12)])
def test_the_bucket_holds_a_tenth_of_a_second(store: Store, per_second: int, at_once: int) -> None:
    assert taken(store, per_second) == at_once


def test_whoever_finds_the_bucket_empty_is_told_how_long_to_wait(store: Store) -> None:
    found = lanes(store, 10).pump([], 50)

    assert (len(found.attempts), found.has_more) == (1, True)
    assert 0.09 <= found.wait_s <= 0.1


def test_nobody_waits_where_a_token_is_left(store: Store) -> None:
    assert lanes(store, 80).pump([], 3).wait_s == 0


@pytest.mark.parametrize("per_second", [20, 80, 1_000])
def test_over_time_the_number_gets_its_rate_and_no_more(store: Store, per_second: int) -> None:
    queue(store, *(a_send(f"t{i}", f"over{i}") for i in range(per_second // 2)))
    found = []
    for _ in range(4):
        found.append(taken(store, per_second, most=per_second))
        pass_ms(store, 100)

    assert found == [per_second // 10] * 4


def test_an_idle_number_saves_up_no_more_than_the_bucket(store: Store) -> None:
    taken(store, 20)
    pass_ms(store, 3_600_000)

    assert taken(store, 20) == 2


def test_what_customers_write_uses_the_pace_too(store: Store) -> None:
    assert taken(store, 20, most=1) == 1

    stand_still(store)
    write(store, 1)
    stand_still(store)

    assert taken(store, 20) == 0


def test_what_customers_wrote_holds_a_number_up_for_a_second_at_most(store: Store) -> None:
    assert taken(store, 20, most=1) == 1
    write(store, 1_000)

    pass_ms(store, 1_050)

    assert taken(store, 20, most=1) == 1


def test_customers_who_write_on_and_on_silence_no_number(store: Store) -> None:
    found = taken(store, 20)
    write(store, 1_000)
    raw(store).hset(f"{PREFIX}tokens", "tokens", 0)  # a second later
    for nth in range(1, 40):
        pass_ms(store, 50)
        write(store, 2, nth)
        found += taken(store, 20)

    assert found == 12


def test_asking_without_taking_costs_no_tokens(store: Store) -> None:
    for _ in range(20):
        assert taken(store, 10, most=0) == 0

    assert taken(store, 10) == 1


def test_a_clock_that_stepped_back_does_not_stop_the_number(store: Store) -> None:
    taken(store, 10)
    raw(store).hset(f"{PREFIX}tokens", mapping={"at": now_ms(store) + 3_600_000, "tokens": 0})

    assert taken(store, 10) == 0
    pass_ms(store, 100)
    assert taken(store, 10) == 1


def test_a_lane_with_a_moment_from_before_a_step_back_waits_a_minute_at_most(store: Store) -> None:
    raw(store).zadd(f"{PREFIX}ready:reply", {"lane0": now_ms(store) + 3_600_000})

    store.call("tick", PREFIX, 1_000)

    assert ready_in_s(store, "lane0") == about_s(60)
    assert len(take(store)) == 11


def commands(store: Store) -> int:
    """Let a number send what its bucket holds, and count the commands that this took."""
    pass_ms(store, 100)
    raw(store).config_resetstat()
    assert taken(store, 20) == 2
    stats = raw(store).info("commandstats")
    return sum(one["calls"] for one in stats.values())


def test_twenty_thousand_lanes_that_wait_cost_a_pump_nothing(store: Store) -> None:
    taken(store, 20)
    few = commands(store)
    now = now_ms(store)
    for first in range(0, 20_000, 2_000):
        names = [f"waiting{first + i}" for i in range(2_000)]
        raw(store).zadd(f"{PREFIX}ready:reply", dict.fromkeys(names, now + 600_000))
        raw(store).zadd(f"{PREFIX}ready:bulk", dict.fromkeys(names, now))

    assert commands(store) == few


@pytest.mark.parametrize("field", ["rest", "slow_at"])
def test_a_moment_from_before_a_step_back_holds_no_number_up(store: Store, field: str) -> None:
    told = {"slow": 0.1, "slow_at": 0, field: now_ms(store) + 36_000_000}
    raw(store).hset(f"{PREFIX}tokens", mapping=told)

    assert taken(store, 50) == 5


def test_what_meta_asks_for_counts_after_a_step_back(store: Store) -> None:
    raw(store).hset(f"{PREFIX}tokens", "rest", now_ms(store) + 36_000_000)

    pauses.rest(store, [NUMBER], 60_000)

    assert 45 < lanes(store).pump([], 9).wait_s <= 60


def test_the_longest_wait_that_a_code_asks_for_is_no_step_back(store: Store) -> None:
    longest = max(rule.wait_s or 0 for rule in ERROR_POLICIES.values())

    pauses.rest(store, [NUMBER], int(longest * 1_000))

    assert longest - 5 < lanes(store).pump([], 9).wait_s <= longest
