"""What the checklist of `gateway tunnel` makes of what was seen through the public address; pure.

A line says what is so; a red one also what to change. `passing` says that a new tunnel may need a
moment more, so that it is worth looking again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

Tone = Literal["good", "odd", "bad", "wait"]

PLAN = (
    "ngrok's own guide for WhatsApp asks for its pay-as-you-go plan, because Meta looks at the "
    "domain and its certificate"
)
_INTERSTITIAL = b"ERR_NGROK_6024"
_NGROK_HEADER = "ngrok-error-code"
_GATEWAYS = frozenset({502, 503, 504, *range(520, 531)})
_MOVED = range(300, 400)


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the checklist; `advice` says what to change where it is not good."""

    name: str
    tone: Tone
    told: str
    advice: str = ""
    passing: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer as it came through the public address; status 0 is none, `kind` says why."""

    status: int = 0
    kind: str = ""
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # names in lower case

    @property
    def is_page(self) -> bool:
        """Say whether it is a page for people."""
        return "html" in self.headers.get("content-type", "")


def alive(seen: Seen) -> Check:
    """Judge what answers at /healthz."""
    if seen.status == 200 and seen.body.strip() == b"ok" and not seen.is_page:
        return Check("address", "good", "the gateway answers there")
    return _elsewhere("address", seen)


def handshake(seen: Seen, challenge: str) -> Check:
    """Judge the answer to a handshake such as Meta's."""
    if seen.status == 200 and seen.body == challenge.encode():
        return Check("handshake", "good", "answered as Meta wants it")
    if seen.status == 403 and not seen.body:
        told = "the gateway that answers there has another META_VERIFY_TOKEN"
        return Check("handshake", "bad", told, "Start it with the .env of this folder.")
    return _elsewhere("handshake", seen)


def posted(seen: Seen) -> Check:
    """Judge the answer to a signed delivery."""
    if seen.status == 200:
        return Check("self-test", "good", "a signed delivery was acknowledged")
    if seen.status == 401 and not seen.body:
        told = "the gateway there refuses the signature: it has another META_APP_SECRET"
        advice = "Start it with the .env of this folder; if it was, the tunnel changes bodies."
        return Check("self-test", "bad", told, advice)
    if seen.status == 503 and not seen.body:
        told = "the gateway there cannot keep a delivery now"
        return Check("self-test", "bad", told, "Its /readyz says why.", passing=True)
    return _elsewhere("self-test", seen)


def _elsewhere(name: str, seen: Seen) -> Check:
    """Say what answered instead of the gateway."""
    if not seen.status:
        told = f"nothing answers there ({seen.kind})"
        return Check(name, "bad", told, "Is the tunnel up, and its address right?", passing=True)
    return _ngrok(name, seen) or _login(name, seen) or _wrong(name, seen)


def _ngrok(name: str, seen: Seen) -> Check | None:
    """Say what ngrok tells of itself."""
    if _INTERSTITIAL in seen.body or _INTERSTITIAL.decode() == seen.headers.get(_NGROK_HEADER):
        advice = f"Note that {PLAN}; or give the address of another tunnel with --url."
        return Check(name, "bad", "ngrok's warning page for browsers answers", advice)
    found = re.fullmatch(r"ERR_NGROK_\d{1,6}", seen.headers.get(_NGROK_HEADER, ""))
    if not found:
        return None
    advice = f"https://ngrok.com/docs/errors/{found[0].lower()} says what it is."
    return Check(name, "bad", f"ngrok itself answers, with {found[0]}", advice, passing=True)


def _login(name: str, seen: Seen) -> Check | None:
    """Say that people are asked to log in, which Meta cannot."""
    if seen.status in _MOVED:
        told = f"it sends on to {_host(seen)}, and Meta follows nobody"
    elif seen.status in (401, 403, 407):
        told = f"it asks for a login (HTTP {seen.status})"
    elif seen.is_page and seen.status == 200:
        told = "a page for people answers, such as a login"
    else:
        return None
    advice = "Take away what stands before the gateway: Meta can log in nowhere."
    return Check(name, "bad", told, advice)


def _wrong(name: str, seen: Seen) -> Check:
    if seen.status in _GATEWAYS:
        told = f"the tunnel is there, and does not reach the gateway (HTTP {seen.status})"
        return Check(name, "bad", told, "Does it lead to the port of the gateway?", passing=True)
    told = f"something other than the gateway answers (HTTP {seen.status})"
    return Check(name, "bad", told, "Does the tunnel lead to the port of the gateway?")


def _host(seen: Seen) -> str:
    """Name where an answer sends on to, if it is fit to be shown."""
    try:
        host = urlsplit(seen.headers.get("location", "")).hostname or "another page"
    except ValueError:
        host = ""
    return host if re.fullmatch(r"[\w.:-]{1,100}|another page", host) else "another host"
