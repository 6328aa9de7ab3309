"""A person is one contact in the store, by whichever of their names they are asked for."""

import json
from dataclasses import replace
from typing import Any

import orjson
import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.hand_over import HandOver
from gateway.core.contacts.loop_guard import Repetition, Volley
from gateway.core.contacts.serialization import pack, unpack
from gateway.core.events import Event, Message
from gateway.core.planning.batch import Plan
from gateway.core.sending.outcome import Outcome
from gateway.core.sending.send import Send
from gateway.store.planning.commit import commit, commit_call
from gateway.store.planning.contacts import find_contact, load
from gateway.store.redis.client import ScriptError, Store
from tests.support.factories import ANA, NOW, NUMBER, a_message, a_status
from tests.support.store.failing_scripts import each_write, everything
from tests.support.store.plans import planned
from tests.support.store.raw import raw
from tests.support.store.sends import PREFIX, WEEK, a_send, lanes, queue, row, settle

pytestmark = pytest.mark.store
USER = "PT.1"


def both(wamid: str) -> Message:
    return a_message(wamid, user_id=USER)


def by_user(wamid: str, **others: Any) -> Message:
    return a_message(wamid, USER, wa_id="", user_id=USER, **others)


def plan_of(store: Store, *events: Event) -> Plan:
    (plan,) = planned(store, *events)
    return plan


def commits(store: Store, *events: Event) -> Plan:
    plan = plan_of(store, *events)
    assert commit(store, [plan], WEEK) == [True]
    return plan


@pytest.mark.parametrize("known", ["", ANA, USER])
def test_whoever_was_named_by_both_names_is_found_by_each(store: Store, known: str) -> None:
    if known:
        commits(store, a_message("wamid.0", known))

    commits(store, both("wamid.1"))

    by_phone, by_id = find_contact(store, NUMBER, ANA), find_contact(store, NUMBER, USER)
    assert by_phone == by_id
    assert (by_phone.key, by_phone.user_id) == (known or ANA, USER)
    assert set(by_phone.aliases) == {ANA, USER} - {by_phone.key}


def test_a_customer_known_by_phone_then_both_then_user_id_has_one_lane(store: Store) -> None:
    commits(store, a_message("wamid.1"))
    commits(store, both("wamid.2"))
    (send,) = commits(store, by_user("wamid.3")).sends

    assert send.lane == ANA
    assert send.body["to"] == f"+{ANA}"
    assert raw(store).zcard(f"{PREFIX}lane:reply:{ANA}") == 3
    assert raw(store).keys(f"{PREFIX}lane:*") == [f"{PREFIX}lane:reply:{ANA}".encode()]


def test_two_contacts_that_turn_out_to_be_one_are_joined(store: Store) -> None:
    commits(store, a_message("wamid.1"))
    commits(store, by_user("wamid.2", name="Ana B", at=NOW.replace(hour=13)))

    plan = commits(store, both("wamid.3"))

    found = find_contact(store, NUMBER, USER)
    assert (found.key, found.name, found.last_inbound_at) == (ANA, "Ana B", NOW.replace(hour=13))
    assert found.aliases == (USER,)
    assert plan.records[0].is_new is False
    assert raw(store).hmget(f"{PREFIX}contact:{USER}", "alias", "state") == [ANA.encode(), b""]


def test_what_waits_under_the_former_name_is_still_sent(store: Store) -> None:
    commits(store, by_user("wamid.1"))
    commits(store, a_message("wamid.2"))
    commits(store, both("wamid.3"))

    taken = lanes(store).pump([], 9).attempts

    assert {one.body.get("to", one.body.get("recipient")) for one in taken} == {USER, f"+{ANA}"}


def test_an_attempt_of_a_former_lane_is_judged_by_the_whole_contact(store: Store) -> None:
    commits(store, by_user("wamid.1"))
    plan = plan_of(store, both("wamid.2"))
    out = plan.contact.with_consent(opts_out=True, at=NOW)
    assert commit(store, [replace(plan, contact=out)], WEEK) == [True]
    queue(store, a_send("former", ANA))

    attempts = {one.send: one.contact for one in lanes(store).pump([], 9).attempts}

    assert attempts[a_send("former").id].opted_out_at == NOW


def parked(store: Store, lane: str) -> Send:
    send = a_send(f"parked{lane[:2]}", lane, closed="wait")
    queue(store, send)
    # What is before it goes out first.
    taken = [one.send for one in lanes(store).pump([], 9).attempts]
    while send.id not in taken:
        went = [Outcome(one, 1, "accepted") for one in taken]
        taken = [one.send for one in lanes(store).pump(went, 9).attempts]
    settle(store, send, "parked", error_json="{}")
    assert row(store, send)["stage"] == "parked"
    return send


@pytest.mark.parametrize("name", [ANA, USER])
def test_what_is_parked_under_a_former_name_wakes_with_any_name(store: Store, name: str) -> None:
    commits(store, a_message("wamid.1"))
    commits(store, by_user("wamid.2"))
    commits(store, both("wamid.3"))
    send = parked(store, USER)

    commits(store, a_message("wamid.4", name))

    assert row(store, send)["stage"] == "queued"
    assert raw(store).zrange(f"{PREFIX}lane:reply:{USER}", 0, 0) == [send.id.encode()]
    assert raw(store).keys(f"{PREFIX}parked*") == []


def test_joining_wakes_what_was_parked_under_either_name(store: Store) -> None:
    commits(store, a_message("wamid.1"))
    commits(store, by_user("wamid.2"))
    waiting = [parked(store, ANA), parked(store, USER)]

    commits(store, both("wamid.3"))

    assert [row(store, one)["stage"] for one in waiting] == ["queued", "queued"]


def test_what_is_parked_under_a_former_name_expires_like_any_other(store: Store) -> None:
    commits(store, by_user("wamid.0"))
    commits(store, both("wamid.1"))
    send = parked(store, ANA)
    raw(store).zadd(f"{PREFIX}parked", {send.id: 1})

    store.call("tick", PREFIX, 1_000)

    assert row(store, send)["stage"] == "expired"
    assert raw(store).keys(f"{PREFIX}parked*") == []


def test_a_status_teaches_a_name_too(store: Store) -> None:
    commits(store, a_status("wamid.out", "sent", also=(USER,), user_id=USER))

    found = find_contact(store, NUMBER, USER)
    assert (found.key, found.wa_id, found.user_id, found.is_new) == (ANA, ANA, USER, True)


def test_a_name_that_is_known_is_not_written_again(store: Store) -> None:
    commits(store, both("wamid.1"))

    assert plan_of(store, a_status("w", "sent", also=(USER,), user_id=USER)).changed is False
    assert plan_of(store, both("wamid.2")).joins == ()


def test_a_changed_number_leads_to_the_same_contact_and_is_sent_to(store: Store) -> None:
    new = "351900000009"
    commits(store, a_message("wamid.1"))
    commits(store, a_message("wamid.2", type="system", also=(new,), wa_id=new))

    (send,) = commits(store, a_message("wamid.3", new)).sends

    assert (send.lane, send.body["to"]) == (ANA, f"+{new}")


def test_one_contact_after_another_may_join_the_next(store: Store) -> None:
    names = [f"PT.{i}" for i in range(5)]
    for i, name in enumerate(names):
        commits(store, a_message(f"wamid.{i}", name))
    for i, (name, other) in enumerate(zip(names[1:], names, strict=False)):
        commits(store, a_message(f"wamid.join{i}", name, also=(other,)))

    (view,) = load(store, {NUMBER: [a_message("w", name) for name in names]})
    assert {one.key for one in view.contacts.values()} == {"PT.4"}
    assert len(set(map(id, view.contacts.values()))) == 1
    assert view.contacts["PT.0"].last_inbound_at == NOW


def test_joining_is_refused_where_either_changed_meanwhile(store: Store) -> None:
    commits(store, a_message("wamid.1"))
    commits(store, by_user("wamid.2"))
    for nr, meanwhile in enumerate([a_message("wamid.3"), by_user("wamid.4")]):
        stale = plan_of(store, both(f"wamid.both{nr}"))
        commits(store, meanwhile)
        before = everything(store)

        assert commit(store, [stale], WEEK) == [False]
        assert everything(store) == before


@pytest.mark.parametrize("first", [ANA, USER])
def test_a_plan_for_a_name_that_became_an_alias_is_refused(store: Store, first: str) -> None:
    commits(store, a_message("wamid.1", first))
    (other,) = {ANA, USER} - {first}
    stale = plan_of(store, a_message("wamid.2", other))
    commits(store, both("wamid.3"))

    assert commit(store, [stale], WEEK) == [False]
    assert plan_of(store, a_message("wamid.2", other)).contact.key == first


def test_what_somebody_wrote_before_a_join_was_finished_is_not_lost(store: Store) -> None:
    commits(store, a_message("wamid.1"))
    commits(store, by_user("wamid.2"))
    for _ in each_write(store, commit_call(plan_of(store, both("wamid.3")), WEEK)):
        if raw(store).hexists(f"{PREFIX}contact:{ANA}", "redo"):
            break  # the commit point was reached, and the alias was not
    later = NOW.replace(hour=15)
    commits(store, by_user("wamid.4", at=later))

    commits(store, both("wamid.5"))
    if find_contact(store, NUMBER, USER).key != ANA:
        commits(store, both("wamid.6"))

    found = find_contact(store, NUMBER, USER)
    assert (found.key, found.last_inbound_at) == (ANA, later)


def test_a_name_without_the_contact_that_it_belongs_to_writes_nothing(store: Store) -> None:
    with pytest.raises(ScriptError, match="lacks the contact"):
        store.call("commit", PREFIX, ANA, "", "v", "", "contact", 2, USER, "")

    assert raw(store).keys("*") == []


def test_names_that_lead_in_a_circle_are_an_error_and_no_endless_loop(store: Store) -> None:
    for name, other in ((ANA, USER), (USER, ANA)):
        raw(store).hset(f"{PREFIX}contact:{name}", "alias", other)

    with pytest.raises(ScriptError, match="alias leads nowhere"):
        find_contact(store, NUMBER, ANA)


WHOLE = replace(
    Contact(ANA, "351900000009", USER, "Ana", NOW, version="v"),
    opted_out_at=NOW.replace(hour=1),
    consent_at=NOW.replace(hour=2),
    named_at=NOW.replace(hour=3),
    aliases=(USER,),
    tags=("new", "vip"),
    vars={"size": "M"},
    muted_until=NOW.replace(hour=4),
    called_at=NOW.replace(hour=6),
    hand_over=HandOver(NOW, NOW.replace(hour=13), "rule person"),
    used={"closed": (2, 1), "three": (9, 1, 1, 3)},
    volley=Volley(NOW.replace(hour=5), 3, Repetition("ab12", NOW.replace(hour=6), 2)),
    more={"variables": {"colour": "blue"}},
)


@pytest.mark.parametrize("contact", [WHOLE, Contact(ANA, version="v")], ids=["whole", "empty"])
def test_a_contact_is_read_as_it_was_written(contact: Contact) -> None:
    assert unpack(ANA, b"v", pack(contact)) == contact


@pytest.mark.parametrize(
    "state",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"wa_id": ANA, "user_id": "", "name": "Ana", "last_inbound_at": 1}, id="old"),
        pytest.param({"volley": [1, 2]}, id="no repetitions"),
        pytest.param({"repeated": ["ab12", 1, 2], "volley": [1, 2]}, id="repetitions"),
        pytest.param({"name": "Ana", "of_the_future": [1, {"a": None}]}, id="new"),
    ],
)
def test_what_another_release_wrote_is_read_and_not_lost(state: dict[str, Any]) -> None:
    found = unpack(ANA, b"v", orjson.dumps(state))

    assert found.opted_out_at is None
    assert json.loads(pack(found)).items() >= state.items()


def test_however_many_numbers_are_seen_under_one_user_id_each_is_one_step_from_the_contact(
    store: Store,
) -> None:
    phones = [f"3519{i:08}" for i in range(60)]
    for i, phone in enumerate(phones):
        commits(store, a_message(f"wamid.{i}", phone, wa_id=phone))
        commits(store, a_message(f"wamid.{i}.both", phone, wa_id=phone, user_id=USER))

    last = find_contact(store, NUMBER, USER)
    leads = {name: raw(store).hget(f"{PREFIX}contact:{name}", "alias") for name in [*phones, USER]}
    assert {name for name, target in leads.items() if target is None} == {last.key}
    # The contact remembers its sixteen latest names; those before were led to it meanwhile.
    assert all(leads[name] == last.key.encode() for name in last.aliases)
    assert all(find_contact(store, NUMBER, phone).key == last.key for phone in phones)
