"""What Meta says of the account is an alert by itself, if every operator must hear it."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.core.alerts import Alert, Cause
from gateway.core.events import Delivery, Event
from gateway.core.planning.account_alerts import SEVERITIES, TROUBLES, find_account_alert
from gateway.core.planning.batch import PlanningInput, plan
from gateway.core.webhook.parser import split
from tests.support.factories import NOW, a_message, bytes_of
from tests.support.rules.rulebooks import book

TEMPLATE = {"message_template_name": "order_shipped", "reason": "LOW_QUALITY"}
BANNED = {"ban_info": {"waba_ban_state": "DISABLE"}}
NUMBER = {"display_phone_number": "+1 555-000-1111", "requester": "351900000001"}


def notice(field: str, **value: Any) -> Event:
    (event,) = split(Delivery("0:1-0", NOW, bytes_of({"field": field, "value": value})))
    return event


@pytest.mark.parametrize(
    ("event", "kind", "detail"),
    [
        (notice("account_update", event="ACCOUNT_RESTRICTION"), "account", "ACCOUNT_RESTRICTION 1"),
        (notice("account_update", event="ACCOUNT_VIOLATION"), "account", "ACCOUNT_VIOLATION 1"),
        (notice("account_update", event="ACCOUNT_DELETED"), "account", "ACCOUNT_DELETED 1"),
        (notice("account_update", event="PARTNER_REMOVED"), "account", "PARTNER_REMOVED 1"),
        (
            notice("account_update", event="DISABLED_UPDATE", **BANNED),
            "account", "DISABLE 1",
        ),
        (notice("account_review_update", decision="REJECTED"), "account", "REJECTED 1"),
        (
            notice("account_alerts", alert_info={"alert_severity": "CRITICAL"}),
            "account", "CRITICAL 1",
        ),
        (notice("account_alerts", alert_severity="WARNING"), "standing", "WARNING 1"),
        (
            notice("message_template_status_update", event="PAUSED", **TEMPLATE),
            "template", "PAUSED order_shipped",
        ),
        (
            notice("message_template_status_update", event="REJECTED", **TEMPLATE),
            "template", "REJECTED order_shipped",
        ),
        (
            notice("message_template_quality_update", new_quality_score="RED", **TEMPLATE),
            "template", "RED order_shipped",
        ),
        (
            notice("template_category_update", new_category="MARKETING", **TEMPLATE),
            "template", "MARKETING order_shipped",
        ),
        (
            notice("phone_number_quality_update", event="FLAGGED", **NUMBER),
            "standing", "FLAGGED +1 555-000-1111",
        ),
        (
            notice("phone_number_name_update", decision="REJECTED", **NUMBER),
            "standing", "REJECTED +1 555-000-1111",
        ),
        (
            notice("security", event="PIN_CHANGED", **NUMBER),
            "security", "PIN_CHANGED +1 555-000-1111",
        ),
        (
            notice("business_capability_update", max_daily_conversation_per_phone=250),
            "standing", "250 1",
        ),
    ],
)  # fmt: skip
def test_trouble_of_the_account_is_an_alert(event: Event, kind: str, detail: str) -> None:
    alert = find_account_alert(event, NOW)

    assert alert
    assert (alert.cause, alert.severity) == (Cause(kind, detail), SEVERITIES[kind])
    assert re.fullmatch(r"[^{}]+ \(account 1(: [A-Z_]+)?\)\.", alert.title)


@pytest.mark.parametrize(
    "event",
    [
        notice("account_update", event="AD_ACCOUNT_LINKED"),
        notice("account_update", event="DISABLED_UPDATE", ban_info={"waba_ban_state": "REINSTATE"}),
        notice("account_review_update", decision="APPROVED"),
        notice("account_alerts", alert_info={"alert_severity": "INFORMATIONAL"}),
        notice("message_template_status_update", event="APPROVED", **TEMPLATE),
        notice("phone_number_quality_update", event="THROUGHPUT_UPGRADE", **NUMBER),
        notice("business_capability_update", max_daily_conversation_per_phone=1_000),
        notice("hologram_update", event="REJECTED"),
        a_message(raw={"event": "PAUSED"}),
    ],
)
def test_other_news_are_none(event: Event) -> None:
    assert find_account_alert(event, NOW) is None


@pytest.mark.parametrize(
    ("replayed", "days", "alerts"), [(True, 2, 0), (True, 0, 1), (False, 2, 1)]
)
def test_a_replayed_notice_alerts_no_longer_than_a_day_after_its_moment(
    replayed: bool, days: int, alerts: int
) -> None:
    event = replace(notice("account_review_update", decision="REJECTED"), replayed=replayed)

    found = find_account_alert(event, event.at + timedelta(days=days))

    assert (found is not None) == bool(alerts)


def test_the_alert_names_the_template_the_account_and_the_reason() -> None:
    event = notice("message_template_status_update", event="PAUSED", **TEMPLATE)

    alert = find_account_alert(event, NOW)

    assert alert
    assert alert.title == "Meta paused the template order_shipped (account 1: LOW_QUALITY)."


def test_news_about_a_partner_name_the_account_that_is_meant() -> None:
    event = notice("account_update", event="PARTNER_REMOVED", waba_info={"waba_id": "77"})

    alert = find_account_alert(event, NOW)

    assert alert
    assert alert.title == "The app has lost the WhatsApp account (account 77)."


@pytest.mark.parametrize("name", ["x" * 61, "a\nb", "{name}", "<b>"])
def test_a_name_that_meta_gives_no_template_is_not_shown(name: str) -> None:
    event = notice("message_template_status_update", event="PAUSED", message_template_name=name)

    alert = find_account_alert(event, NOW)

    assert alert
    assert name not in alert.title
    assert alert.cause.detail == "PAUSED 1"


@pytest.mark.parametrize("value", [None, [], "PAUSED", {"event": ["PAUSED"]}, {"event": None}])
def test_a_value_of_another_shape_is_none(value: Any) -> None:
    body = bytes_of({"field": "message_template_status_update", "value": value})
    (event,) = split(Delivery("0:1-0", NOW, body))

    assert find_account_alert(event, NOW) is None


def alerts(rules: str, event: Event, known: frozenset[str] = frozenset()) -> list[Alert]:
    found = plan(PlanningInput("", NOW, {}, known), [event], book(rules))
    return [alert for one in found.plans for alert in one.alerts]


def test_an_account_notice_is_an_alert_without_any_rule_and_once() -> None:
    event = notice("account_update", event="ACCOUNT_RESTRICTION")

    assert [one.cause.kind for one in alerts("- {name: hi, then: Hello}", event)] == ["account"]
    assert alerts("- {name: hi, then: Hello}", event, frozenset({event.key})) == []


def test_a_rule_may_add_an_alert_of_its_own() -> None:
    rules = "- {name: it, when: {field: account_update}, then: {alert: Look at the account.}}"
    event = notice("account_update", event="ACCOUNT_RESTRICTION")

    assert [one.cause.kind for one in alerts(rules, event)] == ["account", "rule"]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda one: f"{one.field} {one.path}")
def test_every_trouble_has_a_title_and_an_advice_in_whole_sentences(trouble: Any) -> None:
    assert trouble.title[0].isupper()
    assert not trouble.title.endswith(".")
    assert trouble.advice.endswith(".")
    assert ("{name}" in trouble.title) is bool(trouble.name)
