"""What a person holds waits until it is released, and a number at rest until that is over."""

import pytest

from gateway.core.sending.pauses import NumberPauses, parse_pauses
from gateway.core.sending.send import Send
from gateway.store import number_list
from gateway.store.maintenance import due_items
from gateway.store.redis.client import Store
from gateway.store.sending import pauses
from tests.support.factories import NUMBER
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import (  # fmt: skip
    PREFIX,
    a_send,
    counted,
    dead_members,
    lanes,
    queue,
    settle,
    stage,
    take,
    tell,
)

pytestmark = pytest.mark.store
ONE, TWO = (a_send(name, name, rule=name) for name in ("one", "two"))
WHY = '{"code":190}'


def standing(store: Store) -> NumberPauses:
    return parse_pauses(raw(store).hgetall(f"{PREFIX}stops"))


def test_a_number_at_rest_sends_nothing_until_it_is_over(store: Store) -> None:
    queue(store, ONE, TWO)
    take(store, 1)
    settle(store, ONE, "rests", wait_ms=60_000)

    found = lanes(store).pump([], 50)

    assert (found.attempts, found.has_more) == ([], False)
    assert 45 < found.wait_s <= 60
    raw(store).hset(f"{PREFIX}tokens", "rest", now_ms(store))
    assert sorted(take(store)) == ["one", "two"]


def test_a_held_number_sends_nothing_and_its_probe_neither(store: Store) -> None:
    queue(store, ONE)
    pauses.pause(store, [NUMBER], WHY, 0)

    pauses.hold(store, [NUMBER], "", "the shop burns")

    assert take(store) == []
    (hold,) = standing(store).holds
    assert (hold.rule, hold.why) == ("", "the shop burns")


@pytest.mark.parametrize("stop", ["held", "paused", "its rule held"])
def test_what_is_too_old_when_a_stop_is_over_ends_as_expired(store: Store, stop: str) -> None:
    queue(store, ONE)
    number_list.add_number(store, NUMBER)
    rule = ONE.rule if stop == "its rule held" else ""
    if stop == "paused":
        pauses.pause(store, [NUMBER], WHY, 30_000)
    else:
        pauses.hold(store, [NUMBER], rule, "why")
    assert take(store) == []
    raw(store).hset(f"{PREFIX}send:{ONE.id}", "expires", 1)

    pauses.release(store, [NUMBER], rule)
    pauses.probe_now(store, [NUMBER], 190)
    due_items.tick(store)

    assert take(store) == []
    assert (stage(store, ONE), dead_members(store)) == ("expired", [f"send:{ONE.id}"])


def test_outcomes_are_settled_while_a_number_is_held(store: Store) -> None:
    queue(store, ONE)
    take(store)
    pauses.hold(store, [NUMBER], "", "why")

    settle(store, ONE, "accepted", wamid="wamid.one")

    assert stage(store, ONE) == "accepted"


def test_a_released_number_goes_on(store: Store) -> None:
    queue(store, ONE)
    pauses.hold(store, [NUMBER], "", "why")

    assert pauses.release(store, [NUMBER], "") == 1

    assert take(store) == ["one"]


def test_a_held_rule_lets_the_conversation_go_on_without_it(store: Store) -> None:
    held, after = a_send("held", rule="offers"), a_send("after", rule="help")
    queue(store, held, after)
    pauses.hold(store, [NUMBER], "offers", "why")

    assert take(store) == ["after"]


def test_what_a_released_rule_had_to_say_comes_back_to_its_place(store: Store) -> None:
    held, other = a_send("held", rule="offers"), a_send("other", "elsewhere", rule="help")
    queue(store, held, other)
    pauses.hold(store, [NUMBER], "offers", "why")
    take(store)
    queue(store, a_send("after", rule="help"))
    pauses.release(store, [NUMBER], "offers")

    number_list.add_number(store, NUMBER)
    due_items.tick(store)

    assert take(store) == ["held"]
    assert raw(store).exists(f"{PREFIX}holding", f"{PREFIX}held:offers") == 0


def released_before_what_is_posted(store: Store) -> Send:
    """Let a send of a released rule come back to its place while a later one is being posted."""
    after = a_send("after", rule="help")
    queue(store, a_send("held", rule="offers"), after)
    pauses.hold(store, [NUMBER], "offers", "why")
    assert take(store) == ["after"]
    pauses.release(store, [NUMBER], "offers")
    number_list.add_number(store, NUMBER)
    due_items.tick(store)
    return after


@pytest.mark.parametrize("step", ["accepted", "dead", "parked"])
def test_what_came_back_goes_as_soon_as_what_was_posted_is_answered(
    store: Store, step: str
) -> None:
    after = released_before_what_is_posted(store)
    assert take(store) == []

    settle(store, after, step)

    assert take(store) == ["held"]


def test_news_of_what_came_back_takes_nothing_posted_for_killed(store: Store) -> None:
    after = released_before_what_is_posted(store)

    tell(store, "delivered", a_send("held"))
    take(store)

    assert stage(store, after) == "attempting"


def test_a_tick_leaves_alone_what_is_held_still(store: Store) -> None:
    queue(store, a_send("held", rule="offers"))
    pauses.hold(store, [NUMBER], "offers", "why")
    take(store)
    number_list.add_number(store, NUMBER)

    due_items.tick(store)

    assert take(store) == []


@pytest.mark.parametrize("stop", ["held", "paused", "rests"])
def test_nobody_is_rung_for_what_may_not_go(store: Store, stop: str) -> None:
    queue(store, ONE)
    number_list.add_number(store, NUMBER)
    (before,) = due_items.tick(store)
    if stop == "held":
        pauses.hold(store, [NUMBER], "", "why")
    elif stop == "paused":
        pauses.pause(store, [NUMBER], WHY, 30_000)
    else:
        pauses.rest(store, [NUMBER], 30_000)

    (due,) = due_items.tick(store)

    assert before.overdue_ms["reply"] >= 0
    assert due.overdue_ms["reply"] == -1


def test_a_refusal_for_the_throughput_slows_the_number_down_once_a_second(store: Store) -> None:
    queue(store, ONE, TWO)
    take(store)

    settle(store, ONE, "slower", wait_ms=0)
    settle(store, TWO, "slower", wait_ms=0)

    assert raw(store).hget(f"{PREFIX}tokens", "slow") == b"0.8000"


def test_a_number_that_was_slowed_down_recovers_within_a_minute(store: Store) -> None:
    many = [a_send(f"s{i}", f"lane{i}") for i in range(40)]
    queue(store, *many)
    asked = lanes(store, 100)

    def at_once(slowed_s_ago: int) -> int:
        told = {"slow": 0.2, "slow_at": now_ms(store) - 1_000 * slowed_s_ago, "at": 0}
        raw(store).hset(f"{PREFIX}tokens", mapping=told)
        return len(asked.pump([], 50).attempts)

    assert [at_once(0), at_once(24), at_once(60)] == [2, 6, 10]


def test_what_meta_grants_raises_the_pace_and_is_never_taken_back(store: Store) -> None:
    queue(store, *(a_send(f"s{i}", f"lane{i}") for i in range(40)))

    assert pauses.grant(store, NUMBER, 300)
    assert not pauses.grant(store, NUMBER, 200)

    assert len(lanes(store, 80).pump([], 50).attempts) == 30
    assert counted(store, "sends.attempting") == 30


def test_a_person_may_hold_so_many_rules_and_no_more(store: Store) -> None:
    for n in range(100):
        assert pauses.hold(store, [NUMBER], f"rule {n}", "") == []

    assert pauses.hold(store, [NUMBER, "1"], "one more", "") == [NUMBER]

    assert len(standing(store).holds) == 100
    assert pauses.hold(store, [NUMBER], "rule 7", "for another reason") == []
    assert pauses.hold(store, [NUMBER], "", "all of it") == []


def test_a_tick_brings_back_a_bounded_number_of_all_rules_together(store: Store) -> None:
    number_list.add_number(store, NUMBER)
    for rule in ("a", "b"):
        raw(store).sadd(f"{PREFIX}holding", rule)
        raw(store).zadd(f"{PREFIX}held:{rule}", {f"{rule}{n}": n for n in range(700)})

    moved = [[one.moved_items for one in due_items.tick(store)] for _ in range(3)]

    assert moved == [[200] * 5, [200, 200, 0], [0]]
    assert raw(store).exists(f"{PREFIX}holding") == 0
