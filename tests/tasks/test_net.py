"""The net looks in beat's place: one main process of all, and whatever is wrong with one number."""

import contextlib
import threading
from collections.abc import Iterator

import pytest

from gateway.core.sending.send import REPLY
from gateway.store import keys
from gateway.store.coordination import run_ages
from gateway.store.monitoring import alert_store
from gateway.store.number_list import add_number
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError
from tasks.context import WorkerContext, open_store_access
from tasks.monitoring.noted_alerts import BEAT_SILENT
from tasks.processes.loop import Loop
from tasks.scheduled import safety_net as nets
from tasks.scheduled.safety_net import NetStep, SafetyNet
from tasks.wakeup import OwnConnection
from tests.support.factories import ANA, NUMBER
from tests.support.tasks.worker_state import PREFIX, raw, rung

pytestmark = pytest.mark.store
READY, BELL = f"{PREFIX}ready:{REPLY}", keys.number_bell(NUMBER, REPLY)


@pytest.fixture
def made(at_work: WorkerContext) -> Iterator[list[SafetyNet]]:
    """Hold two nets, as the main processes of two workers have them."""
    two = [SafetyNet(open_store_access(at_work.settings)) for _ in range(2)]
    yield two
    for one in two:
        with contextlib.suppress(StoreUnavailableError):
            one.end()


@pytest.fixture
def net(made: list[SafetyNet]) -> SafetyNet:
    return made[0]


def now_ms(store: Store) -> int:
    seconds, micros = raw(store).time()
    return int(seconds * 1000 + micros // 1000)


def make_ready(store: Store, number: str = NUMBER) -> None:
    """Let a lane be ready, long after a pump took the last."""
    add_number(store, number)
    raw(store).zadd(f"{keys.number(number)}ready:{REPLY}", {ANA: now_ms(store) - 10})


def let_beat_work(store: Store) -> None:
    """Let everything have run a moment ago."""
    raw(store).set(keys.BEAT_LOCK, "some beat")
    for what in ("tick", "sweep", "watch", "cleanup"):
        run_ages.record_run(store, what)


def test_what_is_ready_is_rung_for_once_until_it_is_heard(net: SafetyNet, store: Store) -> None:
    let_beat_work(store)
    make_ready(store)

    for _ in range(5):
        net.work()

    assert rung(store, "critical") == 1


def test_who_has_not_the_turn_rings_for_nothing(made: list[SafetyNet], store: Store) -> None:
    one, other = made
    one.work()
    make_ready(store)

    other.work()

    assert rung(store, "critical") == 0


def test_a_number_whose_keys_are_damaged_stops_no_other(net: SafetyNet, store: Store) -> None:
    let_beat_work(store)
    make_ready(store)
    add_number(store, "bad")
    raw(store).set(f"{keys.number('bad')}due", "no set")

    with pytest.raises(ScriptError):
        net.work()

    assert rung(store, "critical") == 1


def test_a_damaged_number_holds_up_neither_tick_nor_sweep_nor_watch(
    net: SafetyNet, store: Store
) -> None:
    add_number(store, "bad")
    raw(store).set(f"{keys.number('bad')}due", "no set")

    with pytest.raises(ScriptError):
        net.work()

    assert raw(store).exists(f"{keys.LAST_RUN}tick", f"{keys.LAST_RUN}sweep") == 2
    assert rung(store, "scheduled") == 2


def test_while_beat_works_the_net_does_nothing_of_beats(net: SafetyNet, store: Store) -> None:
    let_beat_work(store)
    before = run_ages.seconds_since_run(store, "tick")

    net.work()

    assert rung(store, "scheduled") == 0
    assert (run_ages.seconds_since_run(store, "tick") or 0) >= (before or 0)


def test_without_beat_watch_and_cleanup_are_rung_for_once(net: SafetyNet, store: Store) -> None:
    for _ in range(3):
        net.work()
        net._next_ask_at = 0.0

    assert rung(store, "scheduled") == 2


def test_what_beat_rings_for_in_time_is_left_to_it_though_nobody_hears(
    net: SafetyNet, store: Store
) -> None:
    raw(store).set(keys.BEAT_LOCK, "some beat")

    net.work()

    assert rung(store, "scheduled") == 0
    assert raw(store).exists(f"{keys.LAST_RUN}tick", f"{keys.LAST_RUN}sweep") == 2


def test_what_is_due_is_moved_by_the_look_itself(net: SafetyNet, store: Store) -> None:
    let_beat_work(store)
    add_number(store, NUMBER)
    raw(store).hset(f"{PREFIX}timer", "t1", b'{"timer": "t1"}')
    raw(store).zadd(f"{PREFIX}timers", {"t1": now_ms(store) - 1})

    net.work()

    assert (rung(store, "default"), raw(store).zcard(f"{PREFIX}timers")) == (1, 0)


def test_who_cannot_ring_leaves_the_turn_to_another(made: list[SafetyNet], store: Store) -> None:
    one, other = made
    one.work()
    one._broker.mark_failed()
    one._next_ask_at = 0.0
    make_ready(store)

    one.work()
    other.work()

    assert rung(store, "critical") == 1


def test_a_beat_that_is_gone_for_a_minute_is_told_of(
    net: SafetyNet, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    net.work()
    early = alert_store.active_alerts(store, now_ms(store))
    monkeypatch.setattr(nets, "BEAT_GONE_S", 0.0)
    net._next_ask_at = 0.0

    net.work()

    assert early == {}
    assert set(alert_store.active_alerts(store, now_ms(store))) == {BEAT_SILENT.cause.key}


def test_a_thousand_idle_numbers_cost_one_small_script_each_a_second(
    net: SafetyNet, store: Store
) -> None:
    let_beat_work(store)
    for i in range(1_000):
        add_number(store, f"n{i}")
    net.work()
    net._next_ask_at = float("inf")
    raw(store).config_resetstat()

    for _ in range(10):
        net.work()

    ran = raw(store).info("commandstats")
    assert ran["cmdstat_evalsha"]["calls"] == 1_000
    assert {"cmdstat_set", "cmdstat_hset", "cmdstat_zadd", "cmdstat_del"}.isdisjoint(ran)


def test_the_threads_end_within_a_second_though_their_work_hangs() -> None:
    hangs, free = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        free.wait(120)

    step = NetStep(type("Parent", (), {"steps": []})())
    step._loops = [Loop("hangs", 0.01, hang), Loop("hangs as well", 0.01, hang)]
    for loop in step._loops:
        loop.start()
    assert hangs.wait(180)
    ended = threading.Thread(target=step.stop, args=(None,))
    ended.start()
    ended.join(180)

    assert not ended.is_alive()
    free.set()


def test_a_loop_outlives_every_error() -> None:
    errors: list[Exception] = [ScriptError("x"), StoreUnavailableError("y"), KeyError("z")]
    done = threading.Event()

    def work() -> None:
        if errors:
            raise errors.pop()
        done.set()

    loop = Loop("fails", 0.01, work)
    loop.start()

    assert done.wait(180)
    loop.end()
    assert loop.join(180)


def test_a_broker_that_failed_is_not_asked_again_at_once(at_work: WorkerContext) -> None:
    own = OwnConnection()
    first = own.producer()
    own.mark_failed()

    assert own.is_pausing
    assert own.producer() is not first
