"""Dead letters: sends and events that the operator has to look at, and their filter."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from gateway.core.sending.error_codes import error_policy
from gateway.core.storage.timestamps import datetime_from_ms

Cause = Literal[
    "refused",
    "gave_up",
    "expired",
    "failed_status",
    "unconfirmed",
    "planning",
    "killed_worker",
    "unreadable",
    "aside",
    "unopened",
    "not_received",
]
CAUSES: tuple[str, ...] = get_args(Cause)
KILLED_WORKER = "killed_worker"  # the error of an event that killed its workers
UNOPENED = "unopened"  # the reason of a send whose row or contact cannot be read

ADVICE: Mapping[Cause, str] = {
    "refused": "Look at Meta's answer.",
    "gave_up": "Redrive it when Meta can be reached again.",
    "expired": "Redrive it if the customer still wants it: it waited for too long.",
    "failed_status": "Look at the status: Meta took it and could not deliver it.",
    "unconfirmed": "Ask the customer, or look at their phone: Meta may have had it.",
    "planning": "Mend the gateway or the rule as the trace says, then redrive it.",
    "killed_worker": "Mend what ends or hangs the worker before you redrive it.",
    "unreadable": "Look at its bytes; redrive it with a release that can read them, or drop it.",
    "aside": "Remove the obstacle that it names; it is tried again by itself.",
    "not_received": "See in gateway forwards list how its receiver is; redrive it once it is well.",
    "unopened": "Start the release that can read it and its contact, then redrive it.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterBase:
    """An item that the operator has to look at."""

    id: str
    number: str
    died_ms: int
    cause: Cause
    code: int | None
    error: Mapping[str, Any] = field(repr=False)

    @property
    def at(self) -> datetime:
        """Return when it died."""
        return datetime_from_ms(self.died_ms)

    @property
    def advice(self) -> str:
        """Say what to do about it, by Meta's table if there is a code."""
        return advice(self.cause, self.code)


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """One step in the history of a send."""

    what: str
    at: datetime | None = None
    details: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadSend(DeadLetterBase):
    """A send that ended without reaching the customer, as far as is known."""

    lane: str = field(repr=False)
    priority: str
    rule: str
    record: str
    body: Mapping[str, Any] = field(repr=False)
    expires_at: datetime
    attempts: int
    redriven: int
    first_error: Mapping[str, Any] = field(repr=False)
    last_error: Mapping[str, Any] = field(repr=False)
    story: tuple[HistoryStep, ...] = field(repr=False)
    accepted: bool  # a status showed that Meta had it after all
    open: bool  # it is unknown whether Meta had one of its attempts
    fields: int  # of its row in the store: more of them mean that a status came since


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadEvent(DeadLetterBase):
    """An event that could not be planned or read; its neighbours had their effect."""

    key: str
    delivery: str
    item: int
    raw: Any = field(repr=False)
    trace: str = field(repr=False)
    attempts: int  # in how many deliveries its planning raised
    first_error: Mapping[str, Any] = field(repr=False)
    first_at: datetime
    size: int = 0  # of the unreadable bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadForward(DeadLetterBase):
    """An event that an application never received; its copy is what would be posted."""

    receiver: str
    contact: str = field(repr=False)
    place: str
    attempts: int
    has_copy: bool
    body: Any = field(repr=False)


def advice(cause: Cause, code: int | None) -> str:
    """Say what to do about a dead letter, by Meta's table if there is a code."""
    return ADVICE[cause] if code is None else error_policy(code, 400).advice


def needs_operator(cause: Cause, code: int | None) -> bool:
    """Say whether the operator needs an alert; a problem of one customer can wait."""
    if cause not in ("refused", "failed_status"):
        return True
    return code is not None and error_policy(code, 400).alert
