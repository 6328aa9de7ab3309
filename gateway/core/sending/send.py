"""Send: our intent to call Meta once, its stages and its ids."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal, NamedTuple

from gateway.core.sending.response import Refusal

REPLY, NOTICE, BULK = "reply", "notice", "bulk"
PRIORITIES = (REPLY, NOTICE, BULK)  # in the order in which tokens are offered to them
# Workers of this Celery queue work off the sends of a priority; those of default, the inbox.
QUEUE_OF: Mapping[str, str] = {REPLY: "critical", NOTICE: "critical", BULK: "bulk"}

# What to do if the customer has been silent for 24 hours: "" is a dead letter.
ClosedWindowAction = Literal["", "drop", "wait", "template"]

# Statuses never lower the rank; `failed` is below `delivered`, because a message that was
# delivered cannot fail any more. The scripts get these numbers.
STATUS_RANK: Mapping[str, int] = {
    "queued": 0,
    "attempting": 1,
    "unconfirmed": 2,
    "accepted": 3,
    "sent": 4,
    "failed": 5,
    "delivered": 6,
    "read": 7,
    "played": 8,
}

ID_LENGTH = 24  # characters of every id
# Not a digit of base32, of which all other ids are made.
ANSWERS_A_STATUS = "0"

_DAY = timedelta(days=1)
REPLY_LIFETIME = timedelta(hours=1)
BULK_LIFETIME = timedelta(hours=24)
REPEATABLE_LIFETIME = timedelta(minutes=5)
WAITING_LIFETIME = timedelta(days=7)  # of a send that may wait until its customer writes again
# From the post of a message on: files arrive later than texts, so a lane rests behind them.
DELIVERY_WAIT = timedelta(seconds=60)


class QuietSpan(NamedTuple):
    """The next quiet hours of a customer, which come again each day, at the same distance."""

    begins: datetime
    ends: datetime

    def end_at(self, now: datetime) -> datetime | None:
        """Return when the quiet hours of a moment end, None where it is in none."""
        days = (now - self.begins) // _DAY
        ends = self.ends + days * _DAY
        return ends if days >= 0 and now < ends else None


@dataclass(frozen=True, slots=True)
class Send:
    """One request to Meta as it was planned; `lane` is the contact whose sends are in order."""

    id: str
    lane: str = field(repr=False)
    priority: str
    body: Mapping[str, Any] = field(repr=False)
    expires_at: datetime
    repeatable: bool = False
    rule: str = ""
    record: str = ""
    due_at: datetime | None = None  # None means now
    marketing: bool = False
    closed: ClosedWindowAction = ""
    instead: Mapping[str, Any] | None = field(default=None, repr=False)  # body of the template
    delivery_wait: timedelta = timedelta(0)  # the lane rests for so long until Meta delivered it
    requested: bool = False  # by a client of the API, and not by a rule
    reference: str = ""  # the client's own name of it
    quiet: QuietSpan | None = None  # it waits while these last


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The step that follows a failed status, and after how many milliseconds."""

    step: Literal["later", "rests", "slower", "pair", "paused", "window"]
    wait_ms: int


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """Effect of a status webhook on a send: found by our callback data, or else by its wamid."""

    send: str
    attempt: str
    wamid: str
    stage: str
    at: datetime
    error: Mapping[str, Any] | None = None
    refusal: Refusal | None = None  # the meaning of its code, for a failure
    follow_up: FollowUp | None = None  # None if a failure is final
    delay: timedelta = timedelta(0)  # between the time that it reports and its arrival
    replayed: bool = False  # by the operator, so its delay says nothing about Meta's webhooks
    participant: str = field(default="", repr=False)  # of a group, whom it is about
    pricing: Mapping[str, Any] | None = None

    @property
    def status_rank(self) -> int:
        """Return the rank of this status."""
        return STATUS_RANK[self.stage]


def send_id(cause: str, rule: str, position: int) -> str:
    """Return the id of a rule's send, made from its cause alone: planning again gives the same."""
    # Length first, so that no rule's name can imitate another's.
    seed = f"{len(cause)}|{cause}|{len(rule)}|{rule}|{position}"
    return base64.b32encode(sha256(seed.encode()).digest()[:15]).decode().lower()


def answering_id(cause: str, rule: str, position: int) -> str:
    """Return the id of a send that answers a status, distinct from all other ids."""
    return ANSWERS_A_STATUS + send_id(cause, rule, position)[1:]


def answers_a_status(send: str) -> bool:
    """Say whether the send of this id answers a status: its own statuses are not answered again.

    Otherwise each failure of such a send would make the next, without end.
    """
    return send.startswith(ANSWERS_A_STATUS)


def callback_data(send: str, attempt: int) -> str:
    """Return a request's `biz_opaque_callback_data`, which every status repeats."""
    return f"{send}.{attempt}"


def parse_callback_data(text: str) -> tuple[str, str]:
    """Return send and attempt named by a status, ("", "") if the data is not ours."""
    send, dot, attempt = text.partition(".")
    ours = dot and len(send) == ID_LENGTH and send.isalnum() and attempt.isdecimal()
    return (send, attempt) if ours else ("", "")


def lifetime(priority: str, *, repeatable: bool, waits: bool = False) -> timedelta:
    """Return how long a send may be tried, or may wait for its customer to write."""
    if repeatable:
        return REPEATABLE_LIFETIME
    if waits:
        return WAITING_LIFETIME
    return REPLY_LIFETIME if priority == REPLY else BULK_LIFETIME
