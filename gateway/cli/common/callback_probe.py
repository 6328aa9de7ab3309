"""What is asked through the public address, as Meta would: nothing follows a redirect.

Every answer has an end, since who is there is not known, and Ctrl-C waits for it.
"""

import secrets
from collections.abc import Mapping
from typing import Self

import httpx

from gateway import __version__
from gateway.cli.common.tunnel_address import WEBHOOK
from gateway.cli.common.tunnel_checks import Seen
from gateway.core.webhook.signature import HEADER, sign
from gateway.graph.transport import DeadlineTransport, limits

TIMEOUT_S = 10.0
MOST_BYTES = 4096


class Probe:
    """Asks one public address; whatever happens is an answer."""

    def __init__(self, url: str, total_s: float = TIMEOUT_S) -> None:
        """Take the address, without a path, and the time of one question."""
        self._total_s = total_s
        self._client = httpx.Client(
            base_url=url,
            transport=DeadlineTransport(),
            headers={
                "user-agent": f"whatsapp-gateway/{__version__}",
                # What stands between may compress, and answers are compared byte for byte.
                "accept-encoding": "identity",
            },
        )

    def __enter__(self) -> Self:
        """Use it for a while."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the connections back."""
        self._client.close()

    def alive(self) -> Seen:
        """Ask whether the gateway is there."""
        return self._ask("GET", "/healthz")

    def handshake(self, verify_token: str, address: str = WEBHOOK) -> tuple[Seen, str]:
        """Ask for the handshake; return the answer, and the challenge that it should be."""
        challenge = secrets.token_hex(16)
        asked = {"mode": "subscribe", "verify_token": verify_token, "challenge": challenge}
        query = {f"hub.{name}": value for name, value in asked.items()}
        return self._ask("GET", address, params=query), challenge

    def deliver(self, body: bytes, secret: bytes) -> Seen:
        """Post a delivery as Meta signs one."""
        headers = {"content-type": "application/json", HEADER: sign(body, secret)}
        return self._ask("POST", WEBHOOK, content=body, headers=headers)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Seen:
        try:
            with self._client.stream(
                method,
                path,
                params=params,
                content=content,
                headers=headers,
                timeout=limits(self._total_s),
            ) as answer:
                return Seen(answer.status_code, "", _read(answer), dict(answer.headers))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Seen(kind=type(error).__name__)


def _read(answer: httpx.Response) -> bytes:
    """Read as much as is needed to know whose answer it is."""
    body = bytearray()
    for chunk in answer.iter_raw():
        body += chunk
        if len(body) >= MOST_BYTES:
            break
    return bytes(body[:MOST_BYTES])
