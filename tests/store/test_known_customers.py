"""Customers that a number knows are an audience: those with a tag, or those of a list."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.core.api.field_errors import FieldReader
from gateway.core.planning.batch import Plan
from gateway.store.campaigns.audience import iter_recipients
from gateway.store.campaigns.drafts import create_campaign
from gateway.store.campaigns.uploads.known_customers import (
    MOST_LISTED,
    KnownCustomers,
    read_known_customers,
)
from gateway.store.campaigns.uploads.upload import Home, UploadResult, store_known
from gateway.store.planning.commit import commit
from gateway.store.planning.contacts import find_contact
from gateway.store.redis.client import Store
from tests.support.factories import NUMBER
from tests.support.store.campaigns import BODIES, a_definition, phone, read
from tests.support.store.sends import WEEK

pytestmark = pytest.mark.store
OTHER = "222222"


def know(store: Store, i: int, number: str = NUMBER, **more: Any) -> None:
    """Commit a contact as a message of theirs would."""
    before = find_contact(store, number, phone(i))
    contact = replace(before, wa_id=phone(i), **more)
    assert commit(store, [Plan(number, contact, changed=True, events=())], WEEK) == [True]


def audience_of(store: Store, customers: KnownCustomers) -> tuple[UploadResult, dict[str, Any]]:
    """Give a draft its audience; return what was counted, and the recipients by number."""
    id_ = create_campaign(store, BODIES, NUMBER, a_definition())
    result = store_known(store, BODIES, read(store, id_), customers, Home())
    found = iter_recipients(store, BODIES, read(store, id_))
    return result, {one.phone: dict(one.values) for one, _ in found}


def test_those_with_a_tag_get_what_is_known_of_them(store: Store) -> None:
    know(store, 0, tags=("vip",), vars={"first": "Ana"})
    know(store, 1, tags=("late", "vip"), vars={"first": "Bob", "city": "Faro"})
    know(store, 2, tags=("late",), vars={"first": "Cid"})
    know(store, 3, OTHER, tags=("vip",), vars={"first": "Dora"})
    know(store, 4, tags=("vip",))

    result, recipients = audience_of(store, KnownCustomers("vip"))

    assert recipients == {phone(0): {"first": "Ana"}, phone(1): {"first": "Bob"}}
    assert result.view() | {"problems": []} == {
        "recipients": 2, "rows": 3, "skipped": {"missing": 1}, "repaired": 0, "problems": []
    }  # fmt: skip


def test_a_customer_of_mexico_is_known_by_the_number_that_meta_writes(store: Store) -> None:
    before = find_contact(store, NUMBER, "525512345678")
    known = replace(before, wa_id="5215512345678", tags=("vip",), vars={"first": "Ana"})
    assert commit(store, [Plan(NUMBER, known, changed=True, events=())], WEEK) == [True]

    for customers in (KnownCustomers("vip"), KnownCustomers("", ["+52 1 55 1234 5678"])):
        result, recipients = audience_of(store, customers)

        assert recipients == {"5215512345678": {"first": "Ana"}}
        assert result.reader.skipped == {}


def test_all_of_many_contacts_are_found_once(store: Store) -> None:
    for i in range(1_200):
        store.redis.hset(f"gw:{{n{NUMBER}}}:x:{i}", "other", "keys")
    for i in range(700):
        know(store, i, tags=("vip",), vars={"first": "A"})

    result, recipients = audience_of(store, KnownCustomers("vip"))

    assert set(recipients) == {phone(i) for i in range(700)}
    assert result.reader.skipped == {}


def test_those_of_a_list_get_what_is_known_of_them(store: Store) -> None:
    know(store, 0, vars={"first": "Ana"})
    know(store, 1, name="Bob")
    listed = [f"+{phone(0)}", phone(0), f"+{phone(1)}", "12"]

    result, recipients = audience_of(store, KnownCustomers("", listed))

    assert recipients == {phone(0): {"first": "Ana"}}
    assert result.reader.skipped == {"duplicate": 1, "missing": 1, "invalid": 1}
    assert [one.line for one in result.reader.problems] == [2, 3, 4]


@pytest.mark.parametrize(
    ("given", "place"),
    [({}, "#"), ({"tag": "a", "contacts": ["1"]}, "#/tag"), ({"tag": ""}, "#/tag"),
     ({"tag": 1}, "#/tag"), ({"contacts": []}, "#/contacts"), ({"contacts": [1]}, "#/contacts"),
     ({"contacts": ["1"] * (MOST_LISTED + 1)}, "#/contacts"), ({"tags": "a"}, "#/tags")],
)  # fmt: skip
def test_what_names_nobody_is_refused(given: Any, place: str) -> None:
    reader = FieldReader(given)

    read_known_customers(reader)

    assert place in {one.pointer for one in reader.errors}
