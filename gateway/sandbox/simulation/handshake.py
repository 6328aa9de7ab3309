"""The handshake by which Meta makes sure that a callback is the business's own."""

import asyncio
import secrets
from ipaddress import ip_address

import httpx

from gateway.sandbox.errors import INVALID, Refusal

CALLBACK_FAILED = 2200
_URI_MAX = 200
_QUOTED_MAX = 60


class Handshakes:
    """Asks callbacks for the handshake."""

    def __init__(self, within_s: float, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Take the time that a callback has; nothing is asked yet."""
        self._within_s = within_s
        self._client = httpx.AsyncClient(transport=transport, trust_env=False, timeout=within_s)

    async def refusal(self, uri: str, token: str) -> Refusal | None:
        """Ask a callback; give why Meta would not take it, or None."""
        if wrong := _address(uri):
            return wrong
        challenge = str(secrets.randbelow(10**10))
        query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": token}
        try:
            async with asyncio.timeout(self._within_s):
                answer = await self._client.get(httpx.URL(uri).copy_merge_params(query))
        except (TimeoutError, httpx.TimeoutException):
            return _failed("curl_errno = 28; curl_error = Operation timed out")
        except httpx.HTTPError:
            return _failed("curl_errno = 7; curl_error = Failed to connect")
        return _judged(answer, challenge)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _judged(answer: httpx.Response, challenge: str) -> Refusal | None:
    if answer.status_code != httpx.codes.OK:
        return _failed(
            f"HTTP Status Code = {answer.status_code}; HTTP Message = {answer.reason_phrase}"
        )
    if answer.text != challenge:
        received = answer.text[:_QUOTED_MAX]
        return _failed(
            f'Response does not match challenge, expected value="{challenge}", '
            f'received="{received}..."'
        )
    return None


def _address(uri: str) -> Refusal | None:
    try:
        url = httpx.URL(uri)
    except httpx.InvalidURL:
        url = httpx.URL("")
    secure = url.scheme == "https" or (url.scheme == "http" and _is_here(url.host))
    if not secure or len(uri) > _URI_MAX:
        return Refusal(INVALID, "", message="(#100) Invalid callback_url")
    return None


def _is_here(host: str) -> bool:
    """Tell whether a host is this machine: whoever plays has no certificate for it."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _failed(details: str) -> Refusal:
    message = f"(#2200) Callback verification failed with the following errors: {details}"
    return Refusal(CALLBACK_FAILED, "", 400, message=message)
