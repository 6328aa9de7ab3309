"""What follows from events one after the other, without a store."""

from datetime import timedelta

from gateway.core.contacts.contact import Contact
from gateway.core.sending.send import Send
from gateway.rules.testing.planner import EventPlanner, body_to_post
from tests.support.factories import ANA, NOW, NUMBER, a_message, a_status
from tests.support.rules.rulebooks import book

RULES = book("""\
- {name: welcome, when: {first_contact: yes}, then: [Hi., {tag: known}]}
- {name: again, when: {tags: known}, then: Again!}
""")


def test_a_contact_goes_on_as_it_was_left() -> None:
    folding = EventPlanner(RULES)

    first, second = (folding.plan_next(a_message(wamid), NOW) for wamid in ("wamid.1", "wamid.2"))

    assert (first.fired, second.fired) == (("welcome",), ("again",))
    assert (first.before.tags, first.after.tags, second.before.tags) == ((), ("known",), ("known",))
    assert first.changes == ("tagged known: rule welcome",)


def test_an_event_has_its_effect_once() -> None:
    folding = EventPlanner(RULES)
    folding.plan_next(a_message(), NOW)

    again = folding.plan_next(a_message(), NOW)

    assert (again.plan, again.fired, again.sends, again.after.tags) == (None, (), (), ("known",))


def test_contacts_of_two_numbers_are_two() -> None:
    folding = EventPlanner(RULES)
    folding.plan_next(a_message(), NOW)

    other = a_message(number="5", key="message|5|wamid.1")

    assert folding.plan_next(other, NOW).fired == ("welcome",)


def test_who_turns_out_to_be_somebody_known_goes_on_as_them() -> None:
    folding = EventPlanner(RULES)
    folding.remember(NUMBER, Contact("PT.1", user_id="PT.1", last_inbound_at=NOW, tags=("known",)))

    both = folding.plan_next(a_message(also=("PT.1",), user_id="PT.1"), NOW)
    later = folding.plan_next(a_message("wamid.2", contact="PT.1", user_id="PT.1", wa_id=""), NOW)

    assert (both.fired, later.fired) == (("again",), ("again",))


def test_an_event_whose_planning_fails_tells_the_error() -> None:
    class Broken:
        version = "v1"

        def decide(self, *_: object) -> None:
            raise KeyError

    folded = EventPlanner(Broken()).plan_next(a_message(), NOW)  # type: ignore[arg-type]

    assert (folded.error, folded.plan) == ("KeyError", None)


def test_an_event_that_nothing_follows_from_leaves_the_contact_alone() -> None:
    folding = EventPlanner(RULES)

    assert folding.plan_next(a_status("wamid.9", "read"), NOW).posts == ()
    assert folding.plan_next(a_message(), NOW).fired == ("welcome",)


def a_send(**fields: object) -> Send:
    given = {"body": {"type": "text"}, "instead": {"type": "template"}, **fields}
    return Send("s", ANA, "reply", expires_at=NOW, **given)  # type: ignore[arg-type]


OPEN = Contact(ANA, last_inbound_at=NOW - timedelta(hours=23))
CLOSED = Contact(ANA, last_inbound_at=NOW - timedelta(hours=24))


def test_what_is_posted_is_what_meta_takes_at_that_moment() -> None:
    free, offer = a_send(closed="template"), a_send(marketing=True)
    against = Contact(ANA, last_inbound_at=NOW, opted_out_at=NOW)

    assert [body_to_post(free, contact, NOW) for contact in (OPEN, CLOSED)] == [
        free.body,
        free.instead,
    ]
    assert body_to_post(a_send(closed="drop"), CLOSED, NOW) is None
    assert body_to_post(a_send(body={"status": "read"}, repeatable=True), CLOSED, NOW) is not None
    assert [body_to_post(offer, contact, NOW) for contact in (OPEN, against)] == [offer.body, None]
