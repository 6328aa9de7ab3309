"""Whoever waits for something to arrive sees what is kept from then on, each event once."""

import pytest

from gateway.store.body_codec import Bodies
from gateway.store.inbox.history import Arrivals
from gateway.store.inbox.lookup import STEP
from gateway.store.redis.client import Store
from tests.support.factories import delivery_body, message_item
from tests.support.store.inbox_state import keep

pytestmark = pytest.mark.store


def body(wamid: str) -> str:
    return delivery_body(message_item(wamid)).decode()


def ids(arrivals: Arrivals) -> list[str]:
    """Return the ids of the messages that came since the last time."""
    return [kept.event.raw["id"] for kept in arrivals.read_new() if kept.event]


def test_what_was_there_before_is_not_told(store: Store) -> None:
    keep(store, 3, body("old"))
    arrivals = Arrivals(store, Bodies())
    keep(store, 3, body("new"))

    assert ids(arrivals) == ["new"]
    assert ids(arrivals) == []


def test_all_partitions_are_followed_in_the_order_of_time(store: Store) -> None:
    arrivals = Arrivals(store, Bodies())
    for index in (7, 0, 3):
        keep(store, index, body(f"in {index}"))

    assert sorted(ids(arrivals)) == ["in 0", "in 3", "in 7"]


def test_of_many_the_rest_comes_the_next_time(store: Store) -> None:
    arrivals = Arrivals(store, Bodies())
    keep(store, 3, *(body(str(one)) for one in range(STEP + 2)))

    assert (len(ids(arrivals)), ids(arrivals)) == (STEP, [str(STEP), str(STEP + 1)])


def test_what_cannot_be_opened_is_passed_over(store: Store) -> None:
    arrivals = Arrivals(store, Bodies())
    keep(store, 3, body("sealed"), bodies=Bodies([b"k" * 32]))
    keep(store, 3, body("plain"))

    assert ids(arrivals) == ["plain"]
