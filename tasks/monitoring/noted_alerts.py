"""Alerts from a snapshot, and alerts noted where they happen because no snapshot shows them."""

import contextlib
from collections.abc import Iterable, Mapping
from datetime import timedelta

import structlog

from gateway.core.alerts import Alert, Cause
from gateway.core.planning.account_alerts import LASTS, SEVERITIES
from gateway.core.planning.batch import Plan
from gateway.core.sending.error_codes import error_policy
from gateway.store import keys, number_list
from gateway.store.monitoring import problems
from gateway.store.monitoring.account_problems import number_unassigned
from gateway.store.monitoring.alert_store import MOST_NOTED, record_alert
from gateway.store.monitoring.snapshot import Snapshot
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError
from gateway.store.sending.lanes import Damage

log = structlog.get_logger(__name__)

# An alert of a rule is over once no rule asked for it for so long.
RULE_ALERT_FOR = timedelta(minutes=5)
# It is noted again twice a second.
SILENT_FOR = timedelta(seconds=30)
# The list is tried again every ten minutes.
TEMPLATES_OLD_FOR = timedelta(minutes=30)
# Damaged keys are looked at again within five minutes.
DAMAGED_FOR = timedelta(minutes=10)
# It is noted again with each webhook.
UNASSIGNED_FOR = timedelta(minutes=10)
# A schedule may have one moment a day; its failures are counted with it as well.
SCHEDULES_FAILING_FOR = timedelta(hours=1)
# However many rules ask, and templates are rejected, half of the room is left for other alerts.
MOST_RULE_ALERTS = MOST_NOTED // 2
# Deliveries of one account may name any number: their alerts leave room for those of the others.
MOST_NUMBERS_NOTED = MOST_NOTED // 4

# Problems that only commands show: none wakes an operator, or it has an alert of its own.
UNALERTED = frozenset(
    {
        "any_dead_letters", "broadcasts_wait", "events_unreadable", "held", "number_damaged",
        "replies_stopped", "sends_ever_doubled", "store_unfit", "tick_late", "too_old_growing",
        "write_refused",
    }
)  # fmt: skip
SENDS_DOUBLED = problems.SENDS_DOUBLED.alert
# The longest pause between two attempts is an hour.
REFUSED_FOR = timedelta(minutes=70)
UNNAMED_FOR = timedelta(minutes=5)  # a worker looks once a minute
NOTIFY_REFUSED = Alert(
    Cause("notify_refused"),
    "warning",
    "The address of notifications refuses them.",
    "Look at GATEWAY_NOTIFY_URL, GATEWAY_NOTIFY_SECRET and whom the address belongs to; "
    "gateway trace shows each answer.",
)
NOTIFICATIONS_LOST = Alert(
    Cause("notifications_lost"),
    "critical",
    "Notifications were given up, and nobody received them.",
    "See in the logs (notification_posted) why the receiver did not take them; gateway trace of "
    "a customer shows theirs.",
)
CALLS_LOST = Alert(
    Cause("calls_lost"),
    "critical",
    "Calls of services were not made, because too many waited; the branch `failed` followed.",
    "More than 10,000 waited: is worker-outgoing running? gateway status says how many wait, and "
    "service_called in the logs how the services answer.",
)
HEARTBEAT_UNHEARD = Alert(
    Cause("heartbeat_unheard"),
    "warning",
    "The address of the heartbeat does not answer, though events do go the whole way.",
    "Look at GATEWAY_HEARTBEAT_URL and at whom it belongs to.",
)

BEAT_SILENT = Alert(
    Cause("beat_silent"),
    "warning",
    "No beat has led for a minute: workers do its most urgent work, and no canary flies.",
    "Start beat (celery -A tasks beat), or see in its log why it cannot ring.",
)


def find_alerts(snapshot: Snapshot) -> dict[str, Alert]:
    """Return every alert that a snapshot shows, by the key of its cause."""
    found = (one.alert for one in problems.find_problems(snapshot) if one.kind not in UNALERTED)
    return {alert.cause.key: alert for alert in found}


def refused_alert(code: int, number: str) -> Alert:
    """Return the alert about a refusal that ends by itself, but that the operator should know."""
    return Alert(
        Cause("refused", str(code), number),
        "warning",
        f"Meta refuses sends for now, with code {code}.",
        error_policy(code, 400).advice,
    )


def old_templates_alert(waba: str) -> Alert:
    """Return the alert that Meta has not given a list of templates for days, as it did before."""
    return Alert(
        Cause("templates_old", waba),
        "warning",
        "Meta has not given the list of templates for two days, so the one from before is used.",
        "See templates_not_fetched in the logs of worker-outgoing; gateway templates sync tries "
        "again.",
    )


def unassigned_number_alert(number: str) -> Alert:
    """Return the alert that customers write to a number that no account has."""
    return number_unassigned(number).alert


def foreign_number_alert(account: str, number: str) -> Alert:
    """Return the alert that webhooks of one account name a number of another."""
    return Alert(
        Cause("number_foreign", account, number),
        "warning",
        f"Webhooks that the account {account} signed name this number, which another account has, "
        "and are dropped.",
        "Unsubscribe that account's app from the WhatsApp account of the number, or find out who "
        "has its app secret.",
    )


def unnamed_receiver_alert(number: str, receiver: str) -> Alert:
    """Return the alert that events wait for a receiver that the rules no longer name."""
    return Alert(
        Cause("forward_unnamed", receiver, number),
        "warning",
        f"Events wait for {receiver}, which the rules no longer name.",
        f"Name it under forwards again, or end it: gateway forwards drop {receiver} makes dead "
        "letters of them.",
    )


def damaged_alert(what: str, number: str) -> Alert:
    """Return the alert that some of a number's sends are damaged, while all others go on."""
    return Alert(
        Cause("damaged", what, number),
        "warning",
        "Something that a number has to send cannot be read in the store; all else goes on.",
        "See store_damaged in the workers' logs; start the release that wrote it, or mend the key.",
    )


def failing_schedules_alert(number: str) -> Alert:
    """Return the alert that a schedule of a number made no send."""
    return Alert(
        Cause("schedules_failing", "", number),
        "warning",
        "A schedule of a number could not make its message.",
        "See schedule_failed in the workers' logs; correct the message, or give the number "
        "to an account.",
    )


def note_failing_schedules(store: Store, number: str) -> None:
    """Note that a schedule of a number made no send; an unavailable store learns of it later."""
    with contextlib.suppress(StoreUnavailableError, ScriptError):
        record_alert(store, failing_schedules_alert(number), SCHEDULES_FAILING_FOR)


def note_damaged_partitions(store: Store, damaged: Mapping[int, str]) -> None:
    """Log and note which partitions were left out, and why."""
    for index, why in damaged.items():
        log.error("partition_damaged", partition=index, why=why)
        with contextlib.suppress(StoreUnavailableError, ScriptError):
            record_alert(store, problems.partition_damaged(index).alert, DAMAGED_FOR)


def note_damage(store: Store, number: str, damages: Iterable[Damage]) -> None:
    """Count, log and note what was skipped; an unavailable store learns of it the next time."""
    kinds: dict[str, list[Damage]] = {}
    for one in damages:
        kinds.setdefault(one.kind, []).append(one)
    for what, group in kinds.items():
        log.error(
            "store_damaged", number=number, what=what, count=len(group), item=group[0].item,
            why=group[0].reason,
        )  # fmt: skip
        with contextlib.suppress(StoreUnavailableError, ScriptError):
            record_alert(store, damaged_alert(what, number), DAMAGED_FOR)
            number_list.increment_counter(store, keys.number(number), "sends.damaged", len(group))


def note_rule_alerts(store: Store, plans: Iterable[Plan]) -> None:
    """Note the alerts of rules and of account notices.

    It is done before the commit, since a repetition changes nothing.
    """
    alerts = {alert.cause.key: alert for contact_plan in plans for alert in contact_plan.alerts}
    for alert in alerts.values():
        lasts = LASTS if alert.cause.kind in SEVERITIES else RULE_ALERT_FOR
        most = MOST_NOTED if alert.severity == "critical" else MOST_RULE_ALERTS
        record_alert(store, alert, lasts, most)
