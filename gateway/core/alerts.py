"""Alerts to the operator: causes, and when each begins and ends.

A cause is true or not, however often it shows: a thousand refusals of one kind are one cause,
reported once when it begins and once when it ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal

from gateway.core.storage.timestamps import datetime_from_ms
from gateway.core.webhook.event_keys import digest, join

# A cause that comes and goes within this time lasts: its end is reported once it has been untrue
# for this long.
QUIET_MS = 60_000
FIRST_PAUSE_MS = 10_000
LONGEST_PAUSE_MS = 300_000
# An end that could not be reported for this long is dropped; a cause that lasts is retried for as
# long as it lasts.
GIVE_UP_MS = 86_400_000
# Far more than an operator reads, and a bound for what is stored.
MAX_ALERT_STATES = 200

Severity = Literal["warning", "critical"]
State = Literal["begun", "ended"]


# Kinds that are reported as all others, and are nothing wrong.
NEWS = frozenset({"campaign_completed"})


@dataclass(frozen=True, slots=True)
class Cause:
    """The reason of an alert: a kind, a detail such as Meta's code, and the number concerned.

    `account` is the name of the account, if it has one, where a whole account is concerned. A cause
    never names a customer or a send, so that causes stay few however much goes wrong.
    """

    kind: str
    detail: str = ""
    number: str = ""
    account: str = ""

    @property
    def key(self) -> str:
        """Return the key that two reports of the same cause share."""
        named = (self.account,) if self.account else ()
        return join(self.kind, self.detail, self.number, *named)


@dataclass(frozen=True, slots=True)
class Alert:
    """A cause in words for the operator: what is wrong, and what to do about it."""

    cause: Cause
    severity: Severity
    title: str
    advice: str

    @property
    def is_news(self) -> bool:
        """Say whether it reports that something is over, and nothing that is wrong."""
        return self.cause.kind in NEWS


@dataclass(frozen=True, slots=True)
class HealthProblem:
    """One thing that is wrong, and what to do about it.

    An alert begins with `text` and ends with the last one; what is only shown is in `observed`.
    """

    kind: str
    text: str
    advice: str
    number: str = ""
    detail: str = ""
    observed: str = ""
    severity: Severity = "critical"
    account: str = ""

    @property
    def alert(self) -> Alert:
        """Return the problem as an alert, whose cause is the same while the problem lasts."""
        cause = Cause(self.kind, self.detail, self.number, self.account)
        return Alert(cause, self.severity, self.text, self.advice)

    @property
    def sentence(self) -> str:
        """Say what is wrong now, and of which number."""
        about = f"Number {self.number}: " if self.number else ""
        if not self.observed:
            return about + self.text
        return f"{about}{self.text.removesuffix('.')} ({self.observed})."

    def __str__(self) -> str:
        """Say what is wrong now, and what to do about it."""
        return f"{self.sentence} {self.advice}".strip()


@dataclass(frozen=True, slots=True)
class AlertState:
    """One cause from its beginning until its end was reported."""

    id: str
    alert: Alert
    since_ms: int
    until_ms: int = 0  # since when it is no longer true, 0 while it is
    heard: bool = False  # the beginning was reported
    tries: int = 0  # to report the present state
    next_ms: int = 0  # not tried again before

    @property
    def state(self) -> State:
        """Return the state that is reported now, or was reported last."""
        return "ended" if self.heard and self.until_ms else "begun"

    def is_due(self, now_ms: int) -> bool:
        """Say whether a report is due now; an end only after its beginning was reported."""
        if not _has_passed(self.next_ms, now_ms, LONGEST_PAUSE_MS):
            return False
        ended = bool(self.until_ms) and _has_passed(self.until_ms + QUIET_MS, now_ms, QUIET_MS)
        return ended or not self.heard

    def is_over(self, now_ms: int, keep_ms: int = GIVE_UP_MS) -> bool:
        """Say whether the cause ended so long ago that its end need not be reported any more."""
        return bool(self.until_ms) and now_ms - self.until_ms >= max(keep_ms, QUIET_MS)

    def after_attempt(self, now_ms: int) -> "AlertState":
        """Return the state while a worker reports it; if the worker dies, it is retried later."""
        pause_ms = min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS << min(self.tries, 10))
        return replace(self, tries=self.tries + 1, next_ms=now_ms + pause_ms)

    def after_delivery(self) -> "AlertState | None":
        """Return the state once it was reported; None after its end, when nothing is left to do."""
        if self.state == "ended":
            return None
        return replace(self, heard=True, tries=0, next_ms=0)


def alert_changes(
    known: Mapping[str, AlertState], current: Mapping[str, Alert], now_ms: int
) -> dict[str, AlertState]:
    """Return causes that begin, end, are true again, or are in other words now, by their key."""
    changed = {key: _new_state(alert, now_ms) for key, alert in current.items() if key not in known}
    for key, one in known.items():
        if key not in current and not one.until_ms:
            changed[key] = replace(one, until_ms=now_ms)
        elif key in current and not (one.until_ms and one.heard and one.tries):
            # The end cannot have been reported yet, so there was none.
            lasting = replace(one, until_ms=0, alert=current[key])
            changed |= {key: lasting} if lasting != one else {}
    room = MAX_ALERT_STATES - len(known)
    new_keys = [key for key in changed if key not in known]
    return {key: one for key, one in changed.items() if key not in new_keys[max(0, room) :]}


def alert_payload(alert_state: AlertState, account: str = "") -> dict[str, Any]:
    """Return the body that is posted; chat programs show its `text`.

    `account` is the name of the account of the number, "" where it has none.
    """
    alert = alert_state.alert
    account = account or alert.cause.account
    ended = alert_state.state == "ended"
    return {
        "id": alert_state.id,
        "state": alert_state.state,
        "cause": alert.cause.kind,
        "detail": alert.cause.detail,
        "number": alert.cause.number,
        "severity": alert.severity,
        "title": alert.title,
        "advice": alert.advice,
        "since": _iso(alert_state.since_ms),
        "until": _iso(alert_state.until_ms) if ended else None,
        "text": _alert_text(alert_state, ended=ended),
        **({"account": account} if account else {}),
    }


def _has_passed(moment_ms: int, now_ms: int, longest_ms: int) -> bool:
    """Say whether a moment has come; one too far ahead is from a clock that stepped back."""
    return not now_ms < moment_ms <= now_ms + longest_ms


def _new_state(alert: Alert, now_ms: int) -> AlertState:
    return AlertState(f"{digest(alert.cause.key).hex()[:12]}-{now_ms}", alert, now_ms)


def _alert_text(alert_state: AlertState, *, ended: bool) -> str:
    alert = alert_state.alert
    about = f"Number {alert.cause.number}: " if alert.cause.number else ""
    if ended:
        lasted = timedelta(seconds=(alert_state.until_ms - alert_state.since_ms) // 1000)
        return f"Over after {lasted}: {about}{alert.title}"
    return f"{alert.severity.capitalize()}: {about}{alert.title} {alert.advice}"


def _iso(milliseconds: int) -> str:
    return datetime_from_ms(milliseconds).isoformat(timespec="seconds")
