"""What is noted and told of causes, written by one of many at a time."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.alerts import Alert, AlertState, Cause
from gateway.store import keys
from gateway.store.monitoring import alert_store
from gateway.store.redis.client import Store
from tests.support.store.raw import now_ms, raw

pytestmark = pytest.mark.store
TOKEN = Alert(Cause("paused", "190", "106"), "critical", "Paused.", "Renew the token.")
KEY = TOKEN.cause.key
HOUR = timedelta(hours=1)


def a_told(store: Store) -> alert_store.AlertRow:
    """Write that the cause has begun, and return what stands there."""
    assert alert_store.replace_row(store, KEY, None, AlertState("id", TOKEN, 1))
    return alert_store.read_rows(store)[KEY]


def test_what_is_noted_is_true_until_its_time_is_over(store: Store) -> None:
    alert_store.record_alert(store, TOKEN, HOUR)
    now = now_ms(store)

    assert alert_store.active_alerts(store, now + 3_590_000) == {KEY: TOKEN}
    assert alert_store.active_alerts(store, now + 3_600_000) == {}
    assert raw(store).exists(keys.NOTED) == 0


def test_what_is_noted_again_is_true_for_longer(store: Store) -> None:
    alert_store.record_alert(store, TOKEN, timedelta(seconds=10))
    alert_store.record_alert(store, TOKEN, HOUR)

    assert alert_store.active_alerts(store, now_ms(store) + 3_000_000) == {KEY: TOKEN}


def test_what_is_noted_a_thousand_times_is_written_once(store: Store) -> None:
    before = int(raw(store).info("persistence")["rdb_changes_since_last_save"])

    for _ in range(1_000):
        alert_store.record_alert(store, TOKEN, HOUR)

    assert int(raw(store).info("persistence")["rdb_changes_since_last_save"]) == before + 1


def test_what_is_cleared_is_over(store: Store) -> None:
    alert_store.record_alert(store, TOKEN, HOUR)
    alert_store.clear_cause(store, TOKEN.cause)

    assert alert_store.active_alerts(store, 0) == {}


def test_there_is_a_bound_to_what_is_noted(store: Store) -> None:
    causes = [replace(TOKEN, cause=Cause("paused", str(i))) for i in range(alert_store.MOST_NOTED)]
    assert all([alert_store.record_alert(store, one, HOUR) for one in causes])

    assert not alert_store.record_alert(store, TOKEN, HOUR)
    assert alert_store.record_alert(store, causes[0], HOUR)


def test_what_is_noted_while_the_old_is_forgotten_stays(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw(store).hset(keys.NOTED, KEY, b"1|{}")
    seen = raw(store).hgetall(keys.NOTED)
    alert_store.record_alert(store, TOKEN, HOUR)
    monkeypatch.setattr(store.redis, "hgetall", lambda _: seen)

    alert_store.active_alerts(store, now_ms(store))

    assert raw(store).hexists(keys.NOTED, KEY)


def test_of_many_who_begin_at_once_one_does(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        told = [AlertState(str(i), TOKEN, i) for i in range(8)]
        done = list(pool.map(lambda one: alert_store.replace_row(store, KEY, None, one), told))

    assert sum(done) == 1
    assert alert_store.read_rows(store)[KEY].state == told[done.index(True)]


def test_a_change_that_was_seen_too_late_is_not_written(store: Store) -> None:
    row = a_told(store)
    assert alert_store.replace_row(store, KEY, row, row.state.after_attempt(5))

    assert not alert_store.replace_row(store, KEY, row, None)


def test_an_answer_counts_whatever_became_of_the_cause_meanwhile(store: Store) -> None:
    row = a_told(store)
    trying = row.state.after_attempt(5)
    assert alert_store.replace_row(store, KEY, row, replace(trying, until_ms=9))

    alert_store.record_answer(store, KEY, trying)

    assert alert_store.read_rows(store)[KEY].state == replace(row.state, until_ms=9, heard=True)


def test_an_answer_to_an_older_try_is_left_to_the_newer(store: Store) -> None:
    row = a_told(store)
    trying = row.state.after_attempt(5)
    assert alert_store.replace_row(store, KEY, row, trying.after_attempt(99))

    alert_store.record_answer(store, KEY, trying)

    assert not alert_store.read_rows(store)[KEY].state.heard


def test_an_end_that_was_heard_leaves_nothing(store: Store) -> None:
    row = a_told(store)
    ended = replace(row.state, heard=True, until_ms=9, tries=1)
    assert alert_store.replace_row(store, KEY, row, ended)

    alert_store.record_answer(store, KEY, ended)

    assert raw(store).exists(keys.TOLD) == 0


def test_what_another_release_put_beside_it_is_left_out(store: Store) -> None:
    row = a_told(store)
    raw(store).hset(keys.TOLD, KEY, row.raw.replace(b'{"id"', b'{"later":1,"id"'))

    assert alert_store.read_rows(store)[KEY].state == row.state


def test_a_counter_has_grown_only_beyond_what_was_seen_of_it(store: Store) -> None:
    before = alert_store.has_grown(store, "doubled", 3)
    alert_store.record_counter(store, "doubled", 3)

    assert [before, *(alert_store.has_grown(store, "doubled", count) for count in (3, 4))] == [
        False, False, True,
    ]  # fmt: skip


def test_what_a_clock_noted_that_stepped_back_is_noted_anew(store: Store) -> None:
    alert_store.record_alert(store, TOKEN, HOUR)
    noted = raw(store).hget(keys.NOTED, KEY)
    ahead = str(now_ms(store) + 9_000_000).encode()
    raw(store).hset(keys.NOTED, KEY, ahead + noted[noted.index(b"|") :])

    alert_store.record_alert(store, TOKEN, HOUR)

    assert alert_store.active_alerts(store, now_ms(store) + 3_700_000) == {}
