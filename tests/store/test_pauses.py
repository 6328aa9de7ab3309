"""A paused number probes and goes on by itself, when what Meta takes shows that it may."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.sending.outcome import Outcome
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
    dead_members,
    lanes,
    queue,
    row,
    settle,
    stage,
    take,
)

pytestmark = pytest.mark.store
ONE, TWO, THREE = (a_send(name, name, rule=name) for name in ("one", "two", "three"))
WHY = '{"code":190}'
INSTEAD = {"type": "template", "template": {"name": "we_answered"}}


def refuse(store: Store, *sends: Send, wait_ms: int = 30_000) -> None:
    """Let Meta refuse attempts for a reason that pauses the number."""
    told = [
        Outcome(one.id, int(row(store, one)["attempts"]), "paused", "", wait_ms, WHY)
        for one in sends
    ]
    lanes(store).pump(told, 0)


def probe_comes(store: Store) -> None:
    raw(store).hset(f"{PREFIX}stops", "probe_at", now_ms(store))


def standing(store: Store) -> NumberPauses:
    return parse_pauses(raw(store).hgetall(f"{PREFIX}stops"))


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
    assert since.error == {"code": 190}
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

    done = lanes(store).pump([Outcome(probe.send, probe.ordinal, "accepted", "wamid.p")], 50)

    assert done.ended_pause == WHY
    assert len(done.attempts) == 2
    assert standing(store).pause is None


def test_an_answer_to_what_was_posted_before_the_pause_does_not_end_it(store: Store) -> None:
    queue(store, ONE, TWO)
    take(store)
    raw(store).hincrby(f"{PREFIX}send:{TWO.id}", "attempting_at", -5)
    refuse(store, ONE)

    settle(store, TWO, "accepted", wamid="wamid.two")

    assert standing(store).pause


def paused_by_a_status(store: Store, *others: Send) -> None:
    """Let a probe be accepted of a number that is paused for what Meta takes and fails later."""
    queue(store, ONE, *others)
    pauses.pause(store, [NUMBER], WHY, 0, from_status=True)
    take(store)
    settle(store, ONE, "accepted", wamid="wamid.one")


def pass_trial(store: Store, milliseconds: int = 60_000) -> None:
    raw(store).hincrby(f"{PREFIX}stops", "trial", -milliseconds)


def test_a_pause_that_a_status_told_does_not_end_with_what_meta_takes(store: Store) -> None:
    paused_by_a_status(store, TWO)

    assert standing(store).pause
    assert take(store) == []


def test_it_ends_where_no_other_failure_is_told_within_a_minute(store: Store) -> None:
    paused_by_a_status(store, TWO, THREE)
    pass_trial(store)

    done = lanes(store).pump([], 50)

    assert (done.ended_pause, len(done.attempts)) == (WHY, 2)
    assert standing(store).pause is None


def test_the_tick_rings_where_the_trial_is_over(store: Store) -> None:
    paused_by_a_status(store, TWO)
    number_list.add_number(store, NUMBER)
    (before,) = due_items.tick(store)

    pass_trial(store)
    (due,) = due_items.tick(store)

    assert (before.overdue_ms["reply"], due.overdue_ms["reply"] >= 0) == (-1, True)


def test_the_tick_rings_for_the_end_of_a_pause_also_where_nothing_waits(store: Store) -> None:
    paused_by_a_status(store)
    pass_trial(store)
    number_list.add_number(store, NUMBER)

    (due,) = due_items.tick(store)

    assert due.overdue_ms["reply"] == 0
    assert lanes(store).pump([], 50).ended_pause == WHY


def test_another_failure_ends_the_trial_and_not_the_pause(store: Store) -> None:
    paused_by_a_status(store, TWO)
    pass_trial(store)

    pauses.pause(store, [NUMBER], WHY, 30_000, from_status=True)

    assert take(store) == []
    assert standing(store).pause


def test_what_an_older_release_leaves_behind_ends_no_pause(store: Store) -> None:
    queue(store, ONE)
    raw(store).hset(f"{PREFIX}stops", mapping={"late": 1, "trial": 1})

    pauses.pause(store, [NUMBER], WHY, 30_000)

    assert take(store) == []
    assert standing(store).pause


def test_an_account_that_goes_on_goes_on_where_nothing_waits_to_be_a_probe(store: Store) -> None:
    pauses.pause(store, [NUMBER], WHY, 300_000)

    pauses.probe_now(store, [NUMBER], 190)

    assert standing(store).pause is None


@pytest.mark.parametrize("code", [None, 10], ids=["of one number", "for another reason"])
def test_what_goes_on_elsewhere_ends_no_other_pause(store: Store, code: int | None) -> None:
    pauses.pause(store, [NUMBER], WHY, 300_000)

    pauses.probe_now(store, [NUMBER], code)

    assert standing(store).pause


def test_what_waits_is_a_probe_before_an_accounts_pause_is_over(store: Store) -> None:
    queue(store, ONE, TWO)
    pauses.pause(store, [NUMBER], WHY, 300_000)

    pauses.probe_now(store, [NUMBER], 190)

    assert len(take(store)) == 1
    assert standing(store).pause


@pytest.mark.parametrize("step", ["dead", "dropped", "instead", "parked", "pair"])
def test_what_stood_against_the_probe_itself_makes_the_next_one_the_probe(
    store: Store, step: str
) -> None:
    # Its template may be the next one, where all of this takes less than a millisecond.
    queue(store, replace(ONE, closed="template", instead=INSTEAD), TWO)
    pauses.pause(store, [NUMBER], WHY, 0)
    (probe,) = lanes(store).pump([], 50).attempts

    after = lanes(store).pump([Outcome(probe.send, 1, step, "", 9_000, "{}")], 50)  # type: ignore[arg-type]

    assert standing(store).pause
    assert (len(after.attempts), after.probes) == (1, True)


@pytest.mark.parametrize("step", ["later", "rests", "paused", "unconfirmed"])
def test_a_probe_that_met_trouble_is_the_only_one_for_a_while(store: Store, step: str) -> None:
    queue(store, ONE, TWO)
    pauses.pause(store, [NUMBER], WHY, 0)
    (probe,) = lanes(store).pump([], 50).attempts

    after = lanes(store).pump([Outcome(probe.send, 1, step, "", 9_000, "{}")], 50)  # type: ignore[arg-type]

    assert after.attempts == []


@pytest.mark.parametrize("moment", ["probe_at", "trial"])
def test_a_clock_that_stepped_back_keeps_no_number_paused(store: Store, moment: str) -> None:
    paused_by_a_status(store, TWO)

    raw(store).hset(f"{PREFIX}stops", moment, now_ms(store) + 3_600_000)

    assert take(store) == ["two"]


def test_an_accepted_typing_ends_no_pause_but_brings_the_next_probe(store: Store) -> None:
    typing = a_send("typing", "typing", repeatable=True)
    queue(store, typing, ONE)
    pauses.pause(store, [NUMBER], WHY, 0)
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
    assert dead_members(store) == [f"send:{ONE.id}"]
