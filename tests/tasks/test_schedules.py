"""Schedules at work: each moment makes one send, whoever works on it and wherever they die."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.api.schedules.schedule import (
    MOST_SCHEDULES,
    Missed,
    Schedule,
    ScheduleProgress,
    firing_id,
    pack_progress,
    pack_schedule,
)
from gateway.core.sending.send import BULK, NOTICE
from gateway.core.storage.timestamps import datetime_from_ms, ms_from_datetime
from gateway.store import keys, number_list
from gateway.store.api.schedules.book import ScheduleBook
from gateway.store.api.schedules.rows import ScheduleChange, StoredSchedule, write_schedules
from gateway.store.body_codec import Bodies
from gateway.store.monitoring.alert_store import active_alerts
from gateway.store.monitoring.upcoming import read_upcoming
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.sending.lookup import read_sends
from tasks.context import WorkerContext
from tasks.scheduled import jobs, schedules
from tests.support.factories import NUMBER
from tests.support.servers import Server, wait_until
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import a_send, lanes, queue
from tests.support.tasks.worker_state import PREFIX, rung

pytestmark = pytest.mark.store
MESSAGE = {"to": "+351912345678", "text": "Good morning", "from": NUMBER}
# Its moment was 22 minutes before tests are collected, so that none comes while one of them runs,
# and none was in the 20 minutes before.
HOURLY = Schedule(f"{(datetime.now(UTC).minute - 22) % 60} * * * *", "UTC", MESSAGE)
MINUTELY = replace(HOURLY, cron="* * * * *")
LIST = f"{PREFIX}schedules"


def book(store: Store) -> ScheduleBook:
    return ScheduleBook(store, Bodies())


def make(store: Store, id_: str = "daily", schedule: Schedule = HOURLY) -> StoredSchedule:
    """Store a schedule, and return it."""
    now = book(store).now()
    assert book(store).create([], NUMBER, id_, schedule, now) == "written"
    return found(store, id_)


def found(store: Store, id_: str = "daily") -> StoredSchedule:
    stored = book(store).find([NUMBER], id_)
    assert stored
    return stored


def make_due(store: Store, id_: str = "daily", at_ms: int = 0) -> datetime:
    """Let this moment, or one given, be the next one of a schedule; return it."""
    at = datetime_from_ms(at_ms or now_ms(store))
    progress = pack_progress(replace(found(store, id_).progress, next_at=at))
    raw(store).hset(f"{PREFIX}schedule:{id_}", "progress", progress)
    raw(store).zadd(LIST, {id_: ms_from_datetime(at)})
    return at


def look(ctx: WorkerContext) -> None:
    """Do what a tick does, as often as wanted."""
    jobs.move_due(ctx, [NUMBER])


def sends(store: Store) -> list[str]:
    return [key.decode().rpartition(":")[2] for key in raw(store).keys(f"{PREFIX}send:*")]


def test_a_due_schedule_makes_one_send_and_names_its_next_moment(
    at_work: WorkerContext, store: Store
) -> None:
    make(store)
    at = make_due(store)

    for _ in range(3):
        look(at_work)

    (id_,) = sends(store)
    (send,) = read_sends(store, Bodies(), NUMBER, [id_])
    after = found(store).progress
    assert id_ == firing_id("daily", at)
    assert (send.stage, send.priority, send.reference) == ("queued", NOTICE, "daily")
    assert send.body["text"] == {"body": "Good morning"}
    assert (after.fired, after.next_at) == (1, HOURLY.first_after(at))
    assert [(one.at, one.send) for one in after.firings] == [(at, id_)]
    assert rung(store, "critical") == 1


def test_a_bulk_schedule_stays_bulk(at_work: WorkerContext, store: Store) -> None:
    make(store, schedule=replace(HOURLY, message={**MESSAGE, "priority": BULK}))
    make_due(store)

    look(at_work)

    (send,) = read_sends(store, Bodies(), NUMBER, sends(store))
    assert send.priority == BULK
    assert rung(store, "bulk") == 1


def test_many_workers_at_once_make_one_send_of_each_moment(
    at_work: WorkerContext, store: Store
) -> None:
    ids = [f"s{n}" for n in range(20)]
    for id_ in ids:
        make(store, id_)
    wanted = {firing_id(id_, make_due(store, id_)) for id_ in ids}

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(look, at_work) for _ in range(16)]:
            done.result()

    assert set(sends(store)) == wanted
    assert {found(store, id_).progress.fired for id_ in ids} == {1}


class DiesError(Exception):
    """A process dies here."""


# The steps of a firing, by the function that ends with each.
STEPS = ("read_due", "find_contacts", "write_schedules", "ring_number")


@pytest.mark.parametrize("does", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_worker_that_dies_at_any_step_leaves_one_send(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch, step: str, does: bool
) -> None:
    make(store)
    at = make_due(store)
    module = jobs if step == "ring_number" else schedules
    real = getattr(module, step)

    def dying(*args: Any) -> Any:
        if does:
            real(*args)
        raise DiesError

    monkeypatch.setattr(module, step, dying)
    with pytest.raises(DiesError):
        look(at_work)
    monkeypatch.setattr(module, step, real)
    look(at_work)

    assert sends(store) == [firing_id("daily", at)]
    assert found(store).progress.fired == 1
    assert raw(store).zcard(f"{PREFIX}ready:{NOTICE}") == 1


@pytest.mark.parametrize("missed", ["skip", "once"])
def test_a_dead_beat_leaves_one_send_of_all_moments(
    at_work: WorkerContext, store: Store, missed: Missed
) -> None:
    make(store, schedule=replace(MINUTELY, missed=missed))
    # Far from the end of a minute, whose moment would be one more.
    wait_until(lambda: now_ms(store) % 60_000 < 45_000, "a minute begins")
    make_due(store, at_ms=now_ms(store) // 60_000 * 60_000 - 600_000)

    look(at_work)

    after = found(store).progress
    assert (after.fired, after.skipped, len(sends(store))) == (1, 10, 1)
    assert after.next_at
    assert after.next_at > book(store).now()


def test_an_hourly_schedule_that_is_late_sends_once_or_not_at_all(
    at_work: WorkerContext, store: Store
) -> None:
    for missed in ("skip", "once"):
        make(store, missed, replace(HOURLY, missed=missed))
    late_ms = now_ms(store) - 1_200_000
    at = [make_due(store, missed, late_ms) for missed in ("skip", "once")]

    look(at_work)

    assert sends(store) == [firing_id("once", at[1])]
    assert [found(store, one).progress.skipped for one in ("skip", "once")] == [1, 0]


def test_a_message_that_cannot_be_made_is_an_alert_and_stops_no_other(
    at_work: WorkerContext, store: Store
) -> None:
    make(store, "a", replace(HOURLY, message={"to": "1", "text": "of another release"}))
    make(store, "b")
    for id_ in "ab":
        make_due(store, id_)

    look(at_work)

    failed = found(store, "a").progress
    assert (failed.failed, failed.fired, failed.firings[0].send) == (1, 0, "")
    assert len(sends(store)) == 1
    assert kinds(store) == {"schedules_failing"}


def test_a_row_that_cannot_be_read_rests_and_stops_no_other(
    at_work: WorkerContext, store: Store
) -> None:
    for id_ in "abcd":
        make(store, id_)
        make_due(store, id_)
    raw(store).hset(f"{PREFIX}schedule:a", "definition", "nonsense")
    raw(store).delete(f"{PREFIX}schedule:b")
    zone = replace(HOURLY, zone="Atlantis/Poseidonis")
    packed = Bodies().pack(pack_schedule(zone))
    raw(store).hset(f"{PREFIX}schedule:c", "definition", packed)

    look(at_work)

    assert len(sends(store)) == 1
    assert kinds(store) == {"damaged"}
    assert raw(store).zscore(LIST, "b") is None
    assert raw(store).zcount(LIST, "-inf", now_ms(store)) == 0


def test_a_send_that_cannot_be_written_stops_no_other(at_work: WorkerContext, store: Store) -> None:
    for id_ in "ab":
        make(store, id_)
    at = make_due(store, "a")
    make_due(store, "b")
    raw(store).set(f"{PREFIX}send:{firing_id('a', at)}", "of another type")

    look(at_work)

    assert [found(store, id_).progress.fired for id_ in "ab"] == [0, 1]
    assert kinds(store) == {"damaged"}


def kinds(store: Store) -> set[str]:
    return {one.cause.kind for one in active_alerts(store, now_ms(store)).values()}


def test_schedules_of_a_number_without_an_account_wait_and_are_an_alert(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(store)
    make_due(store)
    monkeypatch.setattr(WorkerContext, "may_send", lambda *_: False)

    look(at_work)

    assert (sends(store), kinds(store)) == ([], {"schedules_failing"})
    assert found(store).progress.fired == 0
    assert 0 < raw(store).zscore(LIST, "daily") - now_ms(store) < 30_000


def test_while_the_memory_is_full_schedules_wait(at_work: WorkerContext, store: Store) -> None:
    make(store)
    at = make_due(store)
    raw(store).config_set("maxmemory", raw(store).info("memory")["used_memory"] * 5 // 4)
    try:
        look(at_work)
        waited = sends(store)
    finally:
        raw(store).config_set("maxmemory", 0)
    raw(store).zadd(LIST, {"daily": 0})
    look(at_work)

    assert (waited, sends(store)) == ([], [firing_id("daily", at)])


def test_a_paused_schedule_makes_no_send_and_goes_on_when_it_is_resumed(
    at_work: WorkerContext, store: Store
) -> None:
    stored = make(store)
    make_due(store)
    paused = replace(HOURLY, paused=True)
    now = book(store).now()
    assert book(store).change(found(store), paused, now)
    look(at_work)
    assert sends(store) == []

    resumed = book(store).change(found(store), stored.schedule, book(store).now())

    assert resumed
    assert resumed.progress.next_at
    assert resumed.progress.next_at > now
    assert raw(store).zscore(LIST, "daily") == ms_from_datetime(resumed.progress.next_at)


def test_a_schedule_that_is_over_is_removed_after_a_month(
    at_work: WorkerContext, store: Store
) -> None:
    make(store, schedule=replace(HOURLY, count=1))
    make_due(store)
    look(at_work)
    ended = found(store).progress
    look(at_work)

    assert ended.ended_at
    assert raw(store).zscore(LIST, "daily") == ms_from_datetime(ended.ended_at) + keys.MONTH_MS
    past = ended.ended_at - timedelta(days=31)
    over = pack_progress(replace(ended, ended_at=past))
    raw(store).hset(f"{PREFIX}schedule:daily", "progress", over)
    raw(store).zadd(LIST, {"daily": 0})
    look(at_work)

    assert raw(store).keys(f"{PREFIX}schedule*") == []


def test_a_place_in_the_list_that_is_older_than_its_row_is_written_anew(
    at_work: WorkerContext, store: Store
) -> None:
    next_at = make(store).progress.next_at
    assert next_at
    raw(store).zadd(LIST, {"daily": 0})

    look(at_work)

    assert (sends(store), raw(store).zscore(LIST, "daily")) == ([], ms_from_datetime(next_at))


def test_a_look_works_off_so_many_of_all_numbers_and_the_next_the_rest(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"s{n}" for n in range(7)]
    for id_ in ids:
        make(store, id_)
        make_due(store, id_)
    monkeypatch.setattr(jobs, "MOST_AT_ONCE", 3)
    monkeypatch.setattr(schedules, "IN_ONE_SCRIPT", 2)

    counts = []
    for _ in range(4):
        look(at_work)
        counts.append(len(sends(store)))

    assert counts == [3, 6, 7, 7]


def test_the_safety_net_sees_when_the_next_moment_is(store: Store) -> None:
    number_list.add_number(store, NUMBER)
    next_at = make(store).progress.next_at
    assert next_at
    ((upcoming,), _) = read_upcoming(store, [NUMBER], lambda _: 80)

    assert upcoming.tick_ms == ms_from_datetime(next_at)


def test_schedules_survive_a_restart_of_the_store(
    at_work: WorkerContext, store: Store, server: Server
) -> None:
    make(store)
    at = make_due(store)
    server.kill()
    with pytest.raises(StoreUnavailableError):
        look(at_work)
    server.start()

    look(at_work)

    assert sends(store) == [firing_id("daily", at)]


def test_a_message_whose_time_came_while_all_was_down_goes_once_and_late(
    at_work: WorkerContext, store: Store, server: Server
) -> None:
    now = book(store).now()
    queue(store, send := a_send("late", due_at=now + timedelta(seconds=1)))
    server.kill()
    server.start()
    wait_until(lambda: now_ms(store) > ms_from_datetime(now) + 1_000, "its time is over")

    for _ in range(3):
        look(at_work)

    assert [one.send for one in lanes(store).pump([], 9).attempts] == [send.id]
    assert raw(store).zcard(f"{PREFIX}due") == 0


@pytest.mark.long
def test_ten_thousand_schedules_of_one_minute_are_worked_off_a_part_at_a_time(
    at_work: WorkerContext, store: Store
) -> None:
    number_list.add_number(store, NUMBER)
    at = book(store).now()
    ids = [f"s{n}" for n in range(MOST_SCHEDULES)]
    schedule = replace(HOURLY, missed="once")
    new = [ScheduleChange(id_, "", ScheduleProgress(at), schedule) for id_ in ids]
    for i in range(0, len(new), 500):
        write_schedules(store, Bodies(), NUMBER, new[i : i + 500])
    assert book(store).create([], NUMBER, "another", schedule, at) == "full"

    looks = 0
    while raw(store).zcount(LIST, "-inf", now_ms(store)):
        look(at_work)
        looks += 1

    assert looks == MOST_SCHEDULES // schedules.MOST_AT_ONCE
    assert set(sends(store)) == {firing_id(id_, at) for id_ in ids}
