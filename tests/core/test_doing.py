"""What rules note of a contact, and what a record says of it."""

from datetime import timedelta
from typing import Any

import pytest

from gateway.core.contacts.contact import MOST_BYTES, Contact, fits
from gateway.core.planning.contact_changes import FULL, ContactChange, apply_action
from gateway.core.planning.decision import Action
from tests.support.factories import ANA, NOW

KNOWN = Contact(ANA, tags=("new", "vip"), vars={"size": "M"}, muted_until=NOW)


def did(verb: str, body: Any = None, contact: Contact = KNOWN, told: str = "what") -> ContactChange:
    found = apply_action(contact, Action(verb, {verb: body}, label=told), "rule it", NOW, NOW)
    assert found
    return found


@pytest.mark.parametrize(
    ("verb", "body", "field", "after", "change"),
    [
        ("tag", ["a", "vip"], "tags", ("a", "new", "vip"), "tagged what"),
        ("tag", ["", " "], "tags", ("new", "vip"), "tagged what"),
        ("untag", ["vip", "other"], "tags", ("new",), "untagged what"),
        ("set", {"size": "L", "name": "A"}, "vars", {"size": "L", "name": "A"}, "set what"),
        ("unset", ["size", "other"], "vars", {}, "unset what"),
        ("mute", 3600, "muted_until", NOW + timedelta(hours=1), "muted until 2026-11-22 13:00 UTC"),
        ("unmute", None, "muted_until", NOW, "nothing, for it was not muted"),
    ],
)
def test_an_action_changes_the_contact_and_says_so(
    verb: str, body: Any, field: str, after: Any, change: str
) -> None:
    found = did(verb, body)

    assert getattr(found.contact, field) == after
    assert found.change == f"{change}: rule it"


def test_of_two_silences_the_longer_counts_and_one_can_be_ended() -> None:
    long = did("mute", 7200).contact
    short = did("mute", 60, long)

    assert short == ContactChange(
        long, "nothing, for it is muted until 2026-11-22 14:00 UTC: rule it"
    )
    assert did("unmute", None, long).contact.muted_until is None


@pytest.mark.parametrize(
    ("verb", "body"), [("set", {"story": "x" * 8_192}), ("tag", ["x" * 8_192])]
)
def test_what_takes_more_than_8_kb_is_refused_and_told(verb: str, body: Any) -> None:
    assert did(verb, body) == ContactChange(KNOWN, f"{FULL}: rule it")


def test_8_kb_are_bytes_as_they_are_kept() -> None:
    empty = len('[[],{"a":""}]')

    assert fits((), {"a": "x" * (MOST_BYTES - empty)})
    assert not fits((), {"a": "x" * (MOST_BYTES - empty + 1)})
    assert not fits((), {"a": "é" * (MOST_BYTES - empty)})


def test_what_a_customer_wrote_is_in_no_change() -> None:
    told = [did("set", {"order": "secret"}, told="order"), did("tag", ["secret"], told="a tag")]

    assert [one.change for one in told] == ["set order: rule it", "tagged a tag: rule it"]


def test_an_action_that_leaves_contacts_alone_is_none() -> None:
    assert apply_action(KNOWN, Action("send_text", {}), "rule it", NOW, NOW) is None
