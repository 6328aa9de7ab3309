"""Alerts about the account that every operator must hear, whether or not a rule asks for them.

Meta says each of these once, in a webhook: a ban, a template that it paused, a number that it
flagged. The names are Meta's:
https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from gateway.core.alerts import Alert, Cause, Severity
from gateway.core.events import Event, Notice
from gateway.core.webhook.customers import object_field, text_field

ACCOUNT, SECURITY, TEMPLATE, STANDING = "account", "security", "template", "standing"
# Meta says once that something of the account is wrong, and seldom that it is well again.
LASTS = timedelta(days=1)
SEVERITIES: Mapping[str, Severity] = {
    ACCOUNT: "critical", SECURITY: "critical", TEMPLATE: "warning", STANDING: "warning",
}  # fmt: skip
# Where a value says why, of whatever kind it is.
_REASONS = (
    "reason", "rejection_reason", "violation_info.violation_type", "alert_info.alert_type",
    "alert_type",
)  # fmt: skip
_NAME = re.compile(r"[\w.+ -]{1,60}", re.ASCII)
_ID = re.compile(r"[0-9]{1,30}")
_REASON = re.compile(r"(?!NONE$)[A-Z][A-Z0-9_]{2,60}")


class Trouble(NamedTuple):
    """News of Meta's that is an alert: where in the webhook it is, and what to say about it."""

    field: str
    path: str  # within the value, with dots
    values: frozenset[str]
    kind: str  # of the cause
    title: str
    advice: str
    name: str = ""  # path to the name of what it is about


def find_account_alert(event: Event, now: datetime) -> Alert | None:
    """Return the alert that a notice about the account is by itself, None if it is none.

    The alert of a notice that an operator replays is over a day after its moment.
    """
    if event.replayed and now - event.at > LASTS:
        return None
    if not isinstance(event, Notice) or not isinstance(event.raw, dict):
        return None
    for trouble in _BY_FIELD.get(event.field, ()):
        if (value := _text_at(event.raw, trouble.path)) in trouble.values:
            return _build_alert(trouble, value, event)
    return None


def _build_alert(trouble: Trouble, value: str, event: Notice) -> Alert:
    name = _text_at(event.raw, trouble.name) if trouble.name else ""
    name = name if _NAME.fullmatch(name) else ""
    # News about a partner come under the id of the partner's business.
    waba = _text_at(event.raw, "waba_info.waba_id") or event.waba
    account = waba if _ID.fullmatch(waba) else "without an id"
    reasons = (_text_at(event.raw, path) for path in _REASONS)
    reason = next((f": {word}" for word in reasons if _REASON.fullmatch(word)), "")
    cause = Cause(trouble.kind, f"{value} {name or account}")
    title = trouble.title.format(name=name or "whose name cannot be shown")
    return Alert(
        cause, SEVERITIES[trouble.kind], f"{title} (account {account}{reason}).", trouble.advice
    )


def _text_at(value: Mapping[str, Any], path: str) -> str:
    *holders, last = path.split(".")
    for name in holders:
        value = object_field(value, name)
    return text_field(value, last)


_SEE_QUALITY = "Look at the account's quality in Meta Business Suite, and ask for a review there."
_SECURE = "If it was none of you, secure the account in Meta Business Suite, and set a new PIN."
_LOWEST = frozenset({"0", "50", "250", "TIER_50", "TIER_250"})
_OF_TEMPLATES = "message_template_status_update"


def _account(values: str, title: str, advice: str = _SEE_QUALITY, path: str = "event") -> Trouble:
    return Trouble("account_update", path, frozenset(values.split()), ACCOUNT, title, advice)


def _template(values: str, title: str, advice: str) -> Trouble:
    words = frozenset(values.split())
    name = "message_template_name"
    return Trouble(_OF_TEMPLATES, "event", words, TEMPLATE, title, advice, name)


def _number(field: str, path: str, values: str, title: str, advice: str) -> Trouble:
    kind = SECURITY if field == "security" else STANDING
    return Trouble(
        field, path, frozenset(values.split()), kind, title, advice, "display_phone_number"
    )


def _limit(path: str) -> Trouble:
    return Trouble(
        "business_capability_update", path, _LOWEST, STANDING,
        "Meta lets you begin conversations with the fewest customers a day",
        "Verify the business, and see in Meta Business Suite how the limit rises.",
    )  # fmt: skip


def _account_alert(path: str, severity: str, kind: str) -> Trouble:
    return Trouble(
        "account_alerts", path, frozenset({severity}), kind,
        f"Meta has an alert about the account, of severity {severity}", _SEE_QUALITY,
    )  # fmt: skip


TROUBLES = (
    _account("DISABLE", "Meta banned the WhatsApp account", path="ban_info.waba_ban_state"),
    _account(
        "SCHEDULE_FOR_DISABLE", "Meta is going to ban the WhatsApp account",
        path="ban_info.waba_ban_state",
    ),
    _account("ACCOUNT_RESTRICTION", "Meta restricts the WhatsApp account"),
    _account("ACCOUNT_VIOLATION", "Meta says that the WhatsApp account broke a policy"),
    _account(
        "ACCOUNT_DELETED ACCOUNT_OFFBOARDED", "The WhatsApp account is gone from the platform",
        "Find out in Meta Business Suite who removed it; its numbers send nothing any more.",
    ),
    _account(
        "PARTNER_REMOVED PARTNER_APP_UNINSTALLED", "The app has lost the WhatsApp account",
        "Connect it again if that was not intended; nothing comes in from it any more.",
    ),
    Trouble(
        "account_review_update", "decision", frozenset({"REJECTED"}), ACCOUNT,
        "Meta's review rejected the WhatsApp account", _SEE_QUALITY,
    ),
    _account_alert("alert_info.alert_severity", "CRITICAL", ACCOUNT),
    _account_alert("alert_severity", "CRITICAL", ACCOUNT),
    _account_alert("alert_info.alert_severity", "WARNING", STANDING),
    _account_alert("alert_severity", "WARNING", STANDING),
    _number("security", "event", "PIN_CHANGED", "The PIN of number {name} was changed", _SECURE),
    _number(
        "security", "event", "PIN_RESET_REQUEST PIN_RESET_SUCCESS",
        "The two-step verification of number {name} is being reset", _SECURE,
    ),
    _template(
        "PAUSED", "Meta paused the template {name}",
        "Improve the template, or let rules send another one; sends of it wait meanwhile.",
    ),
    _template(
        "DISABLED", "Meta disabled the template {name}",
        "Let rules send another template: sends of this one wait, and expire.",
    ),
    _template(
        "REJECTED", "Meta rejected the template {name}",
        "Correct the template and submit it again, or ask for a review in Meta Business Suite.",
    ),
    _template(
        "FLAGGED LOCKED LIMIT_EXCEEDED", "Meta is about to stop the template {name}",
        "Look at the template in Meta Business Suite: customers may have reported it.",
    ),
    Trouble(
        "message_template_quality_update", "new_quality_score", frozenset({"RED"}), TEMPLATE,
        "Customers report the template {name}",
        "Improve the template, or send it to fewer customers: Meta pauses it next.",
        "message_template_name",
    ),
    Trouble(
        "template_category_update", "new_category",
        frozenset({"MARKETING", "UTILITY", "AUTHENTICATION"}), TEMPLATE,
        "Meta changed the category of the template {name}",
        "Look at what its messages cost now; marketing is not sent to customers who opted out.",
        "message_template_name",
    ),
    _number(
        "phone_number_quality_update", "event", "FLAGGED",
        "Meta flagged the quality of number {name}",
        "Write less and better for a week: otherwise Meta lowers the number's limit.",
    ),
    _number(
        "phone_number_quality_update", "event", "DOWNGRADE",
        "Meta lowered the messaging limit of number {name}",
        "Write less and better: the limit rises again with the quality.",
    ),
    _number(
        "phone_number_name_update", "decision", "REJECTED",
        "Meta rejected the display name of number {name}",
        "Choose another display name in Meta Business Suite.",
    ),
    _limit("max_daily_conversations_per_business"),
    _limit("max_daily_conversation_per_phone"),
)  # fmt: skip
_BY_FIELD: Mapping[str, tuple[Trouble, ...]] = {
    one.field: tuple(each for each in TROUBLES if each.field == one.field) for one in TROUBLES
}
