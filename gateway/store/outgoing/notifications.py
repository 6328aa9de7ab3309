"""Notifications as they are stored: taken under a lease, settled, and read for a trace.

Every function may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson

from gateway.core.sending.notifications.notification import LASTS, Notification
from gateway.core.sending.notifications.post_outcome import PostOutcome
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.outgoing.traced_posts import TracedPost
from gateway.store.redis.client import Store
from gateway.store.sending.lanes import Damage, parse_damages
from gateway.store.sending.lookup import run_commands

# Longer than a post may last, and than it takes to settle it in a store far away.
LEASE_MS = 60_000
_LASTS_MS = int(LASTS.total_seconds() * 1000)


@dataclass(frozen=True, slots=True)
class NotificationAttempt:
    """A notification that is to be posted now; `payload` is posted as it is."""

    id: str
    attempt: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TakenNotifications:
    """The attempts that begin, how many more are due, and damaged items that rest."""

    now: datetime
    attempts: tuple[NotificationAttempt, ...]
    more: int
    damaged: tuple[Damage, ...]


def plan(store: Store, number: str, notification: Notification) -> None:
    """Let a notification be posted; one that was planned before stays as it is."""
    payload = orjson.dumps(notification.payload)
    verb = ["notification", 2, notification.id, payload]
    store.call("commit", keys.number(number), "", "", "", "", *verb)


def take(store: Store, number: str, most: int, kept: timedelta) -> TakenNotifications:
    """Begin attempts at notifications of a number that are due; no other worker has them now.

    Those that waited for three days are given up, also if `most` is 0, and can be read for `kept`.
    """
    now_ms, more, damaged, taken = store.call(
        "take_notifications", keys.number(number), most, LEASE_MS, _LASTS_MS, _whole_ms(kept)
    )
    attempts = zip(taken[::3], taken[1::3], taken[2::3], strict=True)
    return TakenNotifications(
        datetime_from_ms(now_ms),
        tuple(NotificationAttempt(id_.decode(), n, payload) for id_, n, payload in attempts),
        more,
        parse_damages(damaged),
    )


def settle(
    store: Store, number: str, attempt: NotificationAttempt, outcome: PostOutcome, kept: timedelta
) -> bool:
    """Record how an attempt ended; false where a later attempt decides what follows.

    What is left of a notification that was received or given up can be read for `kept`.
    """
    decision = [outcome.step, outcome.wait_ms, outcome.reason, _LASTS_MS, _whole_ms(kept)]
    args = [attempt.id, attempt.attempt, *decision]
    return bool(store.call("settle_notification", keys.number(number), *args))


def _whole_ms(kept: timedelta) -> int:
    return max(1, int(kept.total_seconds() * 1000))


class TracedNotification(TracedPost):
    """A notification; of one that ended `payload` has only the event and the rule."""


def read_notifications(
    store: Store, number: str, ids: Sequence[str]
) -> tuple[TracedNotification, ...]:
    """Return notifications by their ids, in that order."""
    prefix = keys.number(number)
    commands = [
        command
        for one in ids
        for command in (
            ("HGETALL", f"{prefix}notification:{one}"),
            ("ZSCORE", f"{prefix}notifications_due", one),
        )
    ]
    replies = run_commands(store, *commands) if commands else []
    rows = zip(ids, replies[::2], replies[1::2], strict=True)
    return tuple(TracedNotification.parse(one, row, due) for one, row, due in rows)
