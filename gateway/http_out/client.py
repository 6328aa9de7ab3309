"""Calls to addresses that the operator set: alerts, notifications and the heartbeat, never Meta.

Such an address may hold a token, so no text about a call contains it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

from gateway import __version__
from gateway.http_out.reasons import describe_error
from gateway.http_out.transport import DeadlineTransport, limits

TOTAL_S = 5.0


class CallReply(NamedTuple):
    """The answer to a call; `status` is None and `error` says why where none came."""

    status: int | None
    retry_after: str = ""
    error: str = ""

    @property
    def failure(self) -> str:
        """Return "" if the answer is a 2xx, and else the reason."""
        if self.status is None:
            return self.error
        return "" if 200 <= self.status < 300 else f"HTTP {self.status}"


def post(url: str, payload: dict[str, Any], total_s: float = TOTAL_S) -> str:
    """Post JSON once; return "" if the answer is a 2xx, and else the reason."""
    return _call("POST", url, total_s, json=payload).failure


def post_bytes(url: str, body: bytes, headers: Mapping[str, str], total_s: float) -> CallReply:
    """Post JSON that is bytes already, which its signature covers, once."""
    headers = {"Content-Type": "application/json", **headers}
    return _call("POST", url, total_s, content=body, headers=headers)


def ping(url: str, total_s: float = TOTAL_S) -> str:
    """Get an address once; return "" if the answer is a 2xx, and else the reason."""
    return _call("GET", url, total_s).failure


def _call(method: str, url: str, total_s: float, **content: Any) -> CallReply:
    """Make one call within the time limit; the status decides, so the body is not read.

    A redirect is not followed: it would send the content somewhere else. Each call has its own
    connection, which no fork can share.
    """
    try:
        with (
            httpx.Client(
                transport=DeadlineTransport(url),
                headers={"User-Agent": f"whatsapp-gateway/{__version__}"},
                follow_redirects=False,
                trust_env=False,
            ) as client,
            client.stream(method, url, timeout=limits(total_s), **content) as response,
        ):
            return CallReply(response.status_code, response.headers.get("Retry-After", ""))
    # Not the error's text, which may quote the address.
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        return CallReply(None, error=describe_error(error))
