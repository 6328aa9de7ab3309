"""Letters of what could not be read are bounded, hold bytes, and are found by them."""

from collections.abc import Iterator

import pytest

from gateway.core.dead_letters.dead_letter import DeadEvent
from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.core.events import Delivery, Unreadable
from gateway.core.webhook.damaged import customer_matcher, message_matcher
from gateway.core.webhook.parser import split
from gateway.core.webhook.phone_numbers import contact_key
from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import dead_letters, unreadable
from gateway.store.maintenance import retention
from gateway.store.redis.client import Store
from gateway.store.tracing.traces import Traces
from tests.support.factories import NOW, delivery_body
from tests.support.store.inbox_state import keep
from tests.support.store.raw import raw

pytestmark = pytest.mark.store
PREFIX = keys.number("")


@pytest.fixture(autouse=True)
def _listed(store: Store) -> None:
    number_list.add_number(store, "")


def unread(body: bytes, place: str = "0:1-0") -> Unreadable:
    (event,) = split(Delivery(place, NOW, body))
    assert isinstance(event, Unreadable)
    return event


def bury(store: Store, *bodies: bytes, place: str = "0:1-0") -> None:
    events = [unread(body, place) for body in bodies]
    assert unreadable.store_unreadable(store, Bodies(), events) == [None] * len(events)


def letters(store: Store) -> Iterator[tuple[DeadEvent, bytes]]:
    for letter in dead_letters.iter_dead_letters(store, DeadLetterFilter()):
        assert isinstance(letter, DeadEvent)
        yield letter, unreadable.read_bytes(store, Bodies(), letter).content


def test_only_the_newest_stay_and_the_rest_are_counted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unreadable, "MOST_LETTERS", 3)
    for n in range(8):
        bury(store, b"body %d" % n)
        raw(store).zadd(
            f"{PREFIX}unreadable", {raw(store).zrange(f"{PREFIX}unreadable", -1, -1)[0]: n}
        )

    assert {content for _, content in letters(store)} == {b"body 5", b"body 6", b"body 7"}
    assert int(raw(store).hget(f"{PREFIX}count", "events.unreadable_dropped")) == 5
    assert len(raw(store).keys(f"{PREFIX}unreadable:*")) == 3
    assert len(raw(store).keys(f"{PREFIX}dea*:event*")) == 6


def test_of_a_flood_the_first_are_held_whole_and_the_rest_in_their_beginning(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unreadable, "MOST_WHOLE", 2)
    bodies = [b"%d " % n + b"x" * 5_000 for n in range(4)]
    bury(store, *bodies)
    bury(store, *bodies)  # as often as one likes

    held = {content[:1]: len(content) for _, content in letters(store)}

    assert held == {b"0": 5_002, b"1": 5_002, b"2": 1_024, b"3": 1_024}
    assert {letter.size for letter, _ in letters(store)} == {5_002}


def test_of_a_large_body_the_letter_holds_64_kilobytes(store: Store) -> None:
    bury(store, b"x" * 3_000_000)

    ((letter, content),) = letters(store)

    assert (len(content), letter.size) == (65_536, 3_000_000)


def test_what_is_dropped_leaves_nothing(store: Store) -> None:
    bury(store, b"no webhook")
    ((letter, _),) = letters(store)

    assert dead_letters.drop(store, letter)

    assert raw(store).keys(f"{PREFIX}*dea*") + raw(store).keys(f"{PREFIX}unread*") == []


def test_what_is_old_is_forgotten_with_the_other_letters(store: Store) -> None:
    bury(store, b"no webhook")
    raw(store).zadd(f"{PREFIX}unreadable", {raw(store).zrange(f"{PREFIX}unreadable", 0, 0)[0]: 1})

    retention.forget_dead_letters(store, NOW)

    assert raw(store).zcard(f"{PREFIX}unreadable") == 0


BODY = rb'no webhook of "wamid.ab\/c=" from 351900000001, 5511987654321 and PT.7301x'


@pytest.mark.parametrize("wamid", ["wamid.ab/c="])
def test_a_message_is_found_by_its_id(store: Store, wamid: str) -> None:
    bury(store, BODY)

    (trace,) = Traces(store, Bodies()).find_by_wamid(wamid).traces

    assert trace.failure
    assert len(trace.failure.dead_letter_id) == 32


@pytest.mark.parametrize("name", ["351900000001", "551187654321", "PT.7301x"])
def test_a_customer_is_found_by_any_name(store: Store, name: str) -> None:
    bury(store, BODY)

    key = contact_key(name) if name.isdigit() else name
    found = Traces(store, Bodies()).find_by_contact(key, 10)

    assert [bool(trace.failure and trace.failure.dead_letter_id) for trace in found.traces] == [
        True
    ]


@pytest.mark.parametrize("name", ["35190000000", "51900000001", "PT.7301"])
def test_a_name_within_another_is_nobodys(name: str) -> None:
    assert not customer_matcher({name})(BODY)
    assert not message_matcher("wamid.ab/c")(BODY)


def test_what_the_letter_does_not_hold_is_looked_for_in_its_delivery(store: Store) -> None:
    body = b"x" * 70_000 + b" wamid.far="
    (place,) = keep(store, 2, body.decode())
    bury(store, body, place=place)

    (trace,) = Traces(store, Bodies()).find_by_wamid("wamid.far=").traces

    assert trace.failure


def test_what_another_release_split_otherwise_is_told_without_its_event(store: Store) -> None:
    (place,) = keep(store, 2, delivery_body().decode())

    kept = Traces(store, Bodies())._inbox.find_event(f"{place}/7")

    assert (kept.delivery, kept.event) == (place, None)
