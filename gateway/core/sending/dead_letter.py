"""Dead letters: sends and events that the operator has to look at, and their filter."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

import orjson

from gateway.core.sending.error_codes import error_policy
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.core.text import sanitize

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
]
CAUSES: tuple[str, ...] = get_args(Cause)
KILLED_WORKER = "killed_worker"  # the error of an event that killed its workers
UNOPENED = "unopened"  # the reason of a send whose row or contact cannot be read

_ADVICE: Mapping[Cause, str] = {
    "refused": "Look at Meta's answer.",
    "gave_up": "Redrive it when Meta can be reached again.",
    "expired": "Redrive it if the customer still wants it: it waited for too long.",
    "failed_status": "Look at the status: Meta took it and could not deliver it.",
    "unconfirmed": "Ask the customer, or look at their phone: Meta may have had it.",
    "planning": "Mend the gateway or the rule as the trace says, then redrive it.",
    "killed_worker": "Mend what ends or hangs the worker before you redrive it.",
    "unreadable": "Look at its bytes; redrive it with a release that can read them, or drop it.",
    "aside": "Remove the obstacle that it names; it is tried again by itself.",
    "unopened": "Start the release that can read it and its contact, then redrive it.",
}
_DEFERRED_ADVICE: Mapping[str, str] = {
    "unopened": "Give the workers the encryption key or the release that it needs.",
    "unreadable": "Mend what is stored of the contact, or run the release that wrote it.",
    "failed": "Mend the store as the error says.",
    "contended": "Wait; if it stays, look for who else writes to this store.",
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
class DeferredDelivery(DeadLetterBase):
    """A delivery that was set aside: it is not dead, and workers try it again by themselves.

    It "died" when it was first set aside; `number` is "" if no worker could open it.
    """

    kept_at: datetime
    attempts: int
    first_error: Mapping[str, Any] = field(repr=False)
    last_error: Mapping[str, Any] = field(repr=False)
    last_at: datetime
    next_at: datetime

    @property
    def advice(self) -> str:
        """Say what to do about the reason."""
        kind = str(self.error.get("class"))
        return _DEFERRED_ADVICE.get(kind, _ADVICE["aside"])


Letter = DeadSend | DeadEvent | DeferredDelivery


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Conditions on dead letters; an empty one matches all."""

    number: str | None = None
    causes: frozenset[str] = frozenset()
    codes: frozenset[int] = frozenset()
    since: datetime | None = None
    until: datetime | None = None

    def matches(self, dead_letter: Letter) -> bool:
        """Say whether a dead letter of the right number and time has the causes and codes."""
        if self.causes and dead_letter.cause not in self.causes:
            return False
        return not self.codes or dead_letter.code in self.codes


def advice(cause: Cause, code: int | None) -> str:
    """Say what to do about a dead letter, by Meta's table if there is a code."""
    return _ADVICE[cause] if code is None else error_policy(code, 400).advice


def needs_operator(cause: Cause, code: int | None) -> bool:
    """Say whether the operator needs an alert; a problem of one customer can wait."""
    if cause not in ("refused", "failed_status"):
        return True
    return code is not None and error_policy(code, 400).alert


# A record that the worker cannot open; a contact or known events that it cannot read; a commit
# that the store refused; a contact that another process always changed first.
Kind = Literal["unopened", "unreadable", "failed", "contended"]
_NO_REASON = {"class": "untold", "reason": "no reason was written down"}


@dataclass(frozen=True, slots=True)
class DeferReason:
    """The reason why a delivery was set aside, and its number if that is known."""

    kind: Kind
    error: str = ""
    number: str = ""

    @property
    def reason(self) -> str:
        """Return the reason in words."""
        match self.kind:
            case "unopened":
                return f"a worker could not open it: {self.error}"
            case "unreadable":
                return (
                    f"a worker could not read what is stored of its contact: {sanitize(self.error)}"
                )
            case "failed":
                return f"the store refused its commit: {sanitize(self.error)}"
            case "contended":
                return "somebody else always changed its contact first"

    def pack(self) -> bytes:
        """Return the reason as it is stored."""
        fields = {"class": self.kind, "reason": self.reason, "number": self.number[:64]}
        return orjson.dumps(fields)


def read_deferred(
    delivery: str, tries: int, next_ms: float, first: str, last: str
) -> DeferredDelivery:
    """Read the stored state of a delivery that was set aside; a missing reason is ""."""
    kept_ms = int(delivery.partition(":")[2].partition("-")[0])
    first_at, first_error = _parse_note(first)
    last_at, last_error = _parse_note(last)
    return DeferredDelivery(
        id=delivery,
        number=last_error.get("number", ""),
        died_ms=first_at or kept_ms,
        cause="aside",
        code=None,
        error=last_error,
        kept_at=datetime_from_ms(kept_ms),
        attempts=tries,
        first_error=first_error,
        last_error=last_error,
        last_at=datetime_from_ms(last_at or kept_ms),
        next_at=datetime_from_ms(max(next_ms, last_at)),
    )


def _parse_note(text: str) -> tuple[int, Mapping[str, Any]]:
    at, _, error_json = text.partition(" ")
    return (int(at), orjson.loads(error_json)) if error_json else (0, _NO_REASON)
