"""Whose a store is, is decided by names where both have one, and else by the ids at Meta."""

from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.hand_over import HandOver
from gateway.core.contacts.loop_guard import Repetition, Volley
from gateway.core.contacts.serialization import pack
from gateway.core.storage.ownership import (
    EMPTIED_FOR_MS,
    Installation,
    StoreOwner,
    format_problem,
    is_same,
    settle_owner,
    stranger_problem,
)
from gateway.store import keys

NAMED = Installation("shop-production", "100", "7")
NAMELESS = Installation("", "100", "7")
OWNER = StoreOwner("id", NAMED, needs=1)
NEW = StoreOwner("new", NAMED, needs=1)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (NAMED, NAMED, True),
        (NAMED, replace(NAMED, name="shop-draft"), False),
        (NAMED, replace(NAMED, number="200", app="8"), True),
        (NAMED, NAMELESS, True),
        (NAMED, replace(NAMELESS, number="200"), False),
        (NAMELESS, NAMELESS, True),
        (NAMELESS, replace(NAMELESS, number="200"), False),
        (NAMELESS, replace(NAMELESS, app="8"), False),
        (NAMELESS, replace(NAMELESS, app=""), True),
    ],
    ids=[
        "one name", "another name", "one name and another number", "a name and none",
        "a name and another number", "no names", "another number", "another app", "no app",
    ],
)  # fmt: skip
def test_an_installation_is_known_again(
    one: Installation, other: Installation, *, same: bool
) -> None:
    assert (is_same(one, other), is_same(other, one)) == (same, same)


def test_a_stranger_learns_whose_the_store_is_and_what_to_do() -> None:
    problem = stranger_problem(OWNER, Installation("shop-draft", "200"))

    assert "belongs to another installation (shop-production, number 100, app 7)" in problem
    assert "this is shop-draft, number 200" in problem
    assert "GATEWAY_INSTALLATION" in problem
    assert "gateway adopt" in problem


def test_a_store_without_an_owner_belongs_to_the_first_and_was_not_emptied() -> None:
    assert settle_owner(None, NAMED, set(), NEW, 5) == NEW


def test_a_store_that_lost_its_owner_was_emptied() -> None:
    assert settle_owner(None, NAMED, {"id"}, NEW, 5) == replace(NEW, emptied_ms=5)


def test_a_store_under_another_id_was_emptied_and_claimed_by_a_process_that_started() -> None:
    assert settle_owner(NEW, NAMED, {"id"}, NEW, 5).emptied_ms == 5


def test_a_store_that_another_process_found_emptied_is_found_so_once() -> None:
    found = replace(NEW, emptied_ms=5)

    assert settle_owner(found, NAMED, {"id"}, NEW, 9) == found


def test_a_backup_that_was_restored_is_no_emptied_store() -> None:
    assert settle_owner(OWNER, NAMED, {"id", "new"}, NEW, 9) == OWNER


def test_a_name_that_is_set_later_becomes_the_owners() -> None:
    owner = StoreOwner("id", NAMELESS, needs=1)

    assert settle_owner(owner, NAMED, {"id"}, NEW, 9).installation == NAMED


def test_nothing_is_learned_from_a_stranger() -> None:
    owner = StoreOwner("id", replace(NAMELESS, number="200"), needs=0)

    assert settle_owner(owner, NAMED, set(), NEW, 9) == owner


def test_a_newer_release_raises_what_the_store_needs_and_an_older_one_never_lowers_it() -> None:
    raised = settle_owner(OWNER, NAMED, set(), replace(NEW, needs=2), 9)

    assert raised.needs == 2
    assert settle_owner(raised, NAMED, set(), NEW, 9).needs == 2


@pytest.mark.parametrize(("known", "refused"), [(0, True), (1, False), (2, False)])
def test_a_release_that_would_lose_what_is_stored_is_refused(known: int, *, refused: bool) -> None:
    assert ("Start the newer release" in format_problem(OWNER, known)) is refused


@pytest.mark.parametrize(("ago_ms", "shown"), [(0, True), (EMPTIED_FOR_MS, False)])
def test_an_emptied_store_is_a_problem_for_a_day(ago_ms: int, *, shown: bool) -> None:
    assert replace(OWNER, emptied_ms=1_000).is_emptied(1_000 + ago_ms) is shown


def test_fields_of_another_release_are_written_back() -> None:
    stored = orjson.dumps({"id": "id", "number": "100", "later": [1]})
    owner = StoreOwner.unpack(stored)

    assert owner is not None
    assert (owner.installation, owner.needs) == (Installation("", "100"), 0)
    assert orjson.loads(owner.pack())["later"] == [1]


@pytest.mark.parametrize("stored", [b"", b"{", b"3"])
def test_an_owner_that_cannot_be_read_is_none(stored: bytes) -> None:
    assert StoreOwner.unpack(stored) is None


# Fields of a contact by the format in which they came. A release loses none of another's fields,
# but joins contacts and answers by those that it knows: a field that decides what a customer gets
# raises FORMAT in store/keys.py.
CONTACT_FIELDS = {
    1: {
        "wa_id", "user_id", "name", "last_inbound_at", "opted_out", "asked", "named", "aliases",
        "tags", "vars", "muted", "hand_over", "called", "used", "volley", "repeated",
    },
}  # fmt: skip


def test_each_field_of_a_contact_belongs_to_a_format() -> None:
    at = datetime(2026, 11, 29, tzinfo=UTC)
    contact = Contact(
        "351900000001", called_at=at, hand_over=HandOver(at, at, "echo"),
        opted_out_at=at, consent_at=at, named_at=at, aliases=("a",), tags=("t",),
        vars={"v": "1"}, muted_until=at, used={"rule": (1,)},
        volley=Volley(at, 1, Repetition("digest", at, 1)),
    )  # fmt: skip

    assert set(orjson.loads(pack(contact))) == set().union(*CONTACT_FIELDS.values())
    assert max(CONTACT_FIELDS) <= keys.FORMAT
