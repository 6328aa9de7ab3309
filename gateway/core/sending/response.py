"""Response to an attempt to reach Meta, classified as a verdict; total."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, assert_never

import orjson

from gateway.core.sending.error_codes import ErrorPolicy, Scope, error_policy
from gateway.core.text import sanitize
from gateway.core.webhook.customers import integer

_MAX_WAMID = 256
# How long a number rests if this machine could not open a connection for it.
LOCAL_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Responded:
    """A server answered with a status; the body may be cut or missing."""

    status: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotConnected:
    """Nothing of the attempt can have reached Meta; `is_local` if this machine is the cause."""

    reason: str
    is_local: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """Meta may have read the request, and no status came back."""

    reason: str


Answer = Responded | NotConnected | Lost


@dataclass(frozen=True, slots=True)
class Accepted:
    """Meta accepted the message; `wamid` is "" if the response named none."""

    wamid: str
    message_status: str


@dataclass(frozen=True, slots=True)
class Later:
    """Meta did not accept it now; it may after at least `wait_s`, for all in `scope`."""

    code: int | None
    reason: str
    scope: Scope
    wait_s: float | None
    details: str = ""


@dataclass(frozen=True, slots=True)
class Paused:
    """Meta accepts nothing from the number or account until the operator fixes the code's cause."""

    code: int
    reason: str
    scope: Scope
    details: str


@dataclass(frozen=True, slots=True)
class WindowClosed:
    """The customer has been silent for 24 hours: only a template reaches them."""

    reason: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class TemplateStopped:
    """Meta has stopped the message's template, and may send it again later."""

    code: int
    reason: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class CustomerQuiet:
    """It is quiet for the customer until a moment; nothing was posted."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """It is unknown whether Meta accepted it; only evidence can show it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Meta refused, and will refuse the same again; `opted_out` if the customer asked for it."""

    code: int | None
    reason: str
    details: str
    opted_out: bool = False


Refusal = Later | Paused | WindowClosed | TemplateStopped | Refused
Verdict = Accepted | Unconfirmed | CustomerQuiet | Refusal


def classify_response(answer: Answer) -> Verdict:
    """Return the verdict on one attempt from its response."""
    match answer:
        case Responded(status, body):
            return _read_accepted(body) if 200 <= status <= 299 else _classify_error(status, body)
        case NotConnected(reason, is_local=True):
            # It never began, so it is no try of its send.
            return Later(None, reason, "number", LOCAL_WAIT_S)
        case NotConnected(reason):
            return Later(None, reason, "send", None)
        case Lost(reason):
            return Unconfirmed(reason)
        case _:
            assert_never(answer)


def _read_accepted(body: bytes) -> Accepted:
    """Read what can be read; a 2xx counts as accepted, because posting again might send twice."""
    match _parse_json(body):
        case {"messages": [{"id": str(wamid), **more}, *_]} if len(wamid) <= _MAX_WAMID:
            return Accepted(wamid, sanitize(more.get("message_status")))
        case _:
            return Accepted("", "")


def _classify_error(status: int, body: bytes) -> Verdict:
    match _parse_json(body):
        # True is an int in Python, but no code of Meta's.
        case {"error": {"code": int(code)} as error} if not isinstance(code, bool):
            subcode, message = integer(error.get("error_subcode")), str(error.get("message"))
            policy = error_policy(code, status, subcode, message)
            return refusal_by_policy(policy, code, _error_details(error))
        case _:
            # Also a redirect, or a 404 in HTML from a mistyped address: an error not in Graph's
            # form comes from a server between us and Meta, which may have forwarded the request.
            return Unconfirmed(f"HTTP {status} without a Graph error")


def refusal_by_policy(policy: ErrorPolicy, code: int, details: str) -> Refusal:
    """Return the refusal that the table gives for a code."""
    match policy.kind:
        case "again" | "later":
            return Later(code, policy.advice, policy.scope, policy.wait_s, details)
        case "pause":
            return Paused(code, policy.advice, policy.scope, details)
        case "window":
            return WindowClosed(policy.advice, details)
        case "template":
            return TemplateStopped(code, policy.advice, details)
        case "never" | "opted_out":
            return Refused(code, policy.advice, details, opted_out=policy.kind == "opted_out")
        case _:
            assert_never(policy.kind)


def _error_details(error: Mapping[str, Any]) -> str:
    """Keep Meta's details and trace id; `message` is left out because it may quote the token."""
    error_data = error.get("error_data")
    details = sanitize(error_data.get("details")) if isinstance(error_data, Mapping) else ""
    trace = sanitize(error.get("fbtrace_id"))
    return f"{details} (fbtrace_id {trace})".strip() if trace else details


def _parse_json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
