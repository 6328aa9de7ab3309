"""Beat rings while it has the turn, and whatever goes wrong in a tick is left for the next."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import Celery
from celery.schedules import schedule
from redbeat.schedulers import RedBeatSchedulerEntry, get_redis
from structlog.testing import capture_logs

from gateway.config.settings import Settings
from gateway.store import keys
from gateway.store.redis.client import Store
from tasks import wakeup
from tasks.app import app as ours
from tasks.celery_setup.broker import use_store
from tasks.celery_setup.config import config
from tasks.celery_setup.schedule import SCHEDULE, TASKS
from tasks.processes import store_check
from tasks.scheduled.beat import Beat
from tasks.scheduled.schedule_entries import broken_alert
from tasks.wakeup import clear_task
from tests.support.servers import Server, free_port
from tests.support.tasks.worker_state import raw, rung

pytestmark = pytest.mark.store
LOCK, TICK = keys.BEAT_LOCK, "gw:{beat}:process-scheduled-messages"
ENV = {
    "META_APP_SECRET": "s", "META_VERIFY_TOKEN": "v", "META_ACCESS_TOKEN": "t",
    "META_PHONE_NUMBER_ID": "1",
}  # fmt: skip
Make = Callable[..., Beat]
EVERY = '{"name": "x", "task": "tasks.tick", "schedule": %s}'


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path / "valkey", appendonly="no").start()
    yield running
    running.kill()


@pytest.fixture
def at(own: Server) -> Iterator[Store]:
    opened = Store(own.url)
    yield opened
    opened.close()


@pytest.fixture
def make(own: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Give a way to make a beat as a process of its own would have it."""

    monkeypatch.setattr(store_check, "_passed", [True])

    def made(**env: str) -> Beat:
        for name, value in (ENV | {"REDIS_URL": own.url} | env).items():
            monkeypatch.setenv(name, value)
        app = Celery("test")
        settings = Settings.from_env()
        # A turn that no test waits for, and that a machine which stands still does not end.
        app.config_from_object(config(settings) | {"redbeat_lock_timeout": 600})
        use_store(app, settings.redis_url)
        return Beat(app)

    yield made
    ours.set_current()  # schedules that were read from the store ask the current one for the time


def woken(store: Store) -> int:
    """Return how many wake-ups wait."""
    return rung(store, "scheduled") + rung(store, "outgoing")


def told(*beats: Beat) -> list[str]:
    """Let each beat tick once, and return what they told."""
    with capture_logs() as logs:
        for beat in beats:
            beat.tick()
    return [one["event"] for one in logs]


def test_the_beat_that_leads_rings_for_what_is_due(make: Make, at: Store) -> None:
    beat = make()
    assert told(beat) == ["beat_leads"]
    make_due(at)

    beat.tick()

    assert woken(at) == len(SCHEDULE)
    assert told(beat) == []
    assert woken(at) == len(SCHEDULE)


def test_a_second_beat_tells_once_that_it_stands_by(make: Make, at: Store) -> None:
    one, other = make(), make()
    assert told(one, other, other) == ["beat_leads", "beat_stands_by"]
    make_due(at)

    assert told(other) == []

    assert rung(at, "scheduled") == 0


def test_a_beat_that_ends_gives_its_turn_to_the_next(make: Make) -> None:
    one, other = make(), make()
    told(one, other)

    one.close()

    assert told(other) == ["beat_leads"]


def test_a_beat_that_stands_by_ends_without_touching_the_turn(make: Make, at: Store) -> None:
    one, other = make(), make()
    told(one, other)

    other.close()

    assert raw(at).exists(LOCK)


def test_a_beat_that_lost_its_turn_stands_by(make: Make, at: Store) -> None:
    beat = make()
    told(beat)
    raw(at).set(LOCK, "another")
    make_due(at)

    assert told(beat) == ["beat_stands_by"]
    assert rung(at, "scheduled") == 0


def test_trouble_is_told_once_and_so_is_its_end(make: Make, own: Server, at: Store) -> None:
    beat = make()
    told(beat)
    raw(at).config_set("maxmemory", 1)

    assert told(beat, beat, beat) == ["beat_failing"]
    raw(at).config_set("maxmemory", 0)
    assert told(beat, beat, beat) == ["beat_recovered"]


def test_a_beat_that_starts_before_its_store_waits_for_it(make: Make, own: Server) -> None:
    own.kill()
    beat = make()
    assert told(beat, beat) == ["beat_failing"]

    own.start()

    assert told(beat) == ["beat_leads", "beat_recovered"]


def test_a_store_that_lost_the_schedule_is_given_it_again(make: Make, at: Store) -> None:
    beat = make()
    told(beat)
    raw(at).flushall()

    told(beat)

    assert raw(at).zcard("gw:{beat}::schedule") == len(SCHEDULE)


def test_what_could_not_be_rung_for_is_due_still(make: Make, at: Store) -> None:
    beat = make(CELERY_BROKER_URL=f"redis://127.0.0.1:{free_port()}/0")
    told(beat)
    make_due(at)

    assert told(beat) == ["beat_failing"]

    assert raw(at).zcount("gw:{beat}::schedule", 0, 0) == len(SCHEDULE)


def test_a_schedule_that_is_changed_while_beat_runs_counts(make: Make, at: Store) -> None:
    one, other = make(), make()
    told(one, other)
    change(one, 3_600)
    one.close()

    told(other)

    assert due_in_s(other, at) > 3_000


def test_what_an_operator_changed_stays_when_beat_starts_again(make: Make, at: Store) -> None:
    beat = make()
    told(beat)
    change(beat, 3_600, enabled=False)
    beat.close()

    again = make()
    told(again)

    entry = RedBeatSchedulerEntry.from_key(TICK, app=again.app)
    assert (entry.schedule, entry.enabled) == (schedule(3_600), False)


def test_an_entry_that_was_lost_comes_back(make: Make, at: Store) -> None:
    beat = make()
    told(beat)
    raw(at).delete(TICK)

    told(beat, beat)

    assert (
        RedBeatSchedulerEntry.from_key(TICK, app=beat.app).task
        == "tasks.process_scheduled_messages"
    )
    assert due_in_s(beat, at) < 5


def test_an_entry_that_beat_does_not_look_at_any_more_is_looked_at_again(
    make: Make, at: Store
) -> None:
    beat = make()
    told(beat)
    raw(at).zrem("gw:{beat}::schedule", TICK)

    told(beat)

    assert raw(at).zscore("gw:{beat}::schedule", TICK) is not None


@pytest.mark.parametrize(("by_operator", "every_s"), [(False, 7), (True, 3_600)])
def test_a_release_changes_only_what_no_operator_changed(
    make: Make, at: Store, by_operator: bool, every_s: int
) -> None:
    before = make()
    told(before)
    if by_operator:
        change(before, 3_600)
    before.close()
    after = make()
    name = "process-scheduled-messages"
    after.app.redbeat_conf.schedule = SCHEDULE | {name: SCHEDULE[name] | {"schedule": 7.0}}

    told(after)

    assert RedBeatSchedulerEntry.from_key(TICK, app=after.app).schedule == schedule(every_s)


@pytest.mark.parametrize(
    "definition",
    [
        "no JSON",
        "[]",
        '{"name": "x"}',
        '{"name": "x", "task": "tasks.tick", "schedule": "often"}',
        EVERY % '{"__type__": "interval", "every": 1e20}',
        EVERY % '{"__type__": "crontab", "minute": "0,", "hour": "*"}',
        EVERY % '{"__type__": "crontab", "minute": "abc", "hour": "*"}',
    ],
)
def test_an_entry_that_cannot_be_used_is_named_and_set_aside_and_all_others_go_on(
    make: Make, at: Store, definition: str
) -> None:
    beat = make()
    told(beat)
    raw(at).hset(TICK, "definition", definition)
    make_due(at)

    assert told(beat) == ["schedule_entry_broken"]
    assert woken(at) == len(SCHEDULE) - 1
    assert told(beat) == []  # our own entry is back
    make_due(at)
    told(beat)
    assert woken(at) == len(SCHEDULE)
    assert raw(at).hget("gw:{beat}::broken", "process-scheduled-messages").decode() == definition
    assert raw(at).hexists(keys.NOTED, broken_alert("process-scheduled-messages").cause.key)


def test_a_broken_entry_of_an_operators_own_stays_aside(make: Make, at: Store) -> None:
    beat = make()
    told(beat)
    raw(at).hset("gw:{beat}:mine", "definition", '{"name": "mine"')
    raw(at).zadd("gw:{beat}::schedule", {"gw:{beat}:mine": 0})

    assert told(beat, beat) == ["schedule_entry_broken"]

    assert raw(at).hkeys("gw:{beat}::broken") == [b"mine"]
    assert not raw(at).exists("gw:{beat}:mine")


def test_an_entry_is_not_rung_for_while_its_bell_waits(make: Make, at: Store) -> None:
    beat = make()
    for _ in range(3):
        told(beat)
        make_due(at)

    told(beat)

    assert woken(at) == len(SCHEDULE)
    assert due_in_s(beat, at) > -2  # it goes on with the schedule all the same


def test_an_entry_whose_task_has_begun_is_rung_for_again(make: Make, at: Store) -> None:
    beat = make()
    told(beat)
    make_due(at)
    told(beat)
    clear_task(at, "tasks.process_scheduled_messages")
    make_due(at)

    told(beat)

    assert woken(at) == len(SCHEDULE) + 1


def test_without_workers_beat_fills_no_store(
    make: Make, at: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeup, "MOST_WAITING", 50)
    beat = make()
    told(beat)

    for _ in range(50 // (len(SCHEDULE) - 1) + 10):
        for task in TASKS:
            clear_task(at, task)  # as when a minute is over
        make_due(at)
        told(beat)

    assert rung(at, "scheduled") == 50
    # All are due still but the one whose queue has room.
    assert raw(at).zcount("gw:{beat}::schedule", 0, 0) == len(SCHEDULE) - 1


def test_an_entry_of_an_operators_own_is_rung_for_each_time(make: Make, at: Store) -> None:
    beat = make()
    told(beat)
    own = RedBeatSchedulerEntry(
        "own", "theirs.report", schedule(1), options={"queue": "bulk"}, app=beat.app
    )
    own.save()
    for _ in range(3):
        make_due(at)
        told(beat)

    assert rung(at, "bulk") == 3


def make_due(store: Store) -> None:
    """Let every entry be one that never ran."""
    for name in raw(store).zrange("gw:{beat}::schedule", 0, -1):
        raw(store).hset(name, "meta", '{"last_run_at": null}')
        raw(store).zadd("gw:{beat}::schedule", {name: 0})


def change(beat: Beat, every_s: int, *, enabled: bool = True) -> None:
    """Change how often the tick is rung for, as RedBeat's documentation says."""
    entry = RedBeatSchedulerEntry.from_key(TICK, app=beat.app)
    entry.schedule, entry.enabled = schedule(every_s), enabled
    entry.save()


def due_in_s(beat: Beat, store: Store) -> float:
    score = get_redis(beat.app).zscore("gw:{beat}::schedule", TICK)
    return float(score) - float(raw(store).time()[0])
