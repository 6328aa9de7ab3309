"""A commit is whole or not at all: an event becomes known together with all that it causes."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from redis.exceptions import ResponseError

from gateway.core.events import Event
from gateway.core.planning.batch import Failure, plan
from gateway.core.planning.event import Record
from gateway.core.sending.outcome import Outcome
from gateway.store import keys
from gateway.store.planning.commit import commit, commit_call, store_dead_letters
from gateway.store.planning.contacts import load
from gateway.store.redis.client import ScriptError, Store
from gateway.store.sending.lanes import Lanes
from tests.support.factories import ANA, NOW, NUMBER, a_message, a_status
from tests.support.store.failing_scripts import broken, everything
from tests.support.store.plans import Greeter, planned
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, WEEK, a_send, counted, lanes, queue, take

pytestmark = pytest.mark.store

BOB = "351900000002"


def texts(store: Store) -> list[str]:
    return [one.body["text"]["body"] for one in lanes(store).pump([], 50).attempts]


def test_commit_makes_events_known_with_their_effect(store: Store) -> None:
    assert commit(store, planned(store, a_message()), WEEK) == [True]

    (view,) = load(store, {NUMBER: [a_message()]})
    assert view.known == {a_message().key}
    assert view.contacts[ANA].name == "Ana"
    assert texts(store) == ["welcome"]
    assert counted(store, "events.message") == 1


def test_what_was_loaded_is_what_was_committed(store: Store) -> None:
    (plan,) = planned(store, a_message(user_id="US.1"))
    commit(store, [plan], WEEK)

    (view,) = load(store, {NUMBER: [a_message()]})
    found = view.contacts[ANA]
    assert (found.wa_id, found.user_id, found.last_inbound_at) == (ANA, "US.1", NOW)
    assert found.version != plan.contact.version
    assert abs(view.now.timestamp() * 1000 - now_ms(store)) < 2_000


def test_nothing_is_loaded_of_a_stranger(store: Store) -> None:
    (view,) = load(store, {NUMBER: [a_message(), a_status("wamid.o", "sent", contact="")]})

    assert (view.contacts[ANA].version, view.contacts[ANA].is_new) == ("", True)
    assert (list(view.contacts), view.known) == ([ANA], frozenset())


@pytest.mark.parametrize("damage", ["type", "state", "shape", "alias"])
def test_a_contact_that_cannot_be_read_is_named_and_costs_nobody_else(
    store: Store, damage: str
) -> None:
    commit(store, planned(store, a_message()), WEEK)
    key = f"{PREFIX}contact:{ANA}"
    if damage == "type":
        raw(store).delete(key)
        raw(store).set(key, "of another type")
    else:
        odd = {"state": "no JSON", "shape": '{"used":[1]}', "alias": ANA}
        raw(store).hset(key, "state" if damage == "shape" else damage, odd[damage])

    (view,) = load(store, {NUMBER: [a_message("wamid.2"), a_message("wamid.3", contact=BOB)]})

    assert (list(view.unreadable), list(view.contacts)) == ([ANA], [BOB])
    blocked = plan(view, [a_message("wamid.2"), a_message("wamid.3", contact=BOB)], Greeter())
    assert [event.key for event, _ in blocked.blocked] == [a_message("wamid.2").key]
    assert [made.contact.key for made in blocked.plans] == [BOB]


def test_what_cannot_be_looked_up_among_the_known_costs_nobody_else(store: Store) -> None:
    commit(store, planned(store, a_message()), WEEK)
    (bucket,) = raw(store).keys(f"{PREFIX}known:*/*")
    raw(store).delete(bucket)
    raw(store).set(bucket, "of another type")

    (view,) = load(store, {NUMBER: [a_message(), a_message("wamid.9", contact=BOB)]})

    assert list(view.unreadable) == [a_message().key]


def test_commit_refuses_a_contact_that_changed_meanwhile(store: Store) -> None:
    stale = planned(store, a_message("wamid.2"))
    commit(store, planned(store, a_message("wamid.1")), WEEK)
    before = everything(store)

    assert commit(store, stale, WEEK) == [False]
    assert everything(store) == before
    assert commit(store, planned(store, a_message("wamid.2")), WEEK) == [True]


def test_commit_refuses_an_event_that_is_known_by_now(store: Store) -> None:
    plans = planned(store, a_status("wamid.out", "sent"))
    commit(store, plans, WEEK)
    before = everything(store)

    assert commit(store, plans, WEEK) == [False]
    assert everything(store) == before


def test_a_refused_plan_does_not_stop_its_neighbours(store: Store) -> None:
    stale = planned(store, a_message("wamid.1"))
    commit(store, stale, WEEK)
    fresh = planned(store, a_message("wamid.2", "351900000002"))

    assert commit(store, [*stale, *fresh], WEEK) == [False, True]


def test_a_regrouped_redelivery_changes_nothing_but_the_new_event(store: Store) -> None:
    commit(store, planned(store, a_message("wamid.1")), WEEK)
    before = Lanes(store, NUMBER, 80).pump([], 9).attempts

    plans = planned(store, a_message("wamid.1"), a_message("wamid.2"))
    commit(store, plans, WEEK)

    assert [event.key for event in plans[0].events] == [f"message|{NUMBER}|wamid.2"]
    Lanes(store, NUMBER, 80).pump([Outcome(before[0].send, 1, "accepted", "wamid.out")], 0)
    assert texts(store) == ["again"]


def test_what_a_dead_script_left_is_finished_by_the_next_commit_of_the_contact(
    store: Store,
) -> None:
    events: list[Event] = [a_message("wamid.1"), a_message("wamid.2")]
    (plan,) = planned(store, *events)
    dying = commit_call(plan, WEEK)
    with pytest.raises(ResponseError, match="made to fail"):
        raw(store).eval(broken("commit", 30), 1, dying.prefix, *dying.args)
    assert raw(store).hexists(f"{PREFIX}contact:{ANA}", "redo")

    # A status says nothing of the contact's state, and finishes all the same.
    commit(store, planned(store, a_status("wamid.o", "sent")), WEEK)

    assert not planned(store, *events)
    assert not raw(store).hexists(f"{PREFIX}contact:{ANA}", "redo")
    assert len(take(store, 1)) == 1


def test_sends_of_one_commit_leave_in_the_order_of_the_plan(store: Store) -> None:
    events = [a_message(f"wamid.{i}") for i in range(100)]
    (plan,) = planned(store, *events)
    commit(store, [plan], WEEK)

    lane = raw(store).zrange(f"{PREFIX}lane:reply:{ANA}", 0, -1)

    assert [member.decode() for member in lane] == [send.id for send in plan.sends]


def test_a_send_that_is_planned_for_later_waits_until_it_is_due(store: Store) -> None:
    due_at = datetime.now(UTC) + timedelta(hours=1)
    queue(store, a_send("later", due_at=due_at))

    assert take(store) == []
    score = raw(store).zscore(f"{PREFIX}due", a_send("later").id)
    assert int(score) == int(due_at.timestamp() * 1000)


def test_committing_a_send_that_was_made_already_does_not_send_it_again(store: Store) -> None:
    queue(store, a_send("one"))
    assert take(store) == ["one"]
    raw(store).delete(*raw(store).keys(f"{PREFIX}known:*"))

    queue(store, a_send("one"))

    assert raw(store).hget(f"{PREFIX}send:{a_send('one').id}", "attempts") == b"1"
    assert take(store) == []


def test_the_record_says_what_fired_and_is_found_by_its_contact(store: Store) -> None:
    (plan,) = planned(store, a_message())
    commit(store, [plan], WEEK)

    (record,) = plan.records
    assert raw(store).zrange(f"{PREFIX}records:{ANA}", 0, -1) == [record.id.encode()]
    told = json.loads(raw(store).get(f"{PREFIX}record:{record.id}"))
    assert told["key"] == a_message().key
    assert told["fired"] == [{"rule": "welcome", "why": "always"}]
    assert (told["sends"], told["first_contact"]) == ([plan.sends[0].id], True)


def test_a_contact_keeps_its_last_hundred_records(store: Store) -> None:
    for start in (0, 60):
        events = [a_message(f"wamid.{i}") for i in range(start, start + 60)]
        commit(store, planned(store, *events), WEEK)

    assert raw(store).zcard(f"{PREFIX}records:{ANA}") == 100


def test_no_retention_at_all_does_not_stop_a_commit(store: Store) -> None:
    (plan,) = planned(store, a_message())

    assert isinstance(plan.records[0], Record)
    assert commit(store, [plan], timedelta(0)) == [True]


def a_failure(event: Event) -> Failure:
    return Failure(event, "KeyError", "Traceback ...")


def test_a_buried_event_is_a_dead_letter_with_all_that_is_needed(store: Store) -> None:
    event = a_message(raw={"text": {"body": "hi"}}, item=3)
    store_dead_letters(store, [a_failure(event)])
    store_dead_letters(store, [a_failure(event)])

    (name,) = raw(store).zrange(f"{PREFIX}dead", 0, -1)
    told = json.loads(raw(store).get(f"{PREFIX}dead:".encode() + name))
    assert told == {
        "error": "KeyError", "trace": "Traceback ...", "key": event.key,
        "delivery": "0:1-0", "item": 3, "raw": {"text": {"body": "hi"}},
    }  # fmt: skip
    assert counted(store, "events.dead") == 1


def test_a_later_commit_of_a_buried_event_removes_its_dead_letter(store: Store) -> None:
    store_dead_letters(store, [a_failure(a_message("wamid.1")), a_failure(a_message("wamid.2"))])

    commit(store, planned(store, a_message("wamid.1")), WEEK)

    assert raw(store).zcard(f"{PREFIX}dead") == 1
    assert len(raw(store).keys(f"{PREFIX}dead:*")) == 1


def test_a_burial_that_cannot_be_written_is_an_error(store: Store) -> None:
    raw(store).set(f"{PREFIX}dead", "of another type")

    with pytest.raises(ScriptError, match="WRONGTYPE"):
        store_dead_letters(store, [a_failure(a_message())])


@pytest.mark.parametrize(
    "verb", [["know", 9, "x"], ["know", 5, "x"], ["known", 3, "a", "b", "c"], ["know"]]
)
def test_a_commit_whose_verbs_make_no_sense_writes_nothing(store: Store, verb: list[str]) -> None:
    with pytest.raises(ScriptError, match="lacks arguments"):
        store.call("commit", PREFIX, "", "", "", "", *verb)

    assert raw(store).keys("*") == []


def test_an_event_of_no_number_is_committed_like_any_other(store: Store) -> None:
    event = a_status("wamid.o", "sent", number="", contact="")
    (view,) = load(store, {"": [event]})
    assert view.known == frozenset()

    know = ["know", 5, b"d" * 16, "0:1-0/0", "notice", "", ""]
    store.call("commit", keys.number(""), "", "", "", "", *know)

    assert raw(store).hgetall("gw:{n}:count") == {b"events.notice": b"1"}
