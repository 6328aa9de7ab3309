"""What the net reads of a number: when to ring for it, and when a tick has something to move."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.sending.send import PRIORITIES, REPLY
from gateway.store import keys
from gateway.store.monitoring import upcoming
from gateway.store.monitoring.upcoming import Upcoming, read_upcoming
from gateway.store.redis.client import ScriptError, Store
from gateway.store.sending import pauses
from tests.support.factories import NUMBER
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import FAST, PREFIX, a_send, make_ready, queue, settle, take

pytestmark = pytest.mark.store
ONE = a_send("one")
PACE = f"{PREFIX}tokens"
# A test may take longer than a pump is at work.
AT_WORK_MS, HANDS_FULL_MS = 60_000, 600_000


@pytest.fixture
def _long_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upcoming, "AT_WORK_MS", AT_WORK_MS)
    monkeypatch.setattr(upcoming, "HANDS_FULL_MS", HANDS_FULL_MS)


def look(store: Store, per_second: int = FAST) -> Upcoming:
    (found,), failed = read_upcoming(store, [NUMBER], lambda _: per_second)
    assert failed is None
    return found


def rest(store: Store) -> None:
    """Let the last take be long over."""
    raw(store).hset(PACE, "took", now_ms(store) - AT_WORK_MS)


def test_nothing_is_to_be_done_for_a_number_without_sends(store: Store) -> None:
    assert (look(store).ready_ms, look(store).tick_ms, look(store).moments_ms) == ({}, None, [])


def test_a_send_that_is_ready_is_to_be_rung_for_now(store: Store) -> None:
    queue(store, *(a_send(rank, rank, priority=rank) for rank in PRIORITIES))

    found = look(store)

    assert set(found.ready_ms) == set(PRIORITIES)
    assert all(since <= found.now_ms for since in found.ready_ms.values())


def test_a_look_writes_nothing(store: Store) -> None:
    queue(store, ONE)
    before = raw(store).info("persistence")["rdb_changes_since_last_save"]

    look(store)

    assert raw(store).info("persistence")["rdb_changes_since_last_save"] == before


def test_a_bell_that_waits_is_not_to_be_rung_again(store: Store) -> None:
    queue(store, ONE)
    store.mark(keys.number_bell(NUMBER, REPLY), keys.BELL_MS)

    assert look(store).ready_ms == {}


def test_a_retry_is_to_be_rung_for_when_its_pause_is_over(store: Store) -> None:
    queue(store, ONE)
    take(store)
    settle(store, ONE, "later", wait_ms=50_000)

    found = look(store)

    assert 0 < found.ready_ms[REPLY] - found.now_ms <= 50_000


@pytest.mark.usefixtures("_long_work")
def test_whoever_takes_sends_now_is_not_rung_for(store: Store) -> None:
    queue(store, ONE)
    take(store)
    make_ready(store)

    busy = look(store)
    rest(store)
    over = look(store)

    assert 0 < busy.ready_ms[REPLY] - busy.now_ms <= AT_WORK_MS
    assert over.ready_ms[REPLY] <= over.now_ms


@pytest.mark.usefixtures("_long_work")
def test_whoever_left_behind_what_was_ready_is_helped_later(store: Store) -> None:
    queue(store, ONE, a_send("two", "351900000002"))
    take(store, most=1)
    rest(store)
    raw(store).zadd(f"{PREFIX}ready:{REPLY}", {"351900000002": now_ms(store) - 100_000})

    found = look(store)

    assert 0 < found.ready_ms[REPLY] - found.now_ms <= HANDS_FULL_MS - AT_WORK_MS


def test_a_number_without_tokens_is_rung_for_when_it_has_one(store: Store) -> None:
    queue(store, ONE)
    raw(store).hset(PACE, mapping={"tokens": 0, "at": now_ms(store), "rate": 1})

    found = look(store, per_second=1)

    assert 0 < found.ready_ms[REPLY] - found.now_ms <= 1_000


def test_a_number_that_is_held_is_not_rung_for(store: Store) -> None:
    queue(store, ONE)
    pauses.hold(store, [NUMBER], "", "why")

    assert look(store).ready_ms == {}


def test_a_number_that_is_paused_is_rung_for_when_it_may_probe(store: Store) -> None:
    queue(store, ONE)
    pauses.pause(store, [NUMBER], '{"code": 190}', 30_000)

    found = look(store)

    assert 20_000 < found.ready_ms[REPLY] - found.now_ms <= 30_000


def test_the_nearest_of_what_a_tick_moves_counts(store: Store) -> None:
    raw(store).zadd(f"{PREFIX}due", {"a": now_ms(store) + 9_000})
    raw(store).zadd(f"{PREFIX}timers", {"b": now_ms(store) + 3_000})
    queue(store, a_send("due", due_at=datetime.now(UTC) + timedelta(hours=1)))

    found = look(store)
    assert found.tick_ms is not None
    assert 2_000 < found.tick_ms - found.now_ms <= 3_000
    assert not found.is_due
    raw(store).zadd(f"{PREFIX}parked", {"c": now_ms(store) - 1})
    assert look(store).is_due


def test_sends_of_a_rule_that_was_released_are_for_the_tick(store: Store) -> None:
    raw(store).sadd(f"{PREFIX}holding", "rule")
    raw(store).hset(f"{PREFIX}stops", "rule:rule", "{}")
    held = look(store).tick_ms

    raw(store).delete(f"{PREFIX}stops")

    assert held is None
    assert look(store).is_due


def test_a_number_whose_keys_are_damaged_hides_no_other(store: Store) -> None:
    raw(store).set(f"{keys.number('bad')}due", "no set")
    queue(store, ONE)

    found, failed = read_upcoming(store, ["bad", NUMBER], lambda _: FAST)

    assert [one.number for one in found] == [NUMBER]
    assert isinstance(failed, ScriptError)
