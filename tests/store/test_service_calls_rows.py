"""Calls of services in the store: written with their event, taken under a lease, settled once."""

from datetime import timedelta

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.planning.batch import Plan
from gateway.core.services.attempt_outcome import BREAKS_AFTER, CallOutcome
from gateway.core.services.service_call import ServiceCall
from gateway.store import number_list
from gateway.store.body_codec import Bodies
from gateway.store.maintenance.due_items import tick
from gateway.store.outgoing import calls
from gateway.store.outgoing.calls import CallAttempt
from gateway.store.planning.commit import commit, commit_call
from gateway.store.redis.client import Call, Store
from gateway.store.tracing.traces import Traces
from tests.support.factories import NUMBER, a_message
from tests.support.store.failing_scripts import dump, each_write, restore
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, WEEK, counted

pytestmark = pytest.mark.store
LEASE = timedelta(seconds=60)
ANSWERED = CallOutcome("answered", "HTTP 200", health="well")
LATER = CallOutcome("later", "ReadTimeout", "ReadTimeout", 30_000, "sick")
FAILED = CallOutcome("failed", "ReadTimeout", "ReadTimeout", health="sick")
DUE = f"{PREFIX}calls_due:orders"


def a_plan(*names: str, event: str = "wamid.1", changed: bool = False) -> Plan:
    made = tuple(
        ServiceCall(name, "orders", {"service": "orders", "method": "GET", "path": f"/{name}"})
        for name in names
    )
    contact = Contact("351900000001", wa_id="351900000001") if changed else Contact("")
    return Plan(NUMBER, contact, changed=changed, events=(a_message(event),), calls=made)


def queue(store: Store, *names: str) -> None:
    for name in names:
        assert commit(store, [a_plan(name, event=f"wamid.{name}")], WEEK) == [True]


def take(store: Store, most: int = 9) -> list[CallAttempt]:
    return list(calls.take(store, NUMBER, "orders", most, LEASE).attempts)


def settle(store: Store, attempt: CallAttempt, outcome: CallOutcome) -> bool:
    return calls.settle(store, NUMBER, attempt, outcome, WEEK)


def let_leases_end(store: Store) -> None:
    for name in raw(store).zrange(DUE, 0, -1):
        raw(store).zadd(DUE, {name: 1})


def test_each_write_of_a_commit_may_fail_and_the_call_is_there_once(store: Store) -> None:
    plan = a_plan("one", "two", changed=True)
    begin = dump(store)
    writes = 0
    for writes in each_write(store, commit_call(plan, WEEK)):
        if commit(store, [plan], WEEK) == [False]:
            store.call("commit", PREFIX, plan.contact.key, "", "", "")
        assert {one.id for one in take(store)} == {"one", "two"}, f"after write {writes}"
        restore(store, begin)
    assert writes > 12


@pytest.mark.parametrize("outcome", [ANSWERED, LATER, FAILED])
def test_each_write_of_settling_may_fail_and_it_is_settled_again(
    store: Store, outcome: CallOutcome
) -> None:
    queue(store, "one")
    (attempt,) = take(store)
    begin = dump(store)
    script = [attempt.id, 1, outcome.step, outcome.wait_ms, outcome.shown, outcome.health]
    broken = Call("settle_call", PREFIX, [*script, BREAKS_AFTER, 30_000, 1_000])
    at = 0
    for at in each_write(store, broken):
        settle(store, attempt, outcome)
        if outcome is not LATER:  # what is left of its lease is cleared when it is over
            let_leases_end(store)
            assert take(store) == []
        (left,) = calls.read_calls(store, NUMBER, ["one"])
        assert left.stage == ("waiting" if outcome is LATER else outcome.step), f"after {at}"
        waits = outcome is LATER
        assert bool(raw(store).zcard(DUE)) is waits, f"after {at}"
        restore(store, begin)
    assert at >= 3


def test_what_one_worker_makes_no_other_takes_until_its_lease_is_over(store: Store) -> None:
    queue(store, "one")
    (first,) = take(store)
    meanwhile = take(store)
    let_leases_end(store)
    (second,) = take(store)

    assert meanwhile == []
    assert (first.attempt, first.state) == (1, "")
    # Nobody knows what became of the first.
    assert (second.attempt, second.state) == (2, "interrupted")


def test_a_repeat_that_was_asked_for_is_no_interruption(store: Store) -> None:
    queue(store, "one")
    (first,) = take(store)
    settle(store, first, LATER)
    wait_ms = raw(store).zscore(DUE, "one") - now_ms(store)
    let_leases_end(store)

    assert 25_000 < wait_ms <= 30_000
    assert [(one.attempt, one.state) for one in take(store)] == [(2, "")]


def test_of_two_outcomes_of_a_call_the_first_counts(store: Store) -> None:
    queue(store, "one")
    (first,) = take(store)
    let_leases_end(store)
    (second,) = take(store)

    assert settle(store, second, FAILED)
    before = counted(store, "calls.failed")
    assert not settle(store, first, ANSWERED)
    assert (before, counted(store, "calls.answered")) == (1, 0)


def test_a_service_that_fails_rests_and_one_call_tries_it(store: Store) -> None:
    queue(store, *(f"c{n}" for n in range(BREAKS_AFTER + 4)))
    for _ in range(BREAKS_AFTER):
        settle(store, take(store, 1)[0], FAILED)

    (resting,) = take(store, 1)
    raw(store).hset(f"{PREFIX}breaker:orders", "until", 1)
    trying, waiting = take(store, 1)[0], take(store, 1)[0]
    settle(store, trying, ANSWERED)
    (after,) = take(store, 1)

    states = [one.state for one in (resting, trying, waiting, after)]
    assert states == ["rests", "", "rests", ""]


def test_a_tick_names_the_services_that_can_be_called_now(store: Store) -> None:
    queue(store, "one")
    before = [one.services for one in tick(store, [NUMBER])]
    take(store)
    under_way = [one.services for one in tick(store, [NUMBER])]
    let_leases_end(store)

    assert (before, under_way) == ([("orders",)], [()])
    assert [one.services for one in tick(store, [NUMBER])] == [("orders",)]


def test_a_damaged_call_stops_no_other(store: Store) -> None:
    queue(store, "one", "two")
    raw(store).delete(f"{PREFIX}call:one")
    raw(store).set(f"{PREFIX}call:one", "no hash")

    taken = calls.take(store, NUMBER, "orders", 9, LEASE)

    assert [one.id for one in taken.attempts] == ["two"]
    assert [one.item for one in taken.damaged] == ["one"]


def test_a_call_whose_payload_is_damaged_can_be_looked_at(store: Store) -> None:
    number_list.add_number(store, NUMBER)
    queue(store, "one")
    raw(store).hset(f"{PREFIX}call:one", "payload", "{")

    (shown,) = calls.read_calls(store, NUMBER, ["one"])

    assert (shown.stage, shown.payload) == ("waiting", {})
    (trace,) = Traces(store, Bodies()).find_by_send("one").traces
    assert trace.calls == (shown,)


def test_what_is_left_of_an_answered_call_says_nothing_of_its_content(store: Store) -> None:
    queue(store, "one")
    settle(store, take(store)[0], ANSWERED)

    (left,) = calls.read_calls(store, NUMBER, ["one"])
    assert (left.stage, left.payload["path"], left.next_at) == ("answered", "/one", None)
    assert "content" not in left.payload
    assert not raw(store).exists(f"{PREFIX}calls", DUE)
