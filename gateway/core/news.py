"""What a status tells of a send: how far it got, when, why it failed, and what it costs; pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.core.events import Status
from gateway.core.foreign import fit
from gateway.core.sends import RUNGS, News, from_callback

# Meta has given one error so far; a stranger who holds the secret may give a thousand.
MOST_ERRORS = 5
_PRICE = ("pricing_model", "type", "category")


def news_of(event: Status) -> News | None:
    """Return what a status tells, None where its word is no step of the ladder."""
    if RUNGS.get(event.status, 0) <= RUNGS["accepted"]:
        return None
    send, attempt = from_callback(event.callback)
    return News(
        send=send,
        attempt=attempt,
        wamid=event.id,
        stage=event.status,
        at=event.at,
        error=_failure(event) if event.status == "failed" else None,
        late=_kept_at(event) - event.at,
        participant=event.participant,
        pricing=_pricing(event.pricing),
    )


def _failure(event: Status) -> Mapping[str, Any]:
    """Keep Meta's errors, the first of them where the error of a send is looked for."""
    errors = [_error(error) for error in event.errors[:MOST_ERRORS]] or [{}]
    first = {**errors[0], "code": event.code, "source": "status"}
    return first | ({"more": errors[1:]} if len(errors) > 1 else {})


def _error(error: Mapping[str, Any]) -> dict[str, Any]:
    data = error.get("error_data")
    told = {
        "title": error.get("title"),
        "details": data.get("details") if isinstance(data, Mapping) else None,
        "fbtrace_id": error.get("fbtrace_id"),
    }
    kept: dict[str, Any] = {name: said for name, value in told.items() if (said := fit(value))}
    code = error.get("code")
    return kept | ({"code": code} if type(code) is int else {})


def _pricing(told: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if not told:
        return None
    price: dict[str, Any] = {name: said for name in _PRICE if (said := fit(told.get(name)))}
    billable = told.get("billable")
    return price | ({"billable": billable} if isinstance(billable, bool) else {}) or None


def _kept_at(event: Status) -> datetime:
    """Return when the event's delivery was kept, which its place tells."""
    milliseconds = event.delivery.partition(":")[2].partition("-")[0]
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
