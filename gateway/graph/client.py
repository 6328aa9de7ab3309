"""The one way to Meta's Graph API: a request goes out, and what was seen of it comes back."""

import contextlib
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from gateway import __version__
from gateway.core.verdict import Answer, Lost, NotConnected, Responded
from gateway.graph.deadline import DeadlineTransport, limits

MAX_ANSWER_BYTES = 64 * 1024


class Graph:
    """Meta's Graph API as one token sees it; may be shared by threads, and made before a fork."""

    def __init__(
        self, base_url: str, version: str, token: str, *, connections: int = 64, total_s: float = 10
    ) -> None:
        """Take `connections`, at least as many as threads will post, and the time of one post."""
        self.use_token(token)
        self._root = f"{base_url.rstrip('/')}/{version}"
        self._headers = {
            "Content-Type": "application/json",
            "User-Agent": f"whatsapp-gateway/{__version__}",
            # Answers are short, and what is not compressed cannot grow when it is unpacked.
            "Accept-Encoding": "identity",
        }
        self._connections = connections
        self._total_s = total_s
        self._clients: dict[int, httpx.Client] = {}

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
        url = f"{self._root}/{quote(number, safe='')}/messages"
        content = orjson.dumps(dict(body))
        client = self._client()
        try:
            headers = {"Authorization": self._bearer}
            with client.stream(
                "POST", url, content=content, headers=headers, timeout=limits(self._total_s)
            ) as response:
                return Responded(response.status_code, _read(response))
        # The reason is the kind of the error only: its text may quote the header or the address.
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return NotConnected(type(error).__name__)
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL) as error:
            return NotConnected(f"misconfigured: {type(error).__name__}")
        except httpx.HTTPError as error:
            return Lost(type(error).__name__)

    def close(self) -> None:
        """Close this process's connections; the next post opens new ones."""
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            client.close()

    def _client(self) -> httpx.Client:
        """Return the client of this process.

        Two processes on one connection read each other's answers. A parent's client is kept and
        never used: closing it here would say goodbye on the parent's connections. `setdefault`
        instead of a lock, which could be held by another thread at the moment of a fork; who comes
        second throws away a client that has no connection yet.
        """
        process = os.getpid()
        client = self._clients.get(process)
        return client or self._clients.setdefault(process, self._opened())

    def _opened(self) -> httpx.Client:
        # A redirect would carry the token elsewhere, so none is followed.
        return httpx.Client(
            transport=DeadlineTransport(self._connections),
            headers=self._headers,
            follow_redirects=False,
            trust_env=False,
        )


def _read(response: httpx.Response) -> bytes:
    """Read the body up to the limit; where it is cut or late, the status decides without it."""
    body = bytearray()
    with contextlib.suppress(httpx.TransportError):
        for chunk in response.iter_raw():
            body += chunk
            if len(body) >= MAX_ANSWER_BYTES:
                break
    return bytes(body[:MAX_ANSWER_BYTES])
