"""What cannot be read is set before a person, stops nothing, and has its effect once it can be."""

import os
from typing import Any

import pytest

from gateway.core.dead_letters.dead_letter import DeadEvent
from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.core.webhook import event_readers
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import dead_letters, unreadable
from gateway.store.inbox import leased_partition
from gateway.store.monitoring.snapshot import read
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.sending.unconfirmed import lost_until
from tasks.context import WorkerContext
from tasks.monitoring.noted_alerts import find_alerts
from tests.support.factories import ANA, NUMBER, delivery_body, message_item
from tests.support.tasks.worker_state import Echo, counted, keep, planned, raw, take_effect, waiting

pytestmark = pytest.mark.store
GOOD = message_item("wamid.good", "hi")
NAMELESS = {"from": "351900000009", "type": "text", "text": {"body": "who am I?"}}
MIXED = delivery_body(NAMELESS, GOOD)
GARBAGE = b'\xff\xfe no webhook of wamid.lost= and "351900000008"'


def letters(store: Store) -> list[DeadEvent]:
    return [
        one
        for one in dead_letters.iter_dead_letters(store, DeadLetterFilter())
        if isinstance(one, DeadEvent)
    ]


def content(store: Store, letter: DeadEvent, bodies: Bodies | None = None) -> bytes:
    return unreadable.read_bytes(store, bodies or Bodies(), letter).content


def test_what_cannot_be_read_is_a_dead_letter_with_its_bytes_and_hurts_no_neighbour(
    at_work: WorkerContext, store: Store
) -> None:
    keep(store, MIXED, GARBAGE)

    while waiting(at_work):
        assert take_effect(at_work, Echo()) == {}

    found = {one.number: one for one in letters(store)}
    assert planned(store) == ["hi"]
    assert {(one.cause, one.error["reason"]) for one in found.values()} == {
        ("unreadable", "no_identity"), ("unreadable", "not_json"),
    }  # fmt: skip
    assert b"who am I?" in content(store, found[NUMBER])
    assert content(store, found[""]) == GARBAGE
    assert found[""].size == len(GARBAGE)
    assert (counted(store, "events.unreadable"), counted(store, "events.dead")) == (1, 0)


def test_it_is_told_of_once_whatever_number_of_them_there_is(
    at_work: WorkerContext, store: Store
) -> None:
    keep(store, *(delivery_body(NAMELESS | {"n": n}) for n in range(20)))
    while waiting(at_work):
        take_effect(at_work, Echo())

    reading = read(store, 0)
    told = [one for one in find_alerts(reading).values() if one.cause.kind == "dead_letters"]

    assert [(one.cause.detail, one.cause.number) for one in told] == [("unreadable", NUMBER)]
    assert [one.unreadable for one in reading.numbers if one.number == NUMBER] == [20]
    assert reading.causes["unreadable"] == 20


def test_its_silence_is_no_evidence(at_work: WorkerContext, store: Store) -> None:
    keep(store, GARBAGE)

    take_effect(at_work, Echo())

    assert lost_until(store) is not None


def test_a_redelivery_is_the_same_letter(at_work: WorkerContext, store: Store) -> None:
    for _ in range(3):
        keep(store, GARBAGE)
        take_effect(at_work, Echo())

    (letter,) = letters(store)
    assert letter.attempts == 3
    assert (counted(store, "events.unreadable", ""), counted(store, "events.known", "")) == (1, 2)


def test_a_flood_stops_no_planning(at_work: WorkerContext, store: Store) -> None:
    keep(store, *(delivery_body(NAMELESS | {"n": n}) for n in range(90)), delivery_body(GOOD))

    while waiting(at_work):
        take_effect(at_work, Echo())

    assert not raw(store).exists(keys.STOPPED_RELEASE)
    assert planned(store) == ["hi"]


def redrive(store: Store) -> list[str]:
    return [dead_letters.redrive(store, letter) for letter in letters(store)]


def test_after_a_better_release_a_redriven_event_has_its_effect_once(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def split_as_before(delivery: Any) -> Any:
        return [event_readers.unreadable_body(delivery, "not_json")]

    with monkeypatch.context() as older:
        older.setattr(leased_partition, "split", split_as_before)
        keep(store, delivery_body(GOOD))
        take_effect(at_work, Echo())
    assert (planned(store), len(letters(store))) == ([], 1)

    assert redrive(store) == ["redriven"]
    take_effect(at_work, Echo())
    keep(store, delivery_body(GOOD))
    take_effect(at_work, Echo())

    assert (planned(store), letters(store)) == (["hi"], [])


def test_what_still_cannot_be_read_is_a_letter_again(at_work: WorkerContext, store: Store) -> None:
    keep(store, MIXED)
    take_effect(at_work, Echo())

    assert redrive(store) == ["redriven"]
    assert letters(store) == []
    take_effect(at_work, Echo())

    assert len(letters(store)) == 1
    assert planned(store) == ["hi"]


def test_where_the_store_refuses_the_letter_the_delivery_is_set_aside(
    at_work: WorkerContext, store: Store
) -> None:
    raw(store).set(f"{keys.number(NUMBER)}unreadable", "no list")
    keep(store, MIXED)

    (obstacle,) = take_effect(at_work, Echo()).values()

    assert obstacle.kind == "failed"
    assert planned(store) == ["hi"]


def test_the_cursor_stays_where_the_store_goes_away(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(store, GARBAGE)
    away = StoreUnavailableError()
    monkeypatch.setattr("tasks.receiving.unreadable.store_unreadable", lambda *_: [away])

    with pytest.raises(StoreUnavailableError):
        take_effect(at_work, Echo())

    assert waiting(at_work) == 1


def test_at_rest_it_is_as_closed_as_the_inbox(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = os.urandom(32)
    monkeypatch.setattr(type(at_work.settings), "encryption_keys", (key,))
    keep(store, MIXED)

    take_effect(at_work, Echo())

    (letter,) = letters(store)
    kept = [
        raw(store).dump(name)
        for name in raw(store).keys("*dead:*") + raw(store).keys("*unreadable:*")
    ]
    assert not any(b"who am I?" in one or ANA.encode() in one for one in kept)
    assert unreadable.read_bytes(store, Bodies(), letter).problem
    assert b"who am I?" in content(store, letter, Bodies([key]))
