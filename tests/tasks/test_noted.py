"""What rules ask to be told is noted where it is planned, once for each rule and number."""

import pytest

from gateway.core.events import Delivery
from gateway.core.planning.batch import PlanningInput, plan
from gateway.core.webhook.parser import split
from gateway.store.monitoring import alert_store
from gateway.store.redis.client import Store
from tasks.monitoring.noted_alerts import RULE_ALERT_FOR, SENDS_DOUBLED, note_rule_alerts
from tests.support.factories import NOW, a_message, bytes_of
from tests.support.rules.rulebooks import book, planned
from tests.support.store.raw import now_ms

pytestmark = pytest.mark.store
RULES = """\
- {name: person, when: {text: agent}, then: {alert: Somebody waits.}}
- {name: angry, when: {text: {contains: '!'}}, then: {alert: Somebody is angry.}}
"""


def test_the_alert_of_a_rule_is_noted_once_however_many_events_it_answers(store: Store) -> None:
    events = [a_message(f"wamid.{n}", text="agent") for n in range(3)]
    made = planned(RULES, *events, a_message("wamid.9", text="Now!"))
    assert len(made.alerts) == 4

    note_rule_alerts(store, [made])
    note_rule_alerts(store, [made])

    noted = alert_store.active_alerts(store, now_ms(store)).values()
    assert sorted(alert.title for alert in noted) == ["Somebody is angry.", "Somebody waits."]


def test_five_minutes_without_one_end_it(store: Store) -> None:
    note_rule_alerts(store, [planned(RULES, a_message(text="agent", at=NOW))])

    assert alert_store.active_alerts(store, now_ms(store) + 301_000) == {}


def test_however_many_rules_ask_there_is_room_for_what_the_gateway_has_to_tell(
    store: Store,
) -> None:
    rules = "".join(
        f"- {{name: r{n}, then: {{alert: x}}}}\n" for n in range(alert_store.MOST_NOTED)
    )

    note_rule_alerts(store, [planned(rules, a_message())])

    assert alert_store.record_alert(store, SENDS_DOUBLED, RULE_ALERT_FOR)


RESTRICTED = bytes_of({"field": "account_update", "value": {"event": "ACCOUNT_RESTRICTION"}})


def noted_from(store: Store, body: bytes) -> None:
    events = split(Delivery("0:1-0", NOW, body))
    found = plan(PlanningInput("", NOW, {}, frozenset()), events, book(RULES))
    note_rule_alerts(store, found.plans)


def test_an_alert_about_the_account_lasts_for_a_day(store: Store) -> None:
    noted_from(store, RESTRICTED)

    assert len(alert_store.active_alerts(store, now_ms(store) + 86_300_000)) == 1
    assert alert_store.active_alerts(store, now_ms(store) + 86_500_000) == {}


def test_a_ban_finds_room_however_many_rules_ask(store: Store) -> None:
    rules = "".join(f"- {{name: r{n}, then: {{alert: x}}}}\n" for n in range(60))
    note_rule_alerts(store, [planned(rules, a_message())])

    noted_from(store, RESTRICTED)

    kinds = [one.cause.kind for one in alert_store.active_alerts(store, now_ms(store)).values()]
    assert kinds.count("account") == 1
