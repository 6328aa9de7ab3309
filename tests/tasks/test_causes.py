"""What is the matter is read from how everything stands, by table."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.core.alerts import Alert, Cause
from gateway.core.planning.account_alerts import SEVERITIES
from gateway.core.planning.effects import rule_alert
from gateway.core.planning.event import LOOP_ALERT
from gateway.core.sending.pauses import Hold, NumberPauses, Pause
from gateway.core.storage.ownership import StoreOwner
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store.monitoring.canary import Canary
from gateway.store.monitoring.number_state import LaneFigures
from gateway.store.monitoring.snapshot import DeadLetterGroup, Snapshot
from gateway.store.monitoring.too_old import TooOldEvents
from gateway.store.outgoing.receiver_states import ReceiverState
from gateway.store.planning.rulebooks import InForce
from gateway.store.redis.client import Store
from gateway.store.server.health import EVICTS, NO_DISK, NO_FILE, ServerHealth
from tasks.campaigns.alerts import completed_alert, paused_alert, unreadable_alert
from tasks.monitoring.noted_alerts import (
    BEAT_SILENT,
    CALLS_LOST,
    HEARTBEAT_UNHEARD,
    NOTIFICATIONS_LOST,
    NOTIFY_REFUSED,
    SENDS_DOUBLED,
    damaged_alert,
    failing_schedules_alert,
    find_alerts,
    foreign_number_alert,
    old_templates_alert,
    refused_alert,
    unassigned_number_alert,
    unnamed_receiver_alert,
)
from tasks.scheduled.schedule_entries import broken_alert
from tests.cli.test_status_view import IDLE, MB, NOW_MS, number, partition
from tests.cli.test_status_view import WELL as FINE
from tests.support.factories import NOW
from tests.support.store.campaigns import a_campaign

WELL = replace(FINE, ago_s={"watch": 5.0})
LATE_MS = NOW_MS - 61_000


def receiver(
    *, failures: int = 0, down_ms: int = 0, waits_days: float = 0, size: int = 0
) -> dict[str, Any]:
    """Give what a snapshot has of one receiver of forwards."""
    since = datetime_from_ms(NOW_MS - down_ms) if down_ms else None
    oldest = datetime_from_ms(NOW_MS - int(waits_days * 86_400_000)) if waits_days else None
    state = ReceiverState("1", "crm", 1, oldest, size, failures=failures, down_since=since)
    return {"receivers": (state,)}


TOO_OLD = TooOldEvents(
    {"message": 70}, LATE_MS, LATE_MS - 9_000_000, LATE_MS - 7_200_000, LATE_MS - 8_999_877, LATE_MS
)


def stopped(code: int) -> NumberPauses:
    return NumberPauses(Pause(NOW, NOW, {"code": code, "reason": "Renew the token."}))


def held(rule: str) -> NumberPauses:
    return NumberPauses(None, (Hold(rule, NOW, "why"),))


MATTERS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "nothing": ({}, set()),
    "no worker looks": ({"ago_s": {"watch": 61.0}}, {"workers_silent"}),
    "no worker has ever looked": ({"ago_s": {}}, {"workers_silent"}),
    "a delivery waits": (partition(oldest_ms=NOW_MS - 60_000), set()),
    "a delivery waits for long": (partition(oldest_ms=LATE_MS), {"deliveries_wait"}),
    "it waits as planning is stopped": (
        {"stopped_release": "1.0/v1", "partitions": (replace(IDLE, oldest_ms=LATE_MS),)},
        {"planning_stopped"},
    ),
    "the rules of an account stopped": ({"stopped_rules": "1.0/v1"}, {"rules_stopped"}),
    "a delivery waits beside rules that stopped": (
        {"stopped_rules": "1.0/v1", "partitions": (replace(IDLE, oldest_ms=LATE_MS),)},
        {"rules_stopped", "deliveries_wait"},
    ),
    "changed accounts cannot be used": (
        {"rulebooks": (InForce("v1", accounts_problem="accounts.yaml:4:9: wrong"),)},
        {"accounts_broken"},
    ),
    "a delivery was set aside": (partition(deferred=1), {"deliveries_aside"}),
    "a partition is damaged": (partition(damaged="WRONGTYPE"), {"partition_damaged 0"}),
    "a reply waits": (number(lanes={"reply": LaneFigures(1, 60.0)}), set()),
    "a reply waits for long": (number(lanes={"reply": LaneFigures(1, 61.0)}), {"replies_wait"}),
    "a notice waits": (number(lanes={"notice": LaneFigures(1, 600.0)}), set()),
    "a notice waits for long": (number(lanes={"notice": LaneFigures(1, 601.0)}), {"notices_wait"}),
    "a notice waits for a held number": (
        number(pauses=held(""), lanes={"notice": LaneFigures(1, 999.0)}), set(),
    ),
    "a broadcast waits for long": (
        number(lanes={"reply": LaneFigures(), "bulk": LaneFigures(1, 999.0)}), set(),
    ),
    "a notification waits": (number(notifications=1, oldest_notification_s=300.0), set()),
    "a notification waits for long": (
        number(notifications=1, oldest_notification_s=301.0), {"notifications_wait"},
    ),
    "an application is down for a moment": (receiver(failures=9, down_ms=300_000), set()),
    "an application is down": (receiver(failures=9, down_ms=301_000), {"forward_down crm"}),
    "an application waits for days": (receiver(waits_days=2.3), {"forwards_near_bound crm"}),
    "an application takes much room": (
        receiver(size=50 * MB) | {"health": ServerHealth(used_bytes=1, limit_bytes=600 * MB)},
        {"forwards_near_bound crm"},
    ),
    "an application takes much room with several numbers": (
        {
            "receivers": (
                ReceiverState("1", "crm", size=24 * MB), ReceiverState("2", "crm", size=25 * MB),
            ),
            "health": ServerHealth(used_bytes=1, limit_bytes=600 * MB),
        },
        {"forwards_near_bound crm"},
    ),
    "the token was refused": (
        number(pauses=stopped(code=190), lanes={"reply": LaneFigures(1, 999.0)}), {"paused 190"},
    ),
    "a person holds the number": (
        number(pauses=held(""), lanes={"reply": LaneFigures(1, 999.0)}), set(),
    ),
    "a person holds a rule": (
        number(pauses=held("colour"), lanes={"reply": LaneFigures(1, 999.0)}), {"replies_wait"},
    ),
    "messages were too old": (number(too_old=TOO_OLD), {"too_old"}),
    "messages were too old a moment ago": (
        number(too_old=replace(TOO_OLD, since=NOW_MS - 59_000)), set(),
    ),
    "a template is paused": (
        {"letters": {DeadLetterGroup("1", "refused", 132015): 5}}, {"dead_letters refused 132015"},
    ),
    "a canary is on its way": ({"canary": Canary(missing_s=150.0)}, set()),
    "two canaries are missing": ({"canary": Canary(missing_s=151.0)}, {"canary_overdue"}),
    "at sixty percent": ({"health": ServerHealth((), (), 60 * MB, 100 * MB)}, set()),
    "above sixty percent": ({"health": ServerHealth((), (), 61 * MB, 100 * MB)}, {"memory_short"}),
    "above 75 percent": (
        {"health": ServerHealth((), (), 76 * MB, 100 * MB)}, {"memory_short", "memory_full"},
    ),
    "the store was emptied": (
        {"owner": StoreOwner("id", emptied_ms=NOW_MS - 1)}, {"store_emptied"},
    ),
    "no file": ({"health": ServerHealth((), (str(NO_FILE),))}, {"no_append_only_file"}),
    "no disk": ({"health": ServerHealth((), (str(NO_DISK),))}, {"disk_not_written"}),
    "it evicts": ({"health": ServerHealth((), (str(EVICTS),))}, {"may_evict"}),
    "a customer cannot be reached": (
        {"letters": {DeadLetterGroup("1", "refused", 131026): 5}}, set(),
    ),
    "broken rules": (
        {"rulebooks": (InForce("v1", "a.yaml:4: wrong"), InForce("v2", "a.yaml:4: wrong"))},
        {"rules_broken"},
    ),
    "no rules": (
        {"rulebooks": (InForce("v0", has_files=False), InForce("v0", has_files=False))},
        {"rules_missing"},
    ),
    "two versions": ({"rulebooks": (InForce("v1"), InForce("v2"))}, set()),
    "a bug": ({"letters": {DeadLetterGroup("1", "planning"): 5}}, {"dead_letters planning"}),
    "two kinds of dead letters": (
        {
            "letters": {
                DeadLetterGroup("1", "planning"): 5,
                DeadLetterGroup("1", "gave_up", 131000): 900,
            }
        },
        {"dead_letters planning", "dead_letters gave_up 131000"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "found"), MATTERS.values(), ids=MATTERS)
def test_what_is_the_matter(fields: dict[str, Any], found: set[str]) -> None:
    told = [one.cause for one in find_alerts(replace(WELL, **fields)).values()]

    assert {f"{cause.kind} {cause.detail}".strip() for cause in told} == found


def a_reading(**fields: Any) -> Snapshot:
    return replace(WELL, **fields)


def test_a_cause_of_a_number_names_it_and_says_what_to_do() -> None:
    (alert,) = find_alerts(
        a_reading(letters={DeadLetterGroup("106", "gave_up", 131000): 9})
    ).values()

    assert alert.cause.number == "106"
    assert alert.advice.startswith("Meta does not know why")


def test_what_stops_a_whole_account_is_one_cause() -> None:
    both = tuple(replace(WELL.numbers[0], number=n, pauses=stopped(190)) for n in ("1", "2"))

    (alert,) = find_alerts(a_reading(numbers=both)).values()

    assert (alert.cause.number, alert.cause.detail) == ("", "190")
    assert alert.advice == "Renew the token. Sends wait, and go on by themselves."


def test_what_stops_a_number_is_a_cause_of_its_own() -> None:
    both = tuple(replace(WELL.numbers[0], number=n, pauses=stopped(131045)) for n in ("1", "2"))

    assert {one.cause.number for one in find_alerts(a_reading(numbers=both)).values()} == {"1", "2"}


def test_what_grows_is_the_same_cause() -> None:
    few, many = (
        find_alerts(a_reading(letters={DeadLetterGroup("1", "planning"): n})) for n in (1, 1_000)
    )

    assert few == many


def test_messages_that_were_too_old_are_one_alert_of_all_numbers() -> None:
    more = replace(TOO_OLD, counts={"message": 2, "status": 1}, newest=LATE_MS)
    both = tuple(
        replace(WELL.numbers[0], number=n, too_old=one) for n, one in (("1", TOO_OLD), ("2", more))
    )

    (alert,) = find_alerts(a_reading(numbers=both)).values()

    assert alert.cause.key == Cause("too_old").key
    assert alert.title == (
        "72 messages and 1 status of 2026-11-22 16:43 to 19:13 UTC were too old to be answered."
    )
    assert alert.advice == (
        "gateway replay dry-run --inbox --fresh --since 2026-11-22T16:43:59.123 --until "
        "2026-11-22T19:13:59.000 shows what rules would answer now, and docs/operations.md what "
        "else there is to do."
    )


@pytest.mark.parametrize(("ahead_s", "is_named"), [(61.0, True), (60.0, False), (-3_600.0, False)])
def test_a_clock_that_makes_messages_look_old_is_named(ahead_s: float, is_named: bool) -> None:
    (alert,) = find_alerts(a_reading(ahead_s=ahead_s, **number(too_old=TOO_OLD))).values()

    assert ("The clock of Redis is 1 min ahead" in alert.advice) is is_named


SPANS = {
    "one day": (0, 3_600_000, "2026-11-22 00:00 to 01:00 UTC"),
    "one minute": (0, 59_000, "2026-11-22 00:00 UTC"),
    "two days": (-60_000, 60_000, "2026-11-21 23:59 to 2026-11-22 00:01 UTC"),
}


@pytest.mark.parametrize(("begin", "end", "span"), SPANS.values(), ids=SPANS)
def test_the_span_of_what_was_too_old_has_the_day_where_that_changes(
    begin: int, end: int, span: str
) -> None:
    midnight = 1_795_305_600_000

    assert replace(TOO_OLD, oldest=midnight + begin, newest=midnight + end).span == span


@pytest.mark.store
def test_every_cause_is_in_the_table_of_the_docs(store: Store) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    alerts = page.partition("## Alerts")[2].partition("## The heartbeat")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (warning|critical) \|", alerts, re.MULTILINE))

    found = [
        SENDS_DOUBLED,
        HEARTBEAT_UNHEARD,
        NOTIFY_REFUSED,
        NOTIFICATIONS_LOST,
        CALLS_LOST,
        BEAT_SILENT,
        refused_alert(131048, "106"),
        LOOP_ALERT,
    ]
    found.append(damaged_alert("lane", "106"))
    found.append(unassigned_number_alert("106"))
    found.append(foreign_number_alert("shop", "106"))
    found.append(broken_alert("canary"))
    found.append(unnamed_receiver_alert("106", "crm"))
    found.append(old_templates_alert("102"))
    found.append(failing_schedules_alert("106"))
    found.append(unreadable_alert("abcdefghijkl", "106"))
    found += [Alert(Cause(kind), severity, "", "") for kind, severity in SEVERITIES.items()]
    campaign = a_campaign(store)
    found += [paused_alert(campaign), completed_alert(campaign)]
    found.append(rule_alert("a rule", "Somebody waits.", "106"))
    for fields, _ in MATTERS.values():
        found += find_alerts(a_reading(**fields)).values()
    assert rows == {alert.cause.kind: alert.severity for alert in found}
