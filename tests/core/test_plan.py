"""Planning decides what follows from events, the same however often and in whatever company."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.loop_guard import Volley
from gateway.core.events import Event, Message, Notice, Unreadable
from gateway.core.messages import mark_read, text
from gateway.core.planning.batch import PlanningInput, PlanningResult, plan
from gateway.core.planning.decision import Action, Decision, FiredRule
from gateway.core.planning.event import record_id
from gateway.core.sending.send import StatusUpdate
from tests.support.factories import ANA, NOW, NUMBER, a_call, a_message, a_status

BEN = "351900000002"
SEND = "a" * 24


class Echo:
    """Marks as read and says what it knew of the customer; raises at the word "bug"."""

    version = "v1"

    def decide(self, event: Event, contact: Contact, now: object) -> Decision:
        if not isinstance(event, Message) or event.text == "silence":
            return Decision(note="no rule")
        if event.text == "bug":
            raise KeyError(event.text)
        said = f"{event.text}, {'stranger' if contact.is_new else 'again'}"
        reading = Action("mark_read", mark_read(event.id), repeatable=True)
        return Decision((FiredRule("echo", "always", (reading, Action("send_text", text(said)))),))


def planned(
    *events: Event, known: Iterable[str] = (), contacts: Mapping[str, Contact] | None = None
) -> PlanningResult:
    return plan(PlanningInput(NUMBER, NOW, contacts or {}, frozenset(known)), events, Echo())


def a_notice(key: str, contact: str = "") -> Notice:
    return Notice(
        key=key, delivery="0:1-0", item=0, number=NUMBER, contact=contact, at=NOW, raw={}, field="x"
    )


def said(found: PlanningResult) -> list[str]:
    return [
        send.body["text"]["body"]
        for one in found.plans
        for send in one.sends
        if "text" in send.body
    ]


def test_known_and_repeated_events_are_dropped_and_counted() -> None:
    first, second, third = a_message("wamid.1"), a_message("wamid.2"), a_message("wamid.3")

    found = planned(first, second, replace(second, delivery="1:1-0"), third, known={first.key})

    assert (found.known, found.repeated) == (2, 0)
    assert [event for one in found.plans for event in one.events] == [second, third]


def test_statuses_that_came_again_are_counted_by_themselves() -> None:
    sent, read = a_status("wamid.o", "sent"), a_status("wamid.o", "read")

    found = planned(sent, replace(sent, delivery="1:1-0"), read, known={read.key})

    assert (found.known, found.repeated) == (2, 2)


def test_a_batch_of_which_all_is_known_plans_nothing() -> None:
    assert planned(a_message(), known={a_message().key}) == PlanningResult((), (), 1, (), 0)


def test_the_events_of_a_contact_keep_their_order_and_stand_in_one_plan() -> None:
    events = [
        a_message("wamid.1", text="one"),
        a_message("wamid.2", BEN, text="two"),
        a_message("wamid.3", text="three"),
    ]

    found = planned(*events)

    assert [[event.key[-1] for event in one.events] for one in found.plans] == [["1", "3"], ["2"]]
    assert said(found) == ["one, stranger", "three, again", "two, stranger"]


def test_each_event_is_folded_into_the_contact() -> None:
    later = NOW + timedelta(seconds=5)

    (one,) = planned(a_message("wamid.1"), a_message("wamid.2", name="Ana B", at=later)).plans

    assert one.changed
    assert one.contact == Contact(
        ANA, wa_id=ANA, name="Ana B", last_inbound_at=later, named_at=later, volley=Volley(NOW, 1)
    )


def test_the_plan_carries_the_version_it_was_made_from() -> None:
    known = Contact(ANA, ANA, last_inbound_at=NOW, version="v7")

    (one,) = planned(a_message(text="hi"), contacts={ANA: known}).plans

    assert one.contact.version == "v7"
    assert one.records[0].is_new is False


def test_first_contact_is_judged_by_the_state_before_the_event() -> None:
    (one,) = planned(a_message("wamid.1", text="a"), a_message("wamid.2", text="b")).plans

    assert [record.is_new for record in one.records] == [True, False]


def test_what_rules_ask_for_becomes_addressed_sends_and_a_record_that_names_them() -> None:
    (one,) = planned(a_message(text="hi")).plans

    (record,) = one.records
    assert record.id == record_id(a_message())
    assert (record.rulebook, record.fired[0].rule) == ("v1", "echo")
    assert record.sends == tuple(send.id for send in one.sends)
    assert [(s.repeatable, s.lane, s.rule, s.record) for s in one.sends] == [
        (True, ANA, "echo", record.id),
        (False, ANA, "echo", record.id),
    ]
    assert one.sends[1].body["to"] == f"+{ANA}"
    assert [send.expires_at - NOW for send in one.sends] == [
        timedelta(minutes=5),
        timedelta(hours=1),
    ]


@pytest.mark.parametrize("event", [a_message(text="silence"), a_call()])
def test_what_a_customer_says_has_a_record_also_where_no_rule_answers(event: Event) -> None:
    (one,) = planned(event).plans

    assert (one.changed, one.events, one.sends) == (True, (event,), ())
    assert [(record.id, record.fired) for record in one.records] == [(record_id(event), ())]


def test_an_event_of_nobody_that_no_rule_answers_has_no_record() -> None:
    (one,) = planned(a_status("wamid.o", "sent")).plans

    assert one.records == ()


def test_planning_twice_gives_equal_plans() -> None:
    events = [a_message("wamid.1"), a_status("wamid.o", "sent"), a_message("wamid.2", BEN)]

    assert planned(*events) == planned(*events)


def test_an_exception_fails_its_event_and_hurts_no_neighbour() -> None:
    found = planned(
        a_message("wamid.1", text="one"),
        a_message("wamid.2", text="bug"),
        a_message("wamid.3", text="three"),
    )

    (failure,) = found.failures
    assert (failure.event.key[-1], failure.error) == ("2", "KeyError")
    assert "KeyError: 'bug'" in failure.trace
    assert "Traceback" not in repr(failure)
    assert said(found) == ["one, stranger", "three, again"]


def test_a_contact_with_nothing_but_failures_has_no_plan() -> None:
    found = planned(a_message(text="bug"))

    assert (found.plans, len(found.failures)) == ((), 1)


def test_more_than_a_hundred_events_of_a_contact_wait_for_the_next_plan() -> None:
    events = [a_message(f"wamid.{i}") for i in range(103)]

    found = planned(*events, a_message("wamid.b", BEN))

    assert [len(one.events) for one in found.plans] == [100, 1]
    assert found.rest == tuple(events[100:])


def test_a_contact_gets_at_most_five_hundred_sends_at_once_and_those_of_one_event() -> None:
    class Talker(Echo):
        """Says three hundred things to whatever is written."""

        def decide(self, event: Event, contact: Contact, now: object) -> Decision:
            return Decision(
                (FiredRule("talk", "always", (Action("send_text", text("hi")),) * 300),)
            )

    events = [a_message(f"wamid.{n}", at=NOW - timedelta(minutes=1)) for n in range(5)]
    found = plan(PlanningInput(NUMBER, NOW, {}, frozenset()), events, Talker())

    assert [(len(one.events), len(one.sends)) for one in found.plans] == [(2, 600)]
    assert found.rest == tuple(events[2:])


@pytest.mark.parametrize(
    ("callback", "send", "attempt"),
    [(f"{SEND}.2", SEND, "2"), ("somebody's own", "", ""), ("", "", "")],
    ids=["ours", "a stranger's", "none"],
)
def test_a_status_becomes_news_of_its_send(callback: str, send: str, attempt: str) -> None:
    (one,) = planned(a_status("wamid.o", "delivered", callback)).plans

    assert one.status_updates == (StatusUpdate(send, attempt, "wamid.o", "delivered", NOW),)
    assert one.changed is False


def test_a_failed_status_tells_why() -> None:
    errors: tuple[Mapping[str, Any], ...] = ({"code": 131026, "title": "Undeliverable"},)

    (one,) = planned(a_status("wamid.o", "failed", code=131026, errors=errors)).plans

    assert one.status_updates[0].error == {
        "code": 131026,
        "title": "Undeliverable",
        "source": "status",
    }


def test_a_failed_status_without_an_error_is_news_all_the_same() -> None:
    (one,) = planned(a_status("wamid.o", "failed")).plans

    assert one.status_updates[0].error == {"code": None, "source": "status"}


@pytest.mark.parametrize("status", ["deleted", "", "queued", "unconfirmed", "accepted"])
def test_a_status_that_is_no_step_of_meta_is_known_and_nothing_more(status: str) -> None:
    (one,) = planned(a_status("wamid.o", status)).plans

    assert (len(one.events), one.status_updates) == (1, ())


def test_what_belongs_to_nobody_stands_alone_and_leaves_contacts_unchanged() -> None:
    unreadable = Unreadable(
        key="u",
        delivery="0:1-0",
        item=0,
        number="",
        contact="",
        at=NOW,
        raw=None,
        reason="not_json",
    )

    found = planned(a_notice("n1"), a_notice("n2"), unreadable)

    assert [[event.key for event in one.events] for one in found.plans] == [["n1"], ["n2"], ["u"]]
    assert {(one.contact.key, one.changed) for one in found.plans} == {("", False)}


def test_a_notice_about_a_contact_goes_with_the_contact_and_does_not_change_it() -> None:
    (one,) = planned(a_notice("n", ANA)).plans

    assert (one.contact.key, one.changed, one.sends) == (ANA, False, ())


def test_a_message_without_a_contact_is_not_answered() -> None:
    (one,) = planned(a_message(contact="")).plans

    assert (one.changed, one.sends) == (False, ())


EVENTS = [
    a_message(f"wamid.{i}", contact, text=f"text {i}")
    for i, contact in enumerate([ANA, BEN, ANA, "351900000003", BEN, ANA])
]


@given(cuts=st.sets(st.integers(1, 5)), again=st.lists(st.sampled_from(EVENTS)))
def test_any_grouping_into_batches_gives_the_same_sends(cuts: set[int], again: Any) -> None:
    """Redeliveries are mixed in wherever a batch ends."""
    known: set[str] = set()
    contacts: dict[str, Contact] = {}
    ids: list[str] = []
    bounds = [0, *sorted(cuts), len(EVENTS)]
    for start, end in pairwise(bounds):
        redelivered = [event for event in again if event.key in known]
        for one in planned(*redelivered, *EVENTS[start:end], known=known, contacts=contacts).plans:
            known |= {event.key for event in one.events}
            contacts[one.contact.key] = one.contact
            ids += [send.id for send in one.sends]

    whole = planned(*EVENTS)
    assert sorted(ids) == sorted(send.id for one in whole.plans for send in one.sends)
    assert len(set(ids)) == 12
    assert contacts == {one.contact.key: one.contact for one in whole.plans}
