"""State history: rates from readings, of which not each counts the dead letters."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.store.inbox.inbox import PartitionState
from gateway.store.monitoring import snapshot
from gateway.store.monitoring.snapshot import Snapshot
from gateway.store.redis.client import Store
from gateway.web.console.desk.state_history import LETTERS_EVERY_MS, StateHistory

pytestmark = pytest.mark.store


def test_readings_become_rates_and_dead_letters_are_counted_now_and_then(store: Store) -> None:
    first, asked = snapshot.read(store, 0), list[Any]()
    moments = iter([1_000, 2_000, 4_000, 1_500 + LETTERS_EVERY_MS])
    kept = iter([10, 20, 60, 60])

    def take(letters: Any) -> Snapshot:
        asked.append(letters)
        partition: PartitionState = replace(first.partitions[0], kept=next(kept))
        return replace(first, now_ms=next(moments), partitions=(partition,))

    history = StateHistory(take)
    for _ in range(4):
        history.read()

    assert history.rates(lambda reading: reading.kept)[:2] == [10.0, 20.0]
    assert asked == [None, {}, {}, {}]
    moments, kept = iter([20_000]), iter([70])
    history.read()
    assert asked[-1] is None
