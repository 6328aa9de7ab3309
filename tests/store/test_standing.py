"""One reading tells how everything stands, and changes nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.cli.operate.status.view import StatusView
from gateway.core.sending.send import BULK, PRIORITIES
from gateway.store import keys, number_list
from gateway.store.coordination import run_ages
from gateway.store.coordination.leader import LeaderLock
from gateway.store.monitoring import snapshot
from gateway.store.monitoring.number_state import LaneFigures
from gateway.store.monitoring.snapshot import Snapshot, read
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.server.inspection import check_server
from tests.support.factories import ANA, NUMBER
from tests.support.servers import free_port
from tests.support.store.inbox_state import inbox, keep
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, a_send, queue, settle, take

pytestmark = pytest.mark.store
ONE = a_send("one")


def reading(store: Store) -> Snapshot:
    return read(store, 1_000_000_000)


def test_an_empty_store_stands_still(store: Store) -> None:
    found = reading(store)

    assert (found.kept, found.waiting, found.oldest_s) == (0, 0, 0.0)
    assert (found.numbers, found.causes, found.ago_s, found.counts) == ((), {}, {}, {})
    assert raw(store).keys("*") == []


def test_what_is_kept_waits_until_it_is_passed(store: Store) -> None:
    keep(store, 2, "a", "b")
    keep(store, 5, "c")
    before = reading(store)
    with inbox(store).lease() as held:
        while not held.next_batch().is_empty:
            pass
    after = reading(store)

    assert (before.kept, before.waiting, after.kept, after.waiting) == (3, 3, 3, 0)
    cursors = zip(before.partitions, after.partitions, strict=True)
    assert [one.index for one, two in cursors if one.cursor != two.cursor] == [2, 5]


def test_the_oldest_is_the_oldest_of_all_partitions(store: Store) -> None:
    keep(store, 2, "new")
    entry = f"{now_ms(store) - 90_000}-0"
    raw(store).xadd(f"{keys.partition(4)}inbox", {"h": "meta|0|", "b": b"x"}, id=entry)

    assert 90 <= reading(store).oldest_s < 100


def test_each_number_is_told_apart(store: Store) -> None:
    for name in (NUMBER, "another"):
        number_list.add_number(store, name)
    due_at = datetime.now(UTC) + timedelta(hours=1)
    queue(store, ONE, a_send("due", due_at=due_at), a_send("bulk", priority=BULK))
    raw(store).zadd(f"{PREFIX}ready:reply", {ANA: now_ms(store) - 9_000})

    ours, other = reading(store).numbers

    assert (ours.number, ours.due, ours.stages["queued"]) == (NUMBER, 1, 3)
    assert ours.lanes["bulk"].ready == 1
    assert 8 <= ours.lanes["reply"].overdue_s < 12
    assert other.lanes == dict.fromkeys(PRIORITIES, LaneFigures())


def test_dead_letters_are_told_by_cause(store: Store) -> None:
    number_list.add_number(store, NUMBER)
    queue(store, ONE, a_send("two", lane="351900000002"))
    take(store)
    settle(store, ONE, "dead", error_json='{"code":190}')
    settle(store, a_send("two"), "dead", error_json='{"code":null,"gave_up_after":8}')

    found = reading(store)

    assert found.causes == {"refused": 1, "gave_up": 1}
    assert (found.numbers[0].dead, found.total("sends.dead")) == (2, 2)


def test_what_ran_by_the_clock_is_told_by_the_clock_of_the_server(store: Store) -> None:
    run_ages.may_tick(store)
    raw(store).set(f"{keys.LAST_RUN}sweep", 1, px=keys.DAY_MS - 42_000)

    ago_s = reading(store).ago_s

    assert 0 <= ago_s["tick"] < 5
    assert 42 <= ago_s["sweep"] < 47


def test_who_looked_last_and_whether_a_beat_has_the_turn_are_told(store: Store) -> None:
    before = reading(store)
    run_ages.record_run(store, "watch", "0.1.0/abc")
    LeaderLock(store, keys.BEAT_LOCK, 10_000).acquire()
    after = reading(store)

    assert (before.release, before.has_beat_leader) == ("", False)
    assert (after.release, after.has_beat_leader) == ("0.1.0/abc", True)


def test_the_server_and_its_counters_are_told(store: Store) -> None:
    check_server(store)
    number_list.increment_counter(store, keys.SPACE, "workers.default")

    found = reading(store)

    assert found.counts == {"workers.default": 1}
    assert (found.health.fatal, found.health.limit_bytes) == ((), 1_000_000_000)
    assert found.health.used_bytes > 0


def test_a_store_that_is_away_tells_nothing() -> None:
    away = Store(f"redis://127.0.0.1:{free_port()}/0")

    with pytest.raises(StoreUnavailableError):
        reading(away)
    away.close()


def test_what_is_used_is_noted_once_an_hour_and_forgotten_after_two_days(store: Store) -> None:
    now = now_ms(store)
    for ago_h in (60, 24, 24, 0):
        snapshot.record_memory_use(store, now - ago_h * 3_600_000, 1_000 - ago_h)

    assert reading(store).memory_samples == {now - 24 * 3_600_000: 976, now: 1_000}
    told = reading(store).forecast
    assert told
    assert told.hours == 24


def test_a_number_whose_keys_are_damaged_hides_no_other(store: Store) -> None:
    for name in ("106", "107"):
        number_list.add_number(store, name)
    raw(store).set(f"{keys.number('106')}dead", "of another type")
    raw(store).hset(f"{keys.number('107')}count", "sends.sent", 7)

    damaged, well = read(store, 0).numbers

    assert (damaged.number, "WRONGTYPE" in damaged.damaged) == ("106", True)
    assert (well.damaged, well.stages) == ("", {"sent": 7})
    assert any(
        "What number 106 has to send cannot be read" in told
        for told in StatusView(read(store, 0)).problems
    )
