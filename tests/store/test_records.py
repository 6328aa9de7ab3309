"""A record is found by its event, and its sends tell how far they got."""

import pytest

from gateway.core.planning.batch import plan
from gateway.store.planning.commit import commit
from gateway.store.planning.contacts import load
from gateway.store.redis.client import Store
from gateway.store.tracing.records import PlanRecord, find, find_all, stages
from tests.support.factories import NOW, NUMBER, a_message
from tests.support.rules.rulebooks import book
from tests.support.store.plans import planned
from tests.support.store.sends import WEEK, take

pytestmark = pytest.mark.store


def test_what_was_planned_is_found_by_its_event(store: Store) -> None:
    (plan,) = planned(store, a_message())
    commit(store, [plan], WEEK)

    found = find(store, a_message())

    (send,) = plan.sends
    assert found == PlanRecord(
        f"message|{NUMBER}|wamid.1",
        "v1",
        True,
        (("welcome", "always"),),
        (send.id,),
        plan.records[0].planned_at,
        kind="message",
        at=NOW,
        delivery="0:1-0",
    )


def test_nothing_is_found_where_nothing_was_planned(store: Store) -> None:
    assert find(store, a_message()) is None


def test_sends_tell_how_far_they_got(store: Store) -> None:
    (plan,) = planned(store, a_message("wamid.1"), a_message("wamid.2"))
    commit(store, [plan], WEEK)
    take(store)

    ids = [send.id for send in plan.sends]

    assert stages(store, NUMBER, [*ids, "forgotten"]) == ["attempting", "queued", ""]
    assert stages(store, NUMBER, []) == []


def test_a_rule_whose_limit_was_reached_is_in_the_record(store: Store) -> None:
    (view,) = load(store, {NUMBER: [a_message("wamid.1"), a_message("wamid.2")]})
    rule = "{name: it, when: {age: {older: 1s}}, cooldown: 1h, then: Yes.}"
    rules = book(f"- {rule}")
    (made,) = plan(view, [a_message("wamid.1"), a_message("wamid.2")], rules).plans
    commit(store, [made], WEEK)

    first, second = find_all(store, NUMBER, [a_message("wamid.1"), a_message("wamid.2")])

    assert first
    assert second
    assert (first.fired, first.limited) == ((("it", "it is older than 1s"),), None)
    assert (second.fired, second.limited) == (
        (), ("it", "it fired within the last 1h, which counts as answered"),
    )  # fmt: skip


def test_records_of_several_events_are_in_their_order(store: Store) -> None:
    (made,) = planned(store, a_message("wamid.2"))
    commit(store, [made], WEEK)

    found = find_all(store, NUMBER, [a_message("wamid.1"), a_message("wamid.2")])

    assert [bool(one) for one in found] == [False, True]
    assert find_all(store, NUMBER, []) == []


def test_what_an_alert_said_is_in_the_record(store: Store) -> None:
    (view,) = load(store, {NUMBER: [a_message("wamid.1")]})
    rules = book("- {name: it, then: {alert: A customer waits.}}")
    (made,) = plan(view, [a_message("wamid.1")], rules).plans
    commit(store, [made], WEEK)

    (found,) = find_all(store, NUMBER, [a_message("wamid.1")])

    assert found
    assert found.alerts == (("it", "A customer waits."),)
