"""Probe of the public address: sends what Meta would send, and follows no redirect.

Every request has a time limit, since the server is unknown and Ctrl-C waits for it.
"""

import ipaddress
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Self
from urllib.parse import SplitResult, urlsplit

import httpx

from gateway import __version__
from gateway.core.webhook.signature import HEADER, sign
from gateway.http_out.transport import DeadlineTransport, limits

WEBHOOK = "/webhook"
MOST_CALLBACK = 200  # "Maximum 200 characters", Meta's page on webhook overrides
# Domains of ngrok's free plan; paid plans use ngrok.app, ngrok.dev or the customer's own domain.
_FREE = re.compile(r"\.ngrok-free\.[a-z]+$|\.ngrok\.io$")
_INSIDE = (".local", ".internal", ".localhost")


def parse_public_address(text: str, graph_url: str) -> str | None:
    """Return a public address without its path, None if Meta could not post to it.

    This machine is accepted only if the Graph API is a stand-in on it too. The address is
    normalized, because a callback is cleared only if Meta reports the same one.
    """
    try:
        parts = urlsplit(text.strip())
        usual = ":443" if parts.scheme == "https" else ":80"
        origin = f"{parts.scheme}://{parts.netloc.lower().removesuffix(usual)}"
        host = parts.hostname or ""
        if parts.port == 0 or not host or not _is_whole(parts):
            return None
        here = is_here(host) and is_here(urlsplit(graph_url).hostname or "")
    except ValueError:
        return None
    if not (here or (parts.scheme == "https" and _is_public(host))):
        return None
    return origin if len(origin + WEBHOOK) <= MOST_CALLBACK else None


def is_free_ngrok(url: str) -> bool:
    """Return whether it is an address of ngrok's free plan."""
    return _FREE.search(urlsplit(url).hostname or "") is not None


def is_here(host: str) -> bool:
    """Return whether a host is this machine."""
    ip = _parse_ip(host)
    return ip.is_loopback if ip else host == "localhost"


def _is_whole(parts: SplitResult) -> bool:
    """Return whether it is the address of a server or of its webhook, and nothing more."""
    path = parts.path.rstrip("/").removesuffix(WEBHOOK)
    more = path or parts.query or parts.fragment or "@" in parts.netloc
    return parts.scheme in ("http", "https") and not more


def _is_public(host: str) -> bool:
    ip = _parse_ip(host)
    return ip.is_global if ip else "." in host and not host.endswith(_INSIDE)


def _parse_ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


TIMEOUT_S = 10.0
MOST_BYTES = 4096


Tone = Literal["good", "odd", "bad", "wait"]


@dataclass(frozen=True, slots=True)
class ProbeCheck:
    """One line of the checklist; `advice` says what to change if the check is not good."""

    name: str
    tone: Tone
    reason: str
    advice: str = ""
    passing: bool = False


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """Answer through the public address; status 0 means none, and `kind` says why."""

    status: int = 0
    kind: str = ""
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # names in lower case

    @property
    def is_page(self) -> bool:
        """Return whether it is an HTML page."""
        return "html" in self.headers.get("content-type", "")


class Probe:
    """Sends requests to one public address; every failure becomes a ProbeAnswer."""

    def __init__(self, url: str, total_s: float = TIMEOUT_S, path: str = WEBHOOK) -> None:
        """Take the address, the time limit of one request, and the path of the webhook."""
        self._total_s, self._path = total_s, path
        self._client = httpx.Client(
            base_url=url,
            transport=DeadlineTransport(url),
            headers={
                "user-agent": f"whatsapp-gateway/{__version__}",
                # A proxy on the way may compress, and answers are compared byte for byte.
                "accept-encoding": "identity",
            },
        )

    def __enter__(self) -> Self:
        """Return itself; leaving the context closes the connections."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._client.close()

    def request_health(self) -> ProbeAnswer:
        """Request /healthz."""
        return self._ask("GET", "/healthz")

    def request_handshake(self, verify_token: str, address: str = "") -> tuple[ProbeAnswer, str]:
        """Send a handshake; return the answer and the challenge that it should contain."""
        challenge = secrets.token_hex(16)
        fields = {"mode": "subscribe", "verify_token": verify_token, "challenge": challenge}
        query = {f"hub.{name}": value for name, value in fields.items()}
        return self._ask("GET", address or self._path, params=query), challenge

    def post_delivery(self, body: bytes, secret: bytes) -> ProbeAnswer:
        """Post a delivery signed as Meta signs it."""
        headers = {"content-type": "application/json", HEADER: sign(body, secret)}
        return self._ask("POST", self._path, content=body, headers=headers)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> ProbeAnswer:
        try:
            with self._client.stream(
                method,
                path,
                params=params,
                content=content,
                headers=headers,
                timeout=limits(self._total_s),
            ) as answer:
                return ProbeAnswer(answer.status_code, "", _read(answer), dict(answer.headers))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return ProbeAnswer(kind=type(error).__name__)


def _read(answer: httpx.Response) -> bytes:
    """Read enough of the body to recognize which server answered."""
    body = bytearray()
    for chunk in answer.iter_raw():
        body += chunk
        if len(body) >= MOST_BYTES:
            break
    return bytes(body[:MOST_BYTES])


NGROK_PLAN_NOTE = (
    "ngrok's own guide for WhatsApp asks for its pay-as-you-go plan, because Meta looks at the "
    "domain and its certificate"
)
_INTERSTITIAL = b"ERR_NGROK_6024"
_NGROK_HEADER = "ngrok-error-code"
_GATEWAYS = frozenset({502, 503, 504, *range(520, 531)})
_REDIRECTS = range(300, 400)


def check_health(answer: ProbeAnswer) -> ProbeCheck:
    """Judge the answer of /healthz."""
    if answer.status == 200 and answer.body.strip() == b"ok" and not answer.is_page:
        return ProbeCheck("address", "good", "the gateway answers there")
    return _check_other_server("address", answer)


def check_handshake(answer: ProbeAnswer, challenge: str) -> ProbeCheck:
    """Judge the answer to a handshake such as Meta's."""
    if answer.status == 200 and answer.body == challenge.encode():
        return ProbeCheck("handshake", "good", "answered as Meta wants it")
    if answer.status == 403 and not answer.body:
        problem = "the gateway that answers there has another META_VERIFY_TOKEN"
        return ProbeCheck("handshake", "bad", problem, "Start it with the .env of this folder.")
    return _check_other_server("handshake", answer)


def check_delivery(answer: ProbeAnswer) -> ProbeCheck:
    """Judge the answer to a signed delivery."""
    if answer.status == 200:
        return ProbeCheck("self-test", "good", "a signed delivery was acknowledged")
    if answer.status == 401 and not answer.body:
        problem = "the gateway there refuses the signature: it has another META_APP_SECRET"
        advice = "Start it with the .env of this folder; if it was, the tunnel changes bodies."
        return ProbeCheck("self-test", "bad", problem, advice)
    if answer.status == 503 and not answer.body:
        problem = "the gateway there cannot keep a delivery now"
        return ProbeCheck("self-test", "bad", problem, "Its /readyz says why.", passing=True)
    return _check_other_server("self-test", answer)


def _check_other_server(name: str, answer: ProbeAnswer) -> ProbeCheck:
    """Describe the server that answered instead of the gateway."""
    if not answer.status:
        problem = f"nothing answers there ({answer.kind})"
        return ProbeCheck(
            name, "bad", problem, "Is the tunnel up, and its address right?", passing=True
        )
    return (
        _check_ngrok(name, answer)
        or _check_login_page(name, answer)
        or _check_wrong_server(name, answer)
    )


def _check_ngrok(name: str, answer: ProbeAnswer) -> ProbeCheck | None:
    """Describe an error page of ngrok."""
    if _INTERSTITIAL in answer.body or _INTERSTITIAL.decode() == answer.headers.get(_NGROK_HEADER):
        advice = f"Note that {NGROK_PLAN_NOTE}; or give the address of another tunnel with --url."
        return ProbeCheck(name, "bad", "ngrok's warning page for browsers answers", advice)
    code = re.fullmatch(r"ERR_NGROK_\d{1,6}", answer.headers.get(_NGROK_HEADER, ""))
    if not code:
        return None
    advice = f"https://ngrok.com/docs/errors/{code[0].lower()} says what it is."
    return ProbeCheck(name, "bad", f"ngrok itself answers, with {code[0]}", advice, passing=True)


def _check_login_page(name: str, answer: ProbeAnswer) -> ProbeCheck | None:
    """Report a login page, where Meta cannot log in."""
    if answer.status in _REDIRECTS:
        problem = f"it sends on to {_redirect_host(answer)}, and Meta follows nobody"
    elif answer.status in (401, 403, 407):
        problem = f"it asks for a login (HTTP {answer.status})"
    elif answer.is_page and answer.status == 200:
        problem = "a page for people answers, such as a login"
    else:
        return None
    advice = "Take away what stands before the gateway: Meta can log in nowhere."
    return ProbeCheck(name, "bad", problem, advice)


def _check_wrong_server(name: str, answer: ProbeAnswer) -> ProbeCheck:
    if answer.status in _GATEWAYS:
        problem = f"the tunnel is there, and does not reach the gateway (HTTP {answer.status})"
        return ProbeCheck(
            name, "bad", problem, "Does it lead to the port of the gateway?", passing=True
        )
    problem = f"something other than the gateway answers (HTTP {answer.status})"
    return ProbeCheck(name, "bad", problem, "Does the tunnel lead to the port of the gateway?")


def _redirect_host(answer: ProbeAnswer) -> str:
    """Return the host to which an answer redirects, if it is safe to show."""
    try:
        host = urlsplit(answer.headers.get("location", "")).hostname or "another page"
    except ValueError:
        host = ""
    return host if re.fullmatch(r"[\w.:-]{1,100}|another page", host) else "another host"
