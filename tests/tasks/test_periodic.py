"""What beat rings for: the sweep helps where something waits and nothing moves, and only there."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.sending.send import REPLY, Send
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.number_list import add_number
from gateway.store.redis.client import Store
from gateway.store.tracing.records import stages
from tasks.app import app
from tasks.celery_setup.schedule import TASKS
from tasks.context import WorkerContext
from tasks.scheduled import jobs
from tests.support.factories import ANA, NUMBER, delivery_body, message_item
from tests.support.store.sends import a_send, queue, settle, take, tell
from tests.support.tasks.worker_state import (
    PREFIX,
    Echo,
    keep,
    make_due,
    planned,
    raw,
    rung,
    take_effect,
    waiting,
)

pytestmark = pytest.mark.store

BODY = delivery_body(message_item("wamid.1", "one"))
PARTITION = keys.partition(3)
READY = f"{PREFIX}ready:{REPLY}"


def now_ms(store: Store) -> int:
    seconds, micros = raw(store).time()
    return int(seconds) * 1000 + int(micros) // 1000


def keep_since(store: Store, age_ms: int) -> str:
    """Keep a delivery that has waited for so long already."""
    entry = f"{now_ms(store) - age_ms}-0"
    raw(store).xadd(f"{PARTITION}inbox", {"h": "meta|0|", "b": Bodies().pack(BODY)}, id=entry)
    raw(store).hincrby(f"{PARTITION}count", "kept", 1)
    return entry


def make_ready_since(store: Store, age_ms: int) -> None:
    """Let a lane of the number be ready for so long already."""
    add_number(store, NUMBER)
    raw(store).zadd(READY, {ANA: now_ms(store) - age_ms})


def found(store: Store, what: str) -> int:
    return int(raw(store).hget(keys.WEB_COUNT, f"sweep.{what}") or 0)


def test_a_delivery_whose_bell_was_lost_is_rung_for(at_work: WorkerContext, store: Store) -> None:
    keep_since(store, 10_000)

    jobs.sweep()

    assert (rung(store, "default"), found(store, "inbox")) == (1, 1)


def test_a_damaged_partition_keeps_no_bell_from_the_others(
    at_work: WorkerContext, store: Store
) -> None:
    keep_since(store, 10_000)
    make_ready_since(store, 10_000)
    raw(store).set(f"{keys.partition(0)}inbox", "of another type")

    jobs.sweep()

    assert (rung(store, "default"), rung(store, "critical")) == (1, 1)


def test_a_delivery_that_has_just_come_is_left_to_its_own_bell(
    at_work: WorkerContext, store: Store
) -> None:
    keep_since(store, 200)

    jobs.sweep()

    assert (rung(store, "default"), found(store, "inbox")) == (0, 0)


def test_repeated_sweeps_do_not_multiply_messages(at_work: WorkerContext, store: Store) -> None:
    keep_since(store, 10_000)
    make_ready_since(store, 10_000)

    rang = []
    for _ in range(20):
        jobs.sweep()
        rang.append(rung(store, "default"))

    # At the 1st, 2nd and each 4th time: however many are lost, the next one is near.
    assert rang == [1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7]
    assert rung(store, "critical") == 7


def test_a_bell_that_is_heard_makes_the_sweep_ring_at_once_again(
    at_work: WorkerContext, store: Store
) -> None:
    keep_since(store, 10_000)
    for _ in range(3):
        jobs.sweep()

    at_work.inbox.clear_bell()
    jobs.sweep()

    assert rung(store, "default") == 3


def test_a_long_backlog_with_a_live_holder_is_not_rung_for(
    at_work: WorkerContext, store: Store
) -> None:
    keep_since(store, 60_000)
    with at_work.inbox.lease() as held:
        assert not held.next_batch().is_empty
        jobs.sweep()

    assert rung(store, "default") == 0


def test_a_long_backlog_whose_cursor_moves_is_not_rung_for(
    at_work: WorkerContext, store: Store
) -> None:
    entries = [keep_since(store, age) for age in (60_000, 50_000, 40_000)]
    jobs.sweep()
    raw(store).delete(keys.INBOX_BELL, f"{keys.SPACE}celery:default")

    raw(store).hset(f"{PARTITION}cursor", "at", entries[0])
    jobs.sweep()
    moving = rung(store, "default")
    jobs.sweep()

    assert (moving, rung(store, "default")) == (0, 1)


def test_what_was_set_aside_is_rung_for_when_its_pause_is_over(
    at_work: WorkerContext, store: Store
) -> None:
    raw(store).set(f"{PREFIX}places", "no number")
    keep(store, BODY)
    take_effect(at_work, Echo())
    jobs.sweep()
    early = rung(store, "default")

    make_due(store)
    jobs.sweep()

    assert (early, rung(store, "default")) == (0, 1)


@pytest.mark.parametrize(
    ("age_ms", "rings"),
    [(10_000, 1), (500, 0), (-20_000, 0)],
    ids=["still", "ready a moment ago", "leased or in backoff"],
)
def test_a_lane_is_rung_for_where_it_stands_still(
    at_work: WorkerContext, store: Store, age_ms: int, rings: int
) -> None:
    make_ready_since(store, age_ms)

    jobs.sweep()

    assert (rung(store, "critical"), found(store, REPLY)) == (rings, rings)


def test_a_long_queue_of_sends_at_work_is_not_rung_for(
    at_work: WorkerContext, store: Store
) -> None:
    make_ready_since(store, 60_000)
    raw(store).hset(f"{PREFIX}tokens", "took", now_ms(store))

    jobs.sweep()

    assert rung(store, "critical") == 0


def test_two_ticks_at_once_are_one(at_work: WorkerContext, store: Store) -> None:
    make_ready_since(store, 0)
    jobs.tick()
    raw(store).delete(keys.number_bell(NUMBER, REPLY))

    jobs.tick()

    assert rung(store, "critical") == 1
    assert 0 < raw(store).pttl(keys.TICK_GUARD) <= 900


def test_a_send_that_has_become_due_enters_its_lane_and_is_rung_for(
    at_work: WorkerContext, store: Store
) -> None:
    keep(store, BODY)
    take_effect(at_work, Echo())
    at_work.ring_pool.submit(lambda: None).result(180)  # what the commit rang for is rung
    raw(store).delete(f"{keys.SPACE}celery:critical", keys.number_bell(NUMBER, REPLY))
    lane = f"{PREFIX}lane:{REPLY}:{ANA}"
    (send,) = raw(store).zrange(lane, 0, 0)
    raw(store).delete(lane, READY)
    raw(store).zadd(f"{PREFIX}due", {send: now_ms(store) - 1})

    assert jobs.process_scheduled_messages() == {"processed": 1}
    assert (planned(store), rung(store, "critical")) == (["one"], 1)
    assert raw(store).zcard(f"{PREFIX}due") == 0


def test_a_timer_comes_back_through_the_inbox_and_is_then_forgotten(
    at_work: WorkerContext, store: Store
) -> None:
    add_number(store, NUMBER)
    raw(store).hset(f"{PREFIX}timer", "t1", b'{"timer": "t1"}')
    raw(store).zadd(f"{PREFIX}timers", {"t1": now_ms(store) - 1})

    jobs.tick()

    assert (waiting(at_work), rung(store, "default")) == (1, 1)
    assert (raw(store).zcard(f"{PREFIX}timers"), raw(store).hlen(f"{PREFIX}timer")) == (0, 0)


def test_cleanup_drops_what_is_old_and_nothing_that_waits(
    at_work: WorkerContext, store: Store
) -> None:
    week = int(timedelta(days=7).total_seconds() * 1000)
    entries = [keep_since(store, week + age) for age in (9000, 8000, 7000)]
    raw(store).hset(f"{PARTITION}cursor", "at", entries[1])
    month = datetime.now(UTC) - timedelta(days=30)
    add_number(store, NUMBER)
    stamps = {"send:old": month.timestamp() * 1000 - 9000, "send:new": now_ms(store)}
    raw(store).zadd(f"{PREFIX}dead", stamps)

    processed = jobs.cleanup_expired_sessions()["processed"]

    left = [entry.decode() for entry, _ in raw(store).xrange(f"{PARTITION}inbox")]
    assert entries[2] in left
    assert entries[0] not in left
    assert raw(store).zrange(f"{PREFIX}dead", 0, -1) == [b"send:new"]
    assert processed == 4 - len(left)  # of three deliveries and an old dead letter


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("tasks.process_scheduled_messages", "tasks.tick"),
        ("tasks.cleanup_expired_sessions", "tasks.cleanup"),
    ],
)
def test_a_job_is_also_known_by_the_name_of_earlier_releases(
    at_work: WorkerContext, name: str, before: str
) -> None:
    assert app.tasks[name]().keys() == app.tasks[before]().keys() == {"processed"}
    assert {name, before} <= TASKS


def finished(at_work: WorkerContext, store: Store, name: str) -> Send:
    """Let Meta take a send; its moment to be compacted has come."""
    send = a_send(name)
    add_number(store, NUMBER)
    queue(store, send)
    take(store)
    settle(store, send, "accepted", wamid=f"wamid.{name}")
    raw(store).zadd(f"{PREFIX}finished", {send.id: now_ms(store)})
    return send


def test_a_tick_compacts_what_is_over(at_work: WorkerContext, store: Store) -> None:
    send = finished(at_work, store, "one")

    jobs.tick()

    assert raw(store).keys(f"{PREFIX}send:*") == []
    assert stages(store, NUMBER, [send.id]) == ["accepted"]


def test_a_tick_compacts_nothing_before_its_moment_while_there_is_room(
    at_work: WorkerContext, store: Store
) -> None:
    send = finished(at_work, store, "one")
    raw(store).zadd(f"{PREFIX}finished", {send.id: now_ms(store) + 60_000})

    jobs.tick()
    assert len(raw(store).keys(f"{PREFIX}send:*")) == 1

    raw(store).delete(keys.TICK_GUARD)
    at_work.settings = at_work.settings.model_copy(update={"gateway_store_bytes": 1})
    jobs.tick()
    assert raw(store).keys(f"{PREFIX}send:*") == []


def test_a_tick_hears_a_failure_that_was_told_of_a_compacted_send(
    at_work: WorkerContext, store: Store
) -> None:
    send = finished(at_work, store, "one")
    jobs.tick()
    tell(store, "failed", send, "wamid.one")
    raw(store).delete(keys.TICK_GUARD)

    jobs.tick()

    assert raw(store).hget(f"{PREFIX}send:{send.id}", "stage") == b"failed"
    assert raw(store).zrange(f"{PREFIX}dead", 0, -1) == [f"send:{send.id}".encode()]


def test_cleanup_drops_what_compacted_sends_said(at_work: WorkerContext, store: Store) -> None:
    finished(at_work, store, "one")
    jobs.tick()
    (entry,) = raw(store).xrange(f"{PREFIX}texts")
    raw(store).delete(f"{PREFIX}texts")
    raw(store).xadd(f"{PREFIX}texts", entry[1], id=f"{now_ms(store) - 8 * keys.DAY_MS}-0")

    jobs.cleanup()

    assert raw(store).xlen(f"{PREFIX}texts") == 0
    assert raw(store).xlen(f"{PREFIX}done:reply") == 1
