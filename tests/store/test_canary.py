"""When a canary arrived, and since when one is missing, by the server's clock."""

from datetime import timedelta

import pytest

from gateway.store import keys
from gateway.store.monitoring.canary import NONE_YET, Canary, read, record_arrival, record_departure
from gateway.store.redis.client import Store
from tests.support.store.raw import raw

pytestmark = pytest.mark.store


def told(store: Store, now_ms: int) -> Canary:
    return read(raw(store).hgetall(keys.CANARY), now_ms)


def test_before_the_first_there_is_nothing_to_tell(store: Store) -> None:
    assert told(store, 0) == NONE_YET


def test_one_that_is_on_its_way_is_missing(store: Store) -> None:
    set_off = record_departure(store)

    assert told(store, set_off + 2_500).missing_s == 2.5


def test_it_is_missing_since_the_first_that_did_not_arrive(store: Store) -> None:
    set_off = record_departure(store)
    record_departure(store)

    assert told(store, set_off + 90_000).missing_s == 90


def test_with_one_that_arrives_none_is_missing(store: Store) -> None:
    set_off = record_departure(store)
    record_arrival(store, set_off + 1_000, timedelta(seconds=1))

    assert told(store, set_off + 3_000) == Canary(took_s=1.0, age_s=2.0)
