"""The one way to Meta's Graph API: a request goes out, and what was seen of it comes back."""

import contextlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from gateway import __version__
from gateway.core.sending.response import Answer, Lost, NotConnected, Responded
from gateway.http_out.transport import Connections, limits

MAX_ANSWER_BYTES = 64 * 1024


class Graph:
    """Meta's Graph API as one token sees it; may be shared by threads, and made before a fork."""

    def __init__(self, base_url: str, version: str, token: str, *, total_s: float = 10) -> None:
        """Take where to post, with which token, and the time of one post."""
        self.use_token(token)
        self._root = f"{base_url.rstrip('/')}/{version}"
        self._headers = {
            "Content-Type": "application/json",
            "User-Agent": f"whatsapp-gateway/{__version__}",
            # Answers are short, and what is not compressed cannot grow when it is unpacked.
            "Accept-Encoding": "identity",
        }
        self._total_s = total_s
        self._connections = Connections()

    def use_token(self, token: str) -> bool:
        """Use another token from the next post on; say whether it is another one."""
        # Found out later, it would be told in an exception that quotes the whole header.
        if not (token.isascii() and token.isprintable() and " " not in token):
            raise ValueError("the access token holds characters that no HTTP header can carry")
        before, self._bearer = getattr(self, "_bearer", ""), f"Bearer {token}"
        return before != self._bearer

    def post_message(self, number: str, body: Mapping[str, Any]) -> Answer:
        """Post one message of our phone number id `number`, once, and say what was seen of it.

        Ends `total_s` after it began. Never repeats anything by itself.
        """
        try:
            request = self._request(number, orjson.dumps(dict(body)))
            # Straight to the transport: a client would add cookies and redirects, which would carry
            # the token elsewhere, and take as long again.
            with (
                self._connections.lend() as transport,
                contextlib.closing(transport.handle_request(request)) as response,
            ):
                return Responded(response.status_code, _read_body(response))
        # The reason is the kind of the error only: its text may quote the header or the address.
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return NotConnected(type(error).__name__)
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL) as error:
            return NotConnected(f"misconfigured: {type(error).__name__}")
        except httpx.HTTPError as error:
            return Lost(type(error).__name__)

    def close(self) -> None:
        """Close this process's connections; the next post opens new ones."""
        self._connections.close()

    def _request(self, number: str, content: bytes) -> httpx.Request:
        url = f"{self._root}/{quote(number, safe='')}/messages"
        headers = self._headers | {"Authorization": self._bearer}
        timeout = limits(self._total_s).as_dict()
        return httpx.Request(
            "POST", url, headers=headers, content=content, extensions={"timeout": timeout}
        )


def _read_body(response: httpx.Response) -> bytes:
    """Read the body up to the limit; where it is cut or late, the status decides without it."""
    body = bytearray()
    with contextlib.suppress(httpx.TransportError):
        for chunk in response.iter_raw():
            body += chunk
            if len(body) >= MAX_ANSWER_BYTES:
                break
    return bytes(body[:MAX_ANSWER_BYTES])
