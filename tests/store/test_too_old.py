"""Events that were too old to be answered are counted once, with their commit, in one episode."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from redis.exceptions import ResponseError

from gateway.core.events import Event, Message
from gateway.core.planning.batch import Plan, plan
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import number_list
from gateway.store.monitoring import snapshot
from gateway.store.monitoring.too_old import TooOldEvents
from gateway.store.planning.commit import commit, commit_call
from gateway.store.planning.contacts import load
from gateway.store.redis.client import Store
from gateway.store.tracing import records
from tests.store.test_statuses import packed
from tests.support.factories import ANA, NUMBER, a_message
from tests.support.rules.rulebooks import book
from tests.support.store.failing_scripts import broken
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, WEEK, counted

pytestmark = pytest.mark.store
BOB = "351900000002"
RULES = book("- {name: hi, when: {text: hi}, then: [{tag: a}, Hi.]}")
KEY = f"{PREFIX}too_old"


def late(store: Store, wamid: str = "wamid.1", minutes: int = 31, **more: Any) -> Message:
    """Make a message of so many minutes ago, whose delivery was kept a second later."""
    at_ms = now_ms(store) - minutes * 60_000
    return a_message(wamid, at=datetime_from_ms(at_ms), delivery=f"0:{at_ms + 1_000}-0", **more)


def plans(store: Store, *events: Event) -> Sequence[Plan]:
    (view,) = load(store, {NUMBER: events})
    return plan(view, events, RULES).plans


def committed(store: Store, *events: Event) -> None:
    assert all(commit(store, plans(store, *events), WEEK))


def episode(store: Store) -> TooOldEvents:
    number_list.add_number(store, NUMBER)
    (number,) = snapshot.read(store, 0).numbers
    assert number.too_old
    return number.too_old


def test_late_message_is_counted_with_its_moments(store: Store) -> None:
    event, now = late(store), now_ms(store)
    at_ms = round(event.at.timestamp() * 1000)

    committed(store, event)

    found = episode(store)
    assert now <= found.since < now + 5_000
    assert found == TooOldEvents(
        {"message": 1}, found.since, at_ms, at_ms, at_ms + 1_000, at_ms + 1_000
    )
    assert counted(store, "too_old.message") == 1


def test_its_record_says_that_it_was_too_old(store: Store) -> None:
    event = late(store)
    committed(store, event)

    record = records.find(store, event)

    assert record
    assert (record.is_too_old, record.sends) == (True, ())
    assert record.changes == ("tagged a: rule hi",)


@pytest.mark.parametrize(
    "event", [{"text": "what?"}, {"minutes": 1}], ids=["without a rule", "in time"]
)
def test_message_that_misses_no_answer_is_not_counted(store: Store, event: Any) -> None:
    committed(store, late(store, **event))

    assert not raw(store).exists(KEY)
    assert counted(store, "too_old.message") == 0


def test_many_batches_and_customers_are_one_episode(store: Store) -> None:
    events = [
        late(store, f"wamid.{n}", 31 + n, contact=contact)
        for n in range(30)
        for contact in (ANA, BOB)
    ]
    events = [replace(event, key=f"{event.key}|{event.contact}") for event in events]
    for begin in range(0, len(events), 7):
        committed(store, *events[begin : begin + 7])

    found = episode(store)
    assert found.counts == {"message": 60}
    assert 28 * 60_000 < found.newest - found.oldest < 30 * 60_000
    assert found.kept_first == found.oldest + 1_000


def test_event_that_came_again_is_counted_once(store: Store) -> None:
    event = late(store)
    made = plans(store, event)
    assert commit(store, made, WEEK) == [True]

    assert commit(store, made, WEEK) == [False]
    committed(store, event)

    assert episode(store).counts == {"message": 1}


def test_commit_that_died_is_counted_once_by_the_next(store: Store) -> None:
    first, second = late(store, "wamid.1"), late(store, "wamid.2")
    (made,) = plans(store, first, second)
    call = commit_call(made, WEEK)
    at = 1
    while not raw(store).exists(KEY):
        raw(store).flushall()
        with pytest.raises(ResponseError, match="made to fail"):
            raw(store).eval(broken("commit", at), 1, call.prefix, *call.args)
        at += 1

    committed(store, late(store, "wamid.3"))

    assert counted(store, "too_old.message") == 3
    assert counted(store, "events.message") == 3


def test_what_an_older_release_left_to_redo_is_done_without_a_count(store: Store) -> None:
    verb = ["know", "d" * 16, "0:1-0/0", "message"]
    raw(store).hset(f"{PREFIX}contact:{ANA}", "redo", packed([verb]))

    committed(store, a_message("wamid.next", text="what?"))

    assert counted(store, "events.message") == 2
    assert not raw(store).exists(KEY)


def test_an_episode_is_over_an_hour_after_its_last_event(store: Store) -> None:
    committed(store, late(store, "wamid.1"))
    raw(store).pexpire(KEY, 1_000)

    committed(store, late(store, "wamid.2"))

    assert 3_595_000 < raw(store).pttl(KEY) <= 3_600_000


def test_damaged_episode_stops_no_commit(store: Store) -> None:
    raw(store).set(KEY, "of another type")

    committed(store, late(store))

    assert counted(store, "too_old.message") == 1


def test_episode_with_fields_of_another_release_is_read(store: Store) -> None:
    committed(store, late(store))
    raw(store).hset(KEY, "of_tomorrow", 7)

    assert episode(store).counts == {"message": 1}
