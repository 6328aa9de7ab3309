"""Status updates: how far a send got, when, why it failed, and what it costs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_never

from gateway.core.events import Status
from gateway.core.sending.error_codes import error_policy
from gateway.core.sending.outcome import PROBE_AFTER_MS, THROUGHPUT
from gateway.core.sending.response import (
    Later,
    Paused,
    Refusal,
    Refused,
    TemplateStopped,
    WindowClosed,
    refusal_by_policy,
)
from gateway.core.sending.send import STATUS_RANK, FollowUp, StatusUpdate, parse_callback_data
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.core.text import sanitize

# Meta has sent one error so far; a stranger who has the secret may send a thousand.
MOST_ERRORS = 5
# A message that Meta could not deliver is not retried at once; each try also has its own backoff.
AGAIN_AFTER_MS = 30_000

_PRICE = ("pricing_model", "type", "category")


def read_status_update(event: Status) -> StatusUpdate | None:
    """Return the update from a status, None if its word has no status rank."""
    if STATUS_RANK.get(event.status, 0) <= STATUS_RANK["accepted"]:
        return None
    send, attempt = parse_callback_data(event.callback)
    refusal = _refusal(event) if event.status == "failed" else None
    return StatusUpdate(
        send=send,
        attempt=attempt,
        wamid=event.id,
        stage=event.status,
        at=event.at,
        error=_failure(event) if event.status == "failed" else None,
        refusal=refusal,
        follow_up=decide_follow_up(refusal),
        delay=_kept_at(event) - event.at,
        replayed=event.replayed,
        participant=event.participant,
        pricing=_pricing(event.pricing),
    )


def decide_follow_up(refusal: Refusal | None) -> FollowUp | None:
    """Decide what follows a failure that Meta reported by a status.

    Meta accepted the message and did not deliver it, so another attempt makes no duplicate.
    """
    match refusal:
        case None | Refused():
            return None
        case WindowClosed():
            return FollowUp("window", 0)
        case TemplateStopped():
            # Its next attempt waits with all others of the template.
            return FollowUp("later", AGAIN_AFTER_MS)
        case Paused():
            return FollowUp("paused", PROBE_AFTER_MS)
        case Later(code, _, scope, wait_s):
            wait_ms = int((wait_s or 0) * 1000) or AGAIN_AFTER_MS
            if scope in ("send", "pair"):
                return FollowUp("later" if scope == "send" else "pair", wait_ms)
            return FollowUp("slower" if code == THROUGHPUT else "rests", wait_ms)
        case _:
            assert_never(refusal)


def _refusal(event: Status) -> Refusal | None:
    """Return the refusal by the table used for responses; the HTTP status is not known here."""
    code = event.code
    return None if code is None else refusal_by_policy(error_policy(code, 400), code, "")


def _failure(event: Status) -> Mapping[str, Any]:
    """Keep Meta's errors, the first of them in the fields of a send's error."""
    errors = [_error(error) for error in event.errors[:MOST_ERRORS]] or [{}]
    first = {**errors[0], "code": event.code, "source": "status"}
    return first | ({"more": errors[1:]} if len(errors) > 1 else {})


def _error(error: Mapping[str, Any]) -> dict[str, Any]:
    data = error.get("error_data")
    fields = {
        "title": error.get("title"),
        "details": data.get("details") if isinstance(data, Mapping) else None,
        "fbtrace_id": error.get("fbtrace_id"),
    }
    kept: dict[str, Any] = {
        name: text for name, value in fields.items() if (text := sanitize(value))
    }
    code = error.get("code")
    return kept | ({"code": code} if type(code) is int else {})


def _pricing(pricing: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if not pricing:
        return None
    price: dict[str, Any] = {name: text for name in _PRICE if (text := sanitize(pricing.get(name)))}
    billable = pricing.get("billable")
    return price | ({"billable": billable} if isinstance(billable, bool) else {}) or None


def _kept_at(event: Status) -> datetime:
    """Return when the event's delivery was stored, from its id."""
    milliseconds = event.delivery.partition(":")[2].partition("-")[0]
    return datetime_from_ms(milliseconds)
