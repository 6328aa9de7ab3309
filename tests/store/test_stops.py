"""A paused number probes and goes on by itself; what a person holds waits until it is released."""

from datetime import timedelta

import pytest

from gateway.core.outcome import Outcome
from gateway.core.sends import Send
from gateway.core.stops import Stops, stored
from gateway.store import stops, upkeep
from gateway.store.client import Store
from tests.made import NUMBER
from tests.store.raw import now_ms, raw
from tests.store.sending import (
    PREFIX,
    a_send,
    counted,
    dead_letters,
    lanes,
    queue,
    row,
    settle,
    stage,
    take,
)  # fmt: skip

pytestmark = pytest.mark.store
ONE, TWO, THREE = (a_send(name, name, rule=name) for name in ("one", "two", "three"))
WHY = '{"code":190}'


def refuse(store: Store, *sends: Send, wait_ms: int = 30_000) -> None:
    """Let Meta refuse attempts for a reason that pauses the number."""
    told = [
        Outcome(one.id, int(row(store, one)["attempts"]), "paused", "", wait_ms, WHY)
        for one in sends
    ]
    lanes(store).pump(told, 0)


def probe_comes(store: Store) -> None:
    raw(store).hset(f"{PREFIX}stops", "probe_at", now_ms(store))


def standing(store: Store) -> Stops:
    return stored(raw(store).hgetall(f"{PREFIX}stops"))


def test_a_paused_number_sends_nothing_and_keeps_what_waits(store: Store) -> None:
    queue(store, ONE, TWO)
    take(store, 1)

    refuse(store, ONE)

    assert take(store) == []
    assert [stage(store, one) for one in (ONE, TWO)] == ["queued", "queued"]
    assert row(store, ONE)["spent"] == "1"


def test_many_refusals_are_one_pause(store: Store) -> None:
    queue(store, ONE, TWO, THREE)
    take(store)

    refuse(store, ONE)
    since = standing(store).pause
    refuse(store, TWO, THREE)

    assert since
    assert standing(store).pause == since
    assert since.told == {"code": 190}
    assert since.probe_at - since.since == timedelta(seconds=30)


def test_a_probe_is_one_send_and_the_next_comes_later_each_time(store: Store) -> None:
    queue(store, ONE, TWO, THREE)
    take(store, 1)
    refuse(store, ONE)

    probe_comes(store)
    first = lanes(store).pump([], 50)
    pause = standing(store).pause

    assert (len(first.attempts), first.probes) == (1, True)
    assert take(store) == []
    assert pause
    assert 29 < pause.probe_at.timestamp() - first.now.timestamp() <= 30
    probe_comes(store)
    second = lanes(store).pump([], 50)
    later = standing(store).pause
    assert later
    assert 59 < later.probe_at.timestamp() - second.now.timestamp() <= 60


def test_a_probe_that_is_accepted_ends_the_pause(store: Store) -> None:
    queue(store, ONE, TWO, THREE)
    take(store, 1)
    refuse(store, ONE)
    probe_comes(store)
    (probe,) = lanes(store).pump([], 50).attempts

    done = lanes(store).pump([Outcome(probe.send, probe.number, "accepted", "wamid.p")], 50)

    assert done.resumed
    assert len(done.attempts) == 2
    assert standing(store).pause is None


def test_an_answer_to_what_was_posted_before_the_pause_does_not_end_it(store: Store) -> None:
    queue(store, ONE, TWO)
    take(store)
    raw(store).hincrby(f"{PREFIX}send:{TWO.id}", "attempting_at", -5)
    refuse(store, ONE)

    settle(store, TWO, "accepted", wamid="wamid.two")

    assert standing(store).pause


def test_an_accepted_typing_ends_no_pause_but_brings_the_next_probe(store: Store) -> None:
    typing = a_send("typing", "typing", repeatable=True)
    queue(store, typing, ONE)
    stops.pause(store, [NUMBER], WHY, 0)
    raw(store).zadd(f"{PREFIX}ready:reply", {"typing": 0})
    assert take(store) == ["typing"]

    settle(store, typing, "accepted")

    assert standing(store).pause
    assert take(store) == ["one"]


def test_what_was_mended_is_probed_at_once(store: Store) -> None:
    queue(store, ONE, TWO)
    take(store)
    refuse(store, ONE)

    refuse(store, TWO, wait_ms=0)

    assert len(take(store)) == 1


def test_a_send_that_pauses_twice_while_others_go_is_at_fault_itself(store: Store) -> None:
    queue(store, ONE, TWO)
    take(store, 1)
    refuse(store, ONE)
    raw(store).hset(f"{PREFIX}stops", "probe_at", 0)
    raw(store).zadd(f"{PREFIX}ready:reply", {"two": 0})
    assert take(store) == ["two"]
    raw(store).hincrby(f"{PREFIX}send:{ONE.id}", "paused_at", -5)
    settle(store, TWO, "accepted", wamid="wamid.two")
    assert take(store) == ["one"]

    refuse(store, ONE)

    assert stage(store, ONE) == "dead"
    assert dead_letters(store) == [f"send:{ONE.id}"]


def test_a_number_at_rest_sends_nothing_until_it_is_over(store: Store) -> None:
    queue(store, ONE, TWO)
    take(store, 1)
    settle(store, ONE, "rests", wait_ms=60_000)

    found = lanes(store).pump([], 50)

    assert (found.attempts, found.more) == ([], False)
    assert 59 < found.wait_s <= 60
    raw(store).hset(f"{PREFIX}pace", "rest", now_ms(store))
    assert sorted(take(store)) == ["one", "two"]


def test_a_held_number_sends_nothing_and_its_probe_neither(store: Store) -> None:
    queue(store, ONE)
    stops.pause(store, [NUMBER], WHY, 0)

    stops.hold(store, [NUMBER], "", "the shop burns")

    assert take(store) == []
    (hold,) = standing(store).holds
    assert (hold.rule, hold.why) == ("", "the shop burns")


@pytest.mark.parametrize("stop", ["held", "paused", "its rule held"])
def test_what_is_too_old_when_a_stop_is_over_ends_as_expired(store: Store, stop: str) -> None:
    queue(store, ONE)
    upkeep.list_number(store, NUMBER)
    rule = ONE.rule if stop == "its rule held" else ""
    if stop == "paused":
        stops.pause(store, [NUMBER], WHY, 30_000)
    else:
        stops.hold(store, [NUMBER], rule, "why")
    assert take(store) == []
    raw(store).hset(f"{PREFIX}send:{ONE.id}", "expires", 1)

    stops.release(store, [NUMBER], rule)
    stops.look(store, [NUMBER])
    upkeep.tick(store)

    assert take(store) == []
    assert (stage(store, ONE), dead_letters(store)) == ("expired", [f"send:{ONE.id}"])


def test_outcomes_are_settled_while_a_number_is_held(store: Store) -> None:
    queue(store, ONE)
    take(store)
    stops.hold(store, [NUMBER], "", "why")

    settle(store, ONE, "accepted", wamid="wamid.one")

    assert stage(store, ONE) == "accepted"


def test_a_released_number_goes_on(store: Store) -> None:
    queue(store, ONE)
    stops.hold(store, [NUMBER], "", "why")

    assert stops.release(store, [NUMBER], "") == 1

    assert take(store) == ["one"]


def test_a_held_rule_lets_the_conversation_go_on_without_it(store: Store) -> None:
    held, after = a_send("held", rule="offers"), a_send("after", rule="help")
    queue(store, held, after)
    stops.hold(store, [NUMBER], "offers", "why")

    assert take(store) == ["after"]


def test_what_a_released_rule_had_to_say_comes_back_to_its_place(store: Store) -> None:
    held, other = a_send("held", rule="offers"), a_send("other", "elsewhere", rule="help")
    queue(store, held, other)
    stops.hold(store, [NUMBER], "offers", "why")
    take(store)
    queue(store, a_send("after", rule="help"))
    stops.release(store, [NUMBER], "offers")

    upkeep.list_number(store, NUMBER)
    upkeep.tick(store)

    assert take(store) == ["held"]
    assert raw(store).exists(f"{PREFIX}holding", f"{PREFIX}held:offers") == 0


def test_a_tick_leaves_alone_what_is_held_still(store: Store) -> None:
    queue(store, a_send("held", rule="offers"))
    stops.hold(store, [NUMBER], "offers", "why")
    take(store)
    upkeep.list_number(store, NUMBER)

    upkeep.tick(store)

    assert take(store) == []


@pytest.mark.parametrize("stop", ["held", "paused", "rests"])
def test_nobody_is_rung_for_what_may_not_go(store: Store, stop: str) -> None:
    queue(store, ONE)
    upkeep.list_number(store, NUMBER)
    (before,) = upkeep.tick(store)
    if stop == "held":
        stops.hold(store, [NUMBER], "", "why")
    elif stop == "paused":
        stops.pause(store, [NUMBER], WHY, 30_000)
    else:
        stops.rest(store, [NUMBER], 30_000)

    (due,) = upkeep.tick(store)

    assert before.overdue_ms["reply"] >= 0
    assert due.overdue_ms["reply"] == -1


def test_a_refusal_for_the_throughput_slows_the_number_down_once_a_second(store: Store) -> None:
    queue(store, ONE, TWO)
    take(store)

    settle(store, ONE, "slower", wait_ms=0)
    settle(store, TWO, "slower", wait_ms=0)

    assert raw(store).hget(f"{PREFIX}pace", "slow") == b"0.8000"


def test_a_number_that_was_slowed_down_recovers_within_a_minute(store: Store) -> None:
    many = [a_send(f"s{i}", f"lane{i}") for i in range(40)]
    queue(store, *many)
    asked = lanes(store, 100)

    def at_once(slowed_s_ago: int) -> int:
        told = {"slow": 0.2, "slow_at": now_ms(store) - 1_000 * slowed_s_ago, "at": 0}
        raw(store).hset(f"{PREFIX}pace", mapping=told)
        return len(asked.pump([], 50).attempts)

    assert [at_once(0), at_once(24), at_once(60)] == [2, 6, 10]


def test_what_meta_grants_raises_the_pace_and_is_never_taken_back(store: Store) -> None:
    queue(store, *(a_send(f"s{i}", f"lane{i}") for i in range(40)))

    assert stops.grant(store, NUMBER, 300)
    assert not stops.grant(store, NUMBER, 200)

    assert len(lanes(store, 80).pump([], 50).attempts) == 30
    assert counted(store, "sends.attempting") == 30
