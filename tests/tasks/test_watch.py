"""One post when a cause begins and one when it is over, whatever the receiver and others do."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from gateway.config.settings import Settings
from gateway.core.alerts import Alert, Cause
from gateway.core.planning.effects import rule_alert
from gateway.http_out import client
from gateway.store import keys, number_list
from gateway.store.coordination import run_ages
from gateway.store.monitoring import alert_store
from gateway.store.redis.client import Store
from tasks import inbound
from tasks.context import WorkerContext, release_id
from tasks.monitoring import alert_watch as watching
from tasks.monitoring.alert_watch import StandIn, update_alerts
from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.servers import wait_until
from tests.support.store.raw import now_ms
from tests.support.tasks.operator_address import Receiver, a_receiver
from tests.support.tasks.worker_state import PREFIX, counted, keep, pass_time, raw, rung

pytestmark = pytest.mark.store
TOKEN = Alert(Cause("paused", "190", NUMBER), "critical", "It is paused.", "Renew the token.")
BEGUN, ENDED = ("begun", "paused"), ("ended", "paused")
Watched = Callable[[], None]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as running:
        yield running


@pytest.fixture
def settings(at_work: WorkerContext, receiver: Receiver) -> Settings:
    run_ages.record_run(at_work.store, "watch")
    return at_work.settings.model_copy(update={"gateway_alert_url": SecretStr(receiver.url)})


@pytest.fixture
def watched(store: Store, settings: Settings) -> Watched:
    """Look once, as a worker does."""
    return lambda: update_alerts(store, settings)


def fail(store: Store, times: int = 1) -> None:
    for _ in range(times):
        alert_store.record_alert(store, TOKEN, timedelta(hours=1))


def end(store: Store, watched: Watched) -> None:
    """Let the cause be over, and look until that is told."""
    alert_store.clear_cause(store, TOKEN.cause)
    watched()
    pass_time(store, 61)
    watched()


def come_and_go_unheard(store: Store, watched: Watched, receiver: Receiver) -> None:
    """Let the cause begin and end while the receiver is down."""
    receiver.status = 503
    fail(store)
    watched()
    end(store, watched)


def test_a_thousand_of_the_same_are_one_post_and_their_end_another(
    store: Store, watched: Watched, receiver: Receiver
) -> None:
    for _ in range(10):
        fail(store, times=100)
        watched()
    end(store, watched)
    watched()

    assert receiver.states == [BEGUN, ENDED]
    assert receiver.told[0]["id"] == receiver.told[1]["id"]
    assert receiver.told[0]["number"] == NUMBER
    assert raw(store).exists(keys.TOLD) == 0


def test_the_log_says_what_began_except_in_the_words_of_a_rule(
    store: Store, watched: Watched
) -> None:
    fail(store)
    alert_store.record_alert(store, rule_alert("vip", "Ana waits.", NUMBER), timedelta(hours=1))

    with capture_logs() as logged:
        watched()

    begun = {one["cause"]: one for one in logged if one["event"] == "alert_begun"}
    assert begun["paused"]["title"] == "It is paused."
    assert begun["rule"]["detail"] == "vip"
    assert "Ana" not in str(begun["rule"])


def keep_late(store: Store, *wamids: str) -> None:
    """Keep messages that are older than the rules' `max_age` of a day."""
    at = now_ms(store) // 1000 - 25 * 3_600
    keep(store, *(delivery_body(message_item(one, "color", at=at)) for one in wamids))


def pass_first_minute(store: Store) -> None:
    """Let the first event of the episode be a minute ago."""
    raw(store).hincrby(f"{PREFIX}too_old", "since", -61_000)


def test_messages_that_were_too_old_are_one_post_with_their_count_and_another_at_the_end(
    at_work: WorkerContext, store: Store, watched: Watched, receiver: Receiver
) -> None:
    for batch in range(3):
        keep_late(store, *(f"wamid.{batch}.{n}" for n in range(10)))
        inbound.drain()
        watched()
    assert receiver.states == []

    pass_first_minute(store)
    watched()
    keep_late(store, "wamid.last")
    inbound.drain()
    watched()
    raw(store).delete(f"{PREFIX}too_old")  # as an hour later
    watched()
    pass_time(store, 61)
    watched()

    assert receiver.states == [("begun", "too_old"), ("ended", "too_old")]
    titles = [told["title"].partition(" of ")[0] for told in receiver.told]
    assert titles == ["30 messages", "31 messages"]
    assert counted(store, "too_old.message") == 31


def test_two_causes_are_two_posts(store: Store, watched: Watched, receiver: Receiver) -> None:
    fail(store)
    raw(store).set(keys.STOPPED_RELEASE, "1.0/v1")

    watched()

    assert {cause for _, cause in receiver.states} == {"paused", "planning_stopped"}


def test_what_comes_and_goes_is_told_once(
    store: Store, watched: Watched, receiver: Receiver
) -> None:
    for _ in range(5):
        fail(store)
        watched()
        alert_store.clear_cause(store, TOKEN.cause)
        watched()

    assert receiver.states == [BEGUN]


def test_what_begins_anew_is_told_anew(store: Store, watched: Watched, receiver: Receiver) -> None:
    for _ in range(2):
        fail(store)
        watched()
        end(store, watched)

    assert receiver.states == [BEGUN, ENDED, BEGUN, ENDED]
    assert len({told["id"] for told in receiver.told}) == 2


def test_workers_that_look_at_once_tell_it_once(
    store: Store, watched: Watched, receiver: Receiver
) -> None:
    fail(store)

    with ThreadPoolExecutor(4) as pool:
        for looked in [pool.submit(watched) for _ in range(12)]:
            looked.result()

    assert receiver.states == [BEGUN]


def test_what_was_refused_is_posted_again_after_a_pause(
    store: Store, watched: Watched, receiver: Receiver
) -> None:
    receiver.status = 500
    fail(store)
    watched()
    watched()
    receiver.status = 204
    pass_time(store, 10)
    watched()
    watched()

    assert receiver.states == [BEGUN, BEGUN]
    assert receiver.told[0] == receiver.told[1] | {"since": receiver.told[0]["since"]}


def test_what_began_and_ended_while_the_receiver_was_down_is_told_in_order(
    store: Store, watched: Watched, receiver: Receiver
) -> None:
    come_and_go_unheard(store, watched, receiver)
    tried = len(receiver.told)
    receiver.status = 200
    for _ in range(2):
        pass_time(store, 300)
        watched()

    assert receiver.states[tried:] == [BEGUN, ENDED]
    assert set(receiver.states[:tried]) == {BEGUN}


def test_an_end_of_which_nobody_hears_for_a_day_is_let_go(
    store: Store, watched: Watched, receiver: Receiver
) -> None:
    come_and_go_unheard(store, watched, receiver)
    pass_time(store, 86_400)

    watched()

    assert raw(store).exists(keys.TOLD) == 0


def test_a_redirect_is_no_answer(store: Store, watched: Watched, receiver: Receiver) -> None:
    receiver.status, receiver.answers = 301, {"Location": "http://127.0.0.1:1/"}
    fail(store)

    watched()

    (row,) = alert_store.read_rows(store).values()
    assert not row.state.heard


def test_a_receiver_that_hangs_is_asked_once_in_a_look(
    store: Store, watched: Watched, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client.post, "__defaults__", (0.3,))
    receiver.status = None
    fail(store)
    raw(store).set(keys.STOPPED_RELEASE, "1.0/v1")

    watched()

    assert len(receiver.asked) == 1
    assert len(alert_store.read_rows(store)) == 2


def test_who_died_while_telling_is_followed_by_another(
    store: Store, watched: Watched, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> str:
        raise KeyboardInterrupt

    fail(store)
    with monkeypatch.context() as dying:
        dying.setattr(watching, "post", die)
        with pytest.raises(KeyboardInterrupt):
            watched()
    watched()
    early = list(receiver.states)
    pass_time(store, 10)
    watched()

    assert (early, receiver.states) == ([], [BEGUN])


def test_without_an_address_nothing_is_posted_and_nothing_piles_up(
    store: Store, at_work: WorkerContext
) -> None:
    run_ages.record_run(store, "watch")
    fail(store)
    update_alerts(store, at_work.settings)
    assert len(alert_store.read_rows(store)) == 1

    end(store, lambda: update_alerts(store, at_work.settings))

    assert raw(store).exists(keys.TOLD) == 0


def test_sends_that_were_doubled_since_the_last_look_are_told_of(
    store: Store, watched: Watched, receiver: Receiver
) -> None:
    number_list.add_number(store, NUMBER)
    raw(store).hset(f"{PREFIX}count", "sends.doubled", 5)
    watched()
    before = list(receiver.states)

    raw(store).hincrby(f"{PREFIX}count", "sends.doubled", 1)
    watched()
    watched()

    assert (before, receiver.states) == ([], [("begun", "sends_doubled")])


def test_bells_that_piled_up_are_one_look(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Store] = []
    monkeypatch.setattr(watching, "update_alerts", lambda store, *_: looked.append(store))

    for _ in range(20):
        watching.watch()

    assert len(looked) == 1
    assert run_ages.seconds_since_run(store, "watch") is not None
    assert rung(store, "scheduled") == 0


@pytest.fixture
def stand_in(settings: Settings) -> Iterator[StandIn]:
    made = StandIn(settings, every_s=0.02)
    yield made
    made.close()
    made._thread.join()


def test_where_no_worker_looks_somebody_else_tells_so(
    store: Store, stand_in: StandIn, receiver: Receiver
) -> None:
    raw(store).delete(f"{keys.LAST_RUN}watch")

    stand_in.start()

    wait_until(lambda: receiver.states == [("begun", "workers_silent")], "it is told")


def test_where_a_worker_looks_nobody_stands_in(
    store: Store, stand_in: StandIn, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def silent(store: Store) -> bool:
        asked.append(watching_silent(store))
        return asked[-1]

    watching_silent = watching.are_workers_silent
    monkeypatch.setattr(watching, "are_workers_silent", silent)
    fail(store)

    stand_in.start()

    wait_until(lambda: len(asked) >= 3, "it has looked around")
    assert not any(asked)
    assert receiver.states == []


def test_a_worker_that_looks_says_by_which_release_it_does(
    at_work: WorkerContext, store: Store
) -> None:
    watching.watch()

    release = release_id(at_work.rules.current().version)
    assert store.redis.get(f"{keys.LAST_RUN}watch") == release.encode()
