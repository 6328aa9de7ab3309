"""Contacts that a person answers are listed, and can be given back."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.hand_over import HandOver
from gateway.core.planning.batch import Plan
from gateway.core.storage.timestamps import datetime_from_ms, ms_from_datetime
from gateway.store.planning import handed_over
from gateway.store.planning.commit import commit, commit_call
from gateway.store.planning.contacts import find_contact
from gateway.store.planning.handed_over import find_handed_over, give_back
from gateway.store.redis.client import Store
from tests.support.factories import ANA, NUMBER
from tests.support.store.failing_scripts import dump, each_write, restore
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


def version(store: Store) -> str:
    return find_contact(store, NUMBER, ANA).version


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


def test_those_that_were_given_back_take_no_place_of_those_that_wait(store: Store) -> None:
    for n in range(6):
        hand_over(store, f"3519000001{n:02}", lasts=1)
    hand_over(store, ANA, lasts=9)
    for n in range(6):
        # A release before left them in the list.
        give_back(store, NUMBER, f"3519000001{n:02}")
        raw(store).zadd(LIST, {f"3519000001{n:02}": now_ms(store) + 60_000 + n})

    assert listed(store, most=3) == [ANA]


def test_those_that_wait_longest_are_shown_where_not_all_are(store: Store) -> None:
    hand_over(store, ANA, begun_ago=0.5, lasts=1)
    hand_over(store, BOB, begun_ago=2, lasts=9)

    assert listed(store, most=1) == [BOB]


def test_more_than_one_page_of_them_is_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handed_over, "PAGE", 2)
    for name in (ANA, BOB, EVE):
        hand_over(store, name)
    raw(store).hset(f"{PREFIX}contact:{EVE}", "state", "no JSON")

    found = find_handed_over(store, NUMBER, 99)

    assert ([one.key for one in found.contacts], found.unreadable) == ([ANA, BOB], 1)


def test_a_contact_that_is_given_back_leaves_the_list(store: Store) -> None:
    hand_over(store, ANA)
    hand_over(store, BOB)

    give_back(store, NUMBER, ANA)

    assert raw(store).zrange(LIST, 0, -1) == [BOB.encode()]


def test_a_contact_that_is_given_back_is_listed_as_long_as_its_state_says_so(store: Store) -> None:
    contact = replace(hand_over(store, ANA), hand_over=None, version=version(store))
    plan = Plan(NUMBER, contact, changed=True, events=())
    begin = dump(store)
    writes = 0
    for writes in each_write(store, commit_call(plan, WEEK)):
        is_handed_over = find_contact(store, NUMBER, ANA).hand_over is not None
        assert not is_handed_over or listed(store) == [ANA], f"after write {writes}"
        restore(store, begin)
    assert writes > 2


def test_the_commit_of_a_contact_that_was_never_handed_over_leaves_the_list_alone() -> None:
    never = Plan(NUMBER, Contact(ANA), changed=True, events=(), was_handed_over=False)
    given_back = replace(never, was_handed_over=True)

    assert "hand_over" not in commit_call(never, WEEK).args
    assert "hand_over" in commit_call(given_back, WEEK).args


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
