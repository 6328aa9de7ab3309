"""A shadow plans many batches as if each had been committed, and commits nothing."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.hand_over import HandOver
from gateway.core.events import Event, Message
from gateway.core.planning.batch import MOST_EVENTS, PlanningInput, PlanningResult
from gateway.core.planning.decision import Action, Decision, FiredRule
from gateway.core.planning.dry_run import NO_RULE, DryRun
from tests.support.factories import ANA, NOW, NUMBER, a_message, a_status

TEXT = Action("send_text", {"type": "text", "text": {"body": "Hi"}})


class Welcome:
    """Answers the first message of a customer, and nothing that is old."""

    version = "v1"

    def decide(self, event: Event, contact: Contact, now: object) -> Decision:
        if not isinstance(event, Message):
            return Decision()
        if event.text == "old":
            return Decision(note="too old")
        return Decision((FiredRule("welcome", "always", (TEXT,)),) if contact.is_new else ())


def view(*contacts: Contact, known: Sequence[str] = ()) -> PlanningInput:
    named = {ANA: Contact(ANA)} | {one.key: one for one in contacts}
    return PlanningInput(NUMBER, NOW, named, frozenset(known))


def planned(shadow: DryRun, seen: PlanningInput, *events: Event) -> list[PlanningResult]:
    return list(shadow.plan(seen, events))


def sends(found: Sequence[PlanningResult]) -> int:
    return sum(len(made.sends) for one in found for made in one.plans)


def test_a_customer_is_new_once_in_all_batches() -> None:
    shadow = DryRun(Welcome())

    assert sends(planned(shadow, view(), a_message("wamid.1"))) == 1
    assert sends(planned(shadow, view(), a_message("wamid.2"))) == 0
    assert shadow.silent == {NO_RULE: 1}


def test_a_customer_whom_the_store_knows_is_not_new() -> None:
    known = Contact(ANA, last_inbound_at=NOW - timedelta(days=1), version="v")

    assert sends(planned(DryRun(Welcome()), view(known), a_message("wamid.1"))) == 0


def test_what_the_store_knows_has_no_effect() -> None:
    message = a_message("wamid.1")
    (found,) = planned(DryRun(Welcome()), view(known=[message.key]), message)

    assert (found.known, found.plans) == (1, ())


def test_what_the_shadow_planned_once_is_known_there() -> None:
    shadow, message = DryRun(Welcome()), a_message("wamid.1")
    planned(shadow, view(), message)

    (again,) = planned(shadow, view(), message)
    assert again.known == 1


def test_another_number_knows_nothing_of_it() -> None:
    shadow = DryRun(Welcome())
    planned(shadow, view(), a_message("wamid.1"))
    other = replace(view(), number="77")

    found = planned(shadow, other, a_message("wamid.2", number="77", key="message|77|wamid.2"))
    assert sends(found) == 1


def test_one_person_with_two_names_is_one_in_the_shadow() -> None:
    shadow, both = DryRun(Welcome()), a_message("wamid.1", user_id="PT.1")
    names = view(Contact("PT.1"))
    planned(shadow, names, both)

    by_user = a_message("wamid.2", contact="PT.1", wa_id="", also=())
    assert sends(planned(shadow, names, by_user)) == 0


def test_what_follows_under_one_name_is_known_under_the_other() -> None:
    shadow, names = DryRun(Welcome()), view(Contact("PT.1"))
    planned(shadow, names, a_message("wamid.1", user_id="PT.1", also=("PT.1",), name="Ana"))
    planned(shadow, view(), a_message("wamid.2", name="Eva"))

    assert shadow.overlay(names, ()).contacts["PT.1"].name == "Eva"


def test_more_than_a_commit_takes_is_planned_whole() -> None:
    many = [a_status(f"wamid.{i}", "read") for i in range(2 * MOST_EVENTS + 1)]
    found = planned(DryRun(Welcome()), view(), *many)

    assert sum(len(made.events) for one in found for made in one.plans) == len(many)


def test_why_nobody_is_answered_is_counted() -> None:
    shadow = DryRun(Welcome())
    planned(shadow, view(), a_message("wamid.1", text="old"), a_message("wamid.2", text="old"))

    assert shadow.silent == {"too old": 2}


MUTED = Decision((FiredRule("welcome", "muted until 20:00, so nothing is sent", ()),))


class Silent(Welcome):
    """Decides as rules do for a muted customer: they fire, and nothing is sent."""

    def decide(self, event: Event, contact: Contact, now: object) -> Decision:
        return MUTED


def test_messages_of_muted_customers_are_counted() -> None:
    shadow, muted = DryRun(Silent()), Contact(ANA, muted_until=NOW + timedelta(hours=1))
    planned(shadow, view(muted), a_message("wamid.1"), a_message("wamid.2"))

    assert shadow.silent == {"muted": 2}


def test_messages_that_a_person_answers_are_counted() -> None:
    hand_over = HandOver(NOW, NOW + timedelta(hours=1), "from the phone")
    shadow = DryRun(Silent())
    planned(shadow, view(Contact(ANA, hand_over=hand_over)), a_message("wamid.1"))

    assert shadow.silent == {"a person answers": 1}


def test_a_mute_that_is_over_is_no_reason() -> None:
    shadow, muted = DryRun(Silent()), Contact(ANA, muted_until=NOW)
    planned(shadow, view(muted), a_message("wamid.1"))

    assert shadow.silent == {}
