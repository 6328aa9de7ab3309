"""Contacts that a person answers are listed, and can be given back."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.hand_over import HandOver
from gateway.core.planning.batch import Plan
from gateway.core.storage.timestamps import datetime_from_ms, ms_from_datetime
from gateway.store.planning.commit import commit
from gateway.store.planning.contacts import find_contact
from gateway.store.planning.handed_over import find_handed_over, give_back
from gateway.store.redis.client import Store
from tests.support.factories import ANA, NUMBER
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, WEEK

pytestmark = pytest.mark.store
BOB, EVE = "351900000002", "351900000003"
LIST = f"{PREFIX}handed_over"
MOST_LISTED = 10_000


def hand_over(store: Store, name: str, *, begun_ago: float = 0, lasts: float = 1) -> Contact:
    """Commit a contact that is handed over for hours, begun hours ago."""
    since = datetime_from_ms(now_ms(store)) - timedelta(hours=begun_ago)
    known = find_contact(store, NUMBER, name)
    until = since + timedelta(hours=lasts)
    contact = replace(known, wa_id=name, hand_over=HandOver(since, until, "rule person"))
    assert commit(store, [Plan(NUMBER, contact, changed=True, events=())], WEEK) == [True]
    return contact


def listed(store: Store, most: int = 99) -> list[str]:
    return [one.key for one in find_handed_over(store, NUMBER, most).contacts]


def test_contacts_that_a_person_answers_are_listed_those_that_wait_longest_first(
    store: Store,
) -> None:
    hand_over(store, ANA, begun_ago=0.5, lasts=9)
    hand_over(store, BOB, begun_ago=2, lasts=3)
    hand_over(store, EVE, begun_ago=2, lasts=1)

    assert listed(store) == [BOB, ANA]


def test_the_list_ends_with_the_last_hand_over(store: Store) -> None:
    contact = hand_over(store, ANA)
    hand_over(store, BOB, lasts=0.5)

    assert contact.hand_over
    assert raw(store).pexpiretime(LIST) == ms_from_datetime(contact.hand_over.until)


def test_the_list_of_a_number_is_bounded(store: Store) -> None:
    later = now_ms(store) + 10 * 3_600_000
    raw(store).zadd(LIST, {f"c{n}": later + n for n in range(MOST_LISTED)})

    hand_over(store, ANA, lasts=99)

    assert raw(store).zcard(LIST) == MOST_LISTED
    assert raw(store).zscore(LIST, "c0") is None


def test_a_contact_that_is_given_back_is_answered_and_not_listed(store: Store) -> None:
    hand_over(store, ANA)

    after = give_back(store, NUMBER, ANA)

    assert after
    assert after.change == "not muted any more"
    assert find_contact(store, NUMBER, ANA).silent_until is None
    assert listed(store) == []


def test_a_contact_is_given_back_once(store: Store) -> None:
    hand_over(store, ANA)
    give_back(store, NUMBER, ANA)
    version = find_contact(store, NUMBER, ANA).version

    after = give_back(store, NUMBER, ANA)

    assert after
    assert after.change == "nothing, for it was not muted"
    assert find_contact(store, NUMBER, ANA).version == version


def test_a_stranger_cannot_be_given_back(store: Store) -> None:
    assert give_back(store, NUMBER, ANA) is None


def test_a_contact_that_cannot_be_read_is_counted_and_hides_no_other(store: Store) -> None:
    hand_over(store, ANA)
    hand_over(store, BOB)
    raw(store).hset(f"{PREFIX}contact:{BOB}", "state", "no JSON")

    found = find_handed_over(store, NUMBER, 99)

    assert ([one.key for one in found.contacts], found.unreadable) == ([ANA], 1)
