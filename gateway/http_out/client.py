"""Calls to addresses that the operator set: for alerts and the heartbeat, never to Meta.

Such an address may hold a token, so no text about a call contains it.
"""

from typing import Any

import httpx

from gateway import __version__
from gateway.http_out.reasons import describe_error
from gateway.http_out.transport import DeadlineTransport, limits

TOTAL_S = 5.0


def post(url: str, payload: dict[str, Any], total_s: float = TOTAL_S) -> str:
    """Post JSON once; return "" if the answer is a 2xx, and else the reason."""
    return _call("POST", url, total_s, json=payload)


def ping(url: str, total_s: float = TOTAL_S) -> str:
    """Get an address once; return "" if the answer is a 2xx, and else the reason."""
    return _call("GET", url, total_s)


def _call(method: str, url: str, total_s: float, **body: Any) -> str:
    """Make one call within the time limit; the status decides, so the body is not read.

    A redirect is not followed: it would send the content somewhere else. Calls are rare, so each
    has its own connection, which no fork can share.
    """
    try:
        with (
            httpx.Client(
                transport=DeadlineTransport(url),
                headers={"User-Agent": f"whatsapp-gateway/{__version__}"},
                follow_redirects=False,
                trust_env=False,
            ) as client,
            client.stream(method, url, timeout=limits(total_s), **body) as response,
        ):
            return "" if response.is_success else f"HTTP {response.status_code}"
    # Not the error's text, which may quote the address.
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        return describe_error(error)
