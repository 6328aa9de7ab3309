"""Events are grouped by person, whatever names each of them uses."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.grouping import group_by_person
from gateway.core.events import Event, Message, Notice
from gateway.core.planning.batch import PlanningInput, plan
from gateway.core.planning.decision import Decision
from tests.support.factories import ANA, NOW, NUMBER, a_message

USER = "PT.1"
BEN = "351900000002"


def wrote(wamid: str, contact: str, *also: str) -> Message:
    return a_message(f"wamid.{wamid}", contact, also=also, wa_id="", name="")


BY_PHONE, BY_USER, BY_BOTH = wrote("p", ANA), wrote("u", USER), wrote("b", ANA, USER)


@pytest.mark.parametrize(
    ("events", "key", "others"),
    [
        pytest.param([BY_PHONE], ANA, [], id="phone"),
        pytest.param([BY_USER], USER, [], id="user id"),
        pytest.param([BY_BOTH], ANA, [USER], id="both"),
        pytest.param([BY_USER, BY_PHONE, BY_BOTH], ANA, [USER], id="user id first"),
        pytest.param([BY_USER, wrote("c", USER, "PT.2")], USER, ["PT.2"], id="two user ids"),
    ],
)
def test_strangers_are_known_by_their_phone_number_where_there_is_one(
    events: list[Message], key: str, others: list[str]
) -> None:
    (group,) = group_by_person({}, events)

    assert (group.contact.key, [one.key for one in group.others]) == (key, others)
    assert list(group.events) == events


PHONE, BOTH = Contact(ANA, wa_id=ANA, version="1"), Contact(USER, user_id=USER, version="2")


@pytest.mark.parametrize(
    ("known", "key", "others"),
    [
        pytest.param({ANA: PHONE}, ANA, [USER], id="by phone"),
        pytest.param({USER: BOTH}, USER, [ANA], id="by user id"),
        pytest.param({ANA: PHONE, USER: PHONE}, ANA, [], id="as one"),
        pytest.param({ANA: BOTH, USER: BOTH}, USER, [], id="as one, by user id"),
        pytest.param({ANA: PHONE, USER: BOTH}, ANA, [USER], id="as two"),
    ],
)
def test_a_contact_that_is_known_keeps_its_key(
    known: dict[str, Contact], key: str, others: list[str]
) -> None:
    (group,) = group_by_person(known, [BY_BOTH])

    assert (group.contact.key, [one.key for one in group.others]) == (key, others)
    assert set(group.contact.aliases) == set(others)


def test_names_that_the_store_knows_as_one_need_no_event_with_both() -> None:
    known = {ANA: PHONE, USER: PHONE}

    (group,) = group_by_person(known, [BY_USER, BY_PHONE])

    assert (group.contact, list(group.events)) == (PHONE, [BY_USER, BY_PHONE])


def test_what_was_named_by_an_event_is_known_of_the_joined_contact() -> None:
    event = a_message(contact=ANA, user_id=USER)

    (group,) = group_by_person({}, [event])

    assert (group.contact.wa_id, group.contact.user_id) == (ANA, USER)
    assert group.contact.last_inbound_at is None


def test_strangers_stay_apart_and_nobody_stands_alone() -> None:
    events = [BY_PHONE, wrote("n", BEN), wrote("0", ""), wrote("1", "")]

    found = group_by_person({}, events)

    assert [(one.contact.key, one.others, list(one.events)) for one in found] == [
        (ANA, (), events[:1]), (BEN, (), events[1:2]), ("", (), events[2:3]), ("", (), events[3:]),
    ]  # fmt: skip


def test_a_chain_of_names_is_one_person() -> None:
    chain = [wrote(str(i), f"PT.{i}", f"PT.{i + 1}") for i in range(5)]

    for events in (chain, chain[::-1]):
        (group,) = group_by_person({}, events)
        assert len(group.others) == 5


@given(st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3), max_size=12))
def test_every_event_is_in_one_group_and_no_name_in_two(called: list[list[str]]) -> None:
    events = [wrote(str(i), first, *also) for i, (first, *also) in enumerate(called)]

    found = group_by_person({}, events)

    assert sorted(e.key for one in found for e in one.events) == sorted(e.key for e in events)
    keys = [key for one in found for key in (one.contact.key, *(o.key for o in one.others))]
    assert len(keys) == len(set(keys)) == len({name for names in called for name in names})
    for one in found:
        places = [events.index(event) for event in one.events if isinstance(event, Message)]
        assert places == sorted(places)


class Silent:
    """Answers nothing."""

    version = "v1"

    def decide(self, event: Event, contact: Contact, now: object) -> Decision:
        return Decision()


def at(minute: int, event: Event) -> Event:
    return replace(event, at=NOW + timedelta(minutes=minute))


def wish(value: str, contact: str) -> Notice:
    return Notice(
        key=f"{value}|{contact}", delivery="0:1-0", item=0, number=NUMBER, contact=contact, at=NOW,
        raw={"category": "marketing_messages", "value": value}, field="user_preferences",
    )  # fmt: skip


ASKED_TO_STOP = [
    at(1, BY_PHONE), at(2, BY_USER), at(3, BY_BOTH), at(4, wish("stop", USER)),
    at(3, wish("resume", ANA)),
]  # fmt: skip


@given(st.permutations(ASKED_TO_STOP), st.sets(st.integers(1, 4)))
def test_in_whatever_order_names_become_known_the_contact_ends_the_same(
    events: list[Event], cuts: set[int]
) -> None:
    known: dict[str, Contact] = {}
    bounds = [0, *sorted(cuts), len(events)]
    for start, end in pairwise(bounds):
        view = PlanningInput(NUMBER, NOW + timedelta(days=1), known, frozenset())
        for made in plan(view, events[start:end], Silent()).plans:
            after = replace(made.contact, version="v")
            known |= {name: after for name in (after.key, *after.aliases)}

    (contact,) = {one.key: one for one in known.values()}.values()
    assert set(known) == {ANA, USER}
    assert contact.last_inbound_at == NOW + timedelta(minutes=3)
    assert contact.opted_out_at == NOW + timedelta(minutes=4)
