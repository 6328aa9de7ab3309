"""What an attempt to reach Meta comes to, decided from what was seen of it (pure and total)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

import orjson

from gateway.core.codes import Scope, rule_of

_MAX_WAMID = 256
_MAX_TEXT = 300
# Meta's words may quote a phone number, in any spelling, or a token.
_PRIVATE = re.compile(r"\+?\d(?:[\s().-]{0,2}\d){6,}|[\w-]{32,}")


@dataclass(frozen=True, slots=True)
class Responded:
    """Somebody answered with a status; the body may be cut or missing."""

    status: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotConnected:
    """Nothing of the attempt can have reached Meta."""

    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """Meta may have read the request, and no status came back."""

    reason: str


Answer = Responded | NotConnected | Lost


@dataclass(frozen=True, slots=True)
class Accepted:
    """Meta took the message; `wamid` is "" where the answer named none."""

    wamid: str
    message_status: str


@dataclass(frozen=True, slots=True)
class Later:
    """Meta did not take it now; it may after at least `wait_s`, for all that `scope` reaches."""

    code: int | None
    reason: str
    scope: Scope
    wait_s: float | None
    details: str = ""


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """Nobody knows whether Meta took it; only evidence may tell."""

    reason: str


@dataclass(frozen=True, slots=True)
class Dead:
    """Meta refused, and will refuse the same again."""

    code: int | None
    reason: str
    details: str


Verdict = Accepted | Later | Unconfirmed | Dead


def verdict(answer: Answer) -> Verdict:
    """Judge one attempt by what was seen of it."""
    match answer:
        case Responded(status, body):
            return _accepted(body) if 200 <= status <= 299 else _refused(status, body)
        case NotConnected(reason):
            return Later(None, reason, "send", None)
        case Lost(reason):
            return Unconfirmed(reason)
        case _:
            assert_never(answer)


def _accepted(body: bytes) -> Accepted:
    """Read what can be read; a 2xx stands, because asking again might send twice."""
    match _parsed(body):
        case {"messages": [{"id": str(wamid), **more}, *_]} if len(wamid) <= _MAX_WAMID:
            return Accepted(wamid, _text(more.get("message_status")))
        case _:
            return Accepted("", "")


def _refused(status: int, body: bytes) -> Later | Unconfirmed | Dead:
    match _parsed(body):
        # True is an int to Python, and no code to Meta.
        case {"error": {"code": int(code)} as error} if not isinstance(code, bool):
            return _by_code(code, status, error)
        case _:
            # Also a redirect, or a 404 in HTML that a mistyped address gives: what is no Graph
            # error was said by something between us and Meta, which may have passed the request on.
            return Unconfirmed(f"HTTP {status} without a Graph error")


def _by_code(code: int, status: int, error: Mapping[str, Any]) -> Later | Dead:
    rule = rule_of(code, status)
    if rule.kind == "permanent":
        return Dead(code, rule.advice, _told(error))
    return Later(code, rule.advice, rule.scope, rule.wait_s, _told(error))


def _told(error: Mapping[str, Any]) -> str:
    """Keep Meta's details and its trace id; `message` is left out, for it may quote the token."""
    error_data = error.get("error_data")
    details = _text(error_data.get("details")) if isinstance(error_data, Mapping) else ""
    trace = _text(error.get("fbtrace_id"))
    return f"{details} (fbtrace_id {trace})".strip() if trace else details


def _text(value: object) -> str:
    """Make foreign text fit to be kept: one line, of bounded length, without what is private."""
    if not isinstance(value, str):
        return ""
    return _PRIVATE.sub("…", " ".join(value.split()))[:_MAX_TEXT]


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
