"""Destination of webhooks: the app's callback, its overrides, and the subscribed apps.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/override
"""

import asyncio
import secrets
from dataclasses import dataclass, field
from ipaddress import ip_address

import httpx

from gateway.sandbox.config import AppConfig
from gateway.sandbox.errors import INVALID, Refusal
from gateway.sandbox.wire import Json

# Of the sandbox's webhooks, only messages and statuses may go elsewhere than to the app.
_OVERRIDABLE = frozenset({"messages"})
FIELDS = (
    "messages", "user_preferences", "phone_number_quality_update",
    "message_template_status_update", "message_template_quality_update",
    "message_template_components_update", "template_category_update",
)  # fmt: skip


@dataclass(slots=True)
class AppSetup:
    """Set-up of the app and its WhatsApp account; "" is no callback."""

    callback: str
    messaging_limit: str = ""
    fields: tuple[str, ...] = FIELDS
    subscribed: bool = True
    override: str = ""
    number_overrides: dict[str, str] = field(default_factory=dict)
    other_apps: dict[str, str] = field(default_factory=dict)  # Id to name.

    @classmethod
    def of(cls, config: AppConfig) -> "AppSetup":
        """Return an account that is set up completely, so that a simple trial needs no set-up."""
        return cls(config.webhook_url, config.messaging_limit)

    @property
    def is_listening(self) -> bool:
        """Return whether the app's callback may be overridden."""
        return self.subscribed and bool(self.callback) and "messages" in self.fields

    def uri_for(self, change: Json) -> str:
        """Return the address to which a change is posted now, "" if nowhere."""
        if not self.subscribed or change["field"] not in self.fields:
            return ""
        if change["field"] in _OVERRIDABLE:
            number = change["value"].get("metadata", {}).get("phone_number_id", "")
            return self.number_overrides.get(number) or self.override or self.callback
        return self.callback

    def show(self) -> Json:
        """Return all of it."""
        return {
            "callback": self.callback,
            "fields": list(self.fields),
            "subscribed": self.subscribed,
            "override": self.override,
            "number_overrides": self.number_overrides,
            "other_apps": self.other_apps,
        }


CALLBACK_FAILED = 2200
_URI_MAX = 200
_QUOTED_MAX = 60


class Handshakes:
    """Sends handshakes to callbacks."""

    def __init__(self, within_s: float, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Take the time that a callback has to answer; nothing is sent yet."""
        self._within_s = within_s
        self._client = httpx.AsyncClient(transport=transport, trust_env=False, timeout=within_s)

    async def refusal(self, uri: str, token: str) -> Refusal | None:
        """Send a handshake to a callback; return why Meta would refuse it, or None."""
        if address_refusal := _address_refusal(uri):
            return address_refusal
        challenge = str(secrets.randbelow(10**10))
        query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": token}
        try:
            async with asyncio.timeout(self._within_s):
                answer = await self._client.get(httpx.URL(uri).copy_merge_params(query))
        except (TimeoutError, httpx.TimeoutException):
            return _callback_refusal("curl_errno = 28; curl_error = Operation timed out")
        except httpx.HTTPError:
            return _callback_refusal("curl_errno = 7; curl_error = Failed to connect")
        return _challenge_refusal(answer, challenge)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _challenge_refusal(answer: httpx.Response, challenge: str) -> Refusal | None:
    if answer.status_code != httpx.codes.OK:
        return _callback_refusal(
            f"HTTP Status Code = {answer.status_code}; HTTP Message = {answer.reason_phrase}"
        )
    if answer.text != challenge:
        received = answer.text[:_QUOTED_MAX]
        return _callback_refusal(
            f'Response does not match challenge, expected value="{challenge}", '
            f'received="{received}..."'
        )
    return None


def _address_refusal(uri: str) -> Refusal | None:
    try:
        url = httpx.URL(uri)
    except httpx.InvalidURL:
        url = httpx.URL("")
    secure = url.scheme == "https" or (url.scheme == "http" and _is_here(url.host))
    if not secure or len(uri) > _URI_MAX:
        return Refusal(INVALID, "", message="(#100) Invalid callback_url")
    return None


def _is_here(host: str) -> bool:
    """Return whether a host is this machine: a trial there has no certificate for it."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _callback_refusal(details: str) -> Refusal:
    message = f"(#2200) Callback verification failed with the following errors: {details}"
    return Refusal(CALLBACK_FAILED, "", 400, message=message)
