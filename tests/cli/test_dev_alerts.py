"""`gateway dev` shows what an alert says, and when it is over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.cli.local.alert_lines import AlertLines, render_changes
from gateway.cli.local.log_line import LogLine
from gateway.core.alerts import Alert, Cause
from gateway.core.planning.effects import rule_alert
from gateway.store.monitoring.alert_store import clear_cause, record_alert
from gateway.store.redis.client import Store
from tests.support.factories import NUMBER

ANGRY = replace(rule_alert("angry", "Ana is angry.", NUMBER), advice="Look.")
FULL = Alert(Cause("memory_full"), "critical", "Redis is full.", "Give it more.")


def changes(before: dict[str, Alert], current: dict[str, Alert]) -> list[LogLine]:
    return list(render_changes(before, current))


def test_an_alert_is_shown_with_its_text_once() -> None:
    assert changes({}, {"a": ANGRY}) == [
        LogLine("alert   rule angry: Ana is angry. Look.", "yellow")
    ]
    assert changes({"a": ANGRY}, {"a": ANGRY}) == []


def test_a_critical_alert_is_red() -> None:
    assert changes({}, {"a": FULL}) == [
        LogLine("alert   memory_full: Redis is full. Give it more.", "red")
    ]


def test_an_alert_in_other_words_is_shown_again() -> None:
    (line,) = changes({"a": ANGRY}, {"a": replace(ANGRY, title="Bea is angry.")})

    assert "Bea is angry." in line.text


def test_an_alert_that_is_over_is_shown_as_that() -> None:
    assert changes({"a": ANGRY}, {}) == [LogLine("alert   rule angry is over", "green")]


@pytest.mark.store
def test_the_alert_of_a_rule_is_shown_as_soon_as_it_is_noted(store: Store) -> None:
    alerts = AlertLines(store)
    nothing = alerts.read_new()
    record_alert(store, ANGRY, timedelta(minutes=5))
    begun = alerts.read_new()
    clear_cause(store, ANGRY.cause)

    assert nothing == []
    assert [line.text for line in (*begun, *alerts.read_new())] == [
        "alert   rule angry: Ana is angry. Look.",
        "alert   rule angry is over",
    ]


def test_a_store_that_is_away_shows_no_alerts() -> None:
    assert AlertLines(Store("redis://127.0.0.1:1/0")).read_new() == []
