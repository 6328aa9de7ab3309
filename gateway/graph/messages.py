"""Client of Meta's Graph API for messages: posts a request and returns what was observed of it."""

import contextlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from gateway import __version__
from gateway.accounts.account import GraphCredentials
from gateway.core.sending.response import Answer, Lost, NotConnected, Responded
from gateway.http_out.connection_pool import Connections
from gateway.http_out.reasons import describe_error, is_local_shortage
from gateway.http_out.transport import limits

MAX_ANSWER_BYTES = 64 * 1024


class Graph:
    """Graph API; may be shared by threads and by numbers, and created before a fork."""

    def __init__(self, base_url: str, *, total_s: float = 10) -> None:
        """Take the base URL, and the time limit of one post."""
        self._root = base_url.rstrip("/")
        self._headers = {
            "Content-Type": "application/json",
            "User-Agent": f"whatsapp-gateway/{__version__}",
            # Answers are short, and an uncompressed one cannot grow when it is unpacked.
            "Accept-Encoding": "identity",
        }
        self._total_s = total_s
        self._connections = Connections(base_url)

    def post_message(
        self, number: str, body: Mapping[str, Any], credentials: GraphCredentials
    ) -> Answer:
        """Post one message of our phone number id `number`, once; return what was observed of it.

        Ends `total_s` after it began. Never retries.
        """
        try:
            request = self._request(number, orjson.dumps(dict(body)), credentials)
            # Straight to the transport: a client would add cookies and redirects, which would send
            # the token elsewhere and take as long again.
            with (
                self._connections.lend() as transport,
                contextlib.closing(transport.handle_request(request)) as response,
            ):
                return Responded(response.status_code, _read_body(response))
        # Not the error's text, which may quote the header or the address. A proxy's error precedes
        # the request, since Meta is reached through a tunnel.
        except (
            httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError
        ) as error:  # fmt: skip
            return NotConnected(describe_error(error), is_local_shortage(error))
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL) as error:
            return NotConnected(f"misconfigured: {type(error).__name__}")
        except httpx.HTTPError as error:
            return Lost(type(error).__name__)

    def close(self) -> None:
        """Close this process's connections; the next post opens new ones."""
        self._connections.close()

    def _request(self, number: str, content: bytes, credentials: GraphCredentials) -> httpx.Request:
        url = f"{self._root}/{credentials.graph_version}/{quote(number, safe='')}/messages"
        if credentials.proof_secret:
            url += f"?appsecret_proof={appsecret_proof(credentials)}"
        headers = self._headers | {"Authorization": f"Bearer {credentials.token}"}
        timeout = limits(self._total_s).as_dict()
        return httpx.Request(
            "POST", url, headers=headers, content=content, extensions={"timeout": timeout}
        )


def appsecret_proof(credentials: GraphCredentials) -> str:
    """Return the proof that whoever has the token has the app's secret as well.

    https://developers.facebook.com/docs/graph-api/guides/secure-requests
    """
    token = credentials.token.encode()
    return hmac.digest(credentials.proof_secret, token, "sha256").hex()


def _read_body(response: httpx.Response) -> bytes:
    """Read the body up to the limit; if it is cut or late, the status alone decides."""
    body = bytearray()
    with contextlib.suppress(httpx.TransportError):
        for chunk in response.iter_raw():
            body += chunk
            if len(body) >= MAX_ANSWER_BYTES:
                break
    return bytes(body[:MAX_ANSWER_BYTES])
