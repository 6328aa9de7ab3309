"""What is observed of one request to a stranger, and the reading of its bounded answer."""

from typing import NamedTuple

import httpx

from gateway.http_out.reasons import describe_error, is_local_shortage

LARGEST_ANSWER_BYTES = 64 * 1024
_LONGEST_HEADER = 200
# Raised before the first byte of the request has left.
_UNSENT = (
    httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError,
    httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError,
)  # fmt: skip


class Exchange(NamedTuple):
    """One request and its answer; `status` is None and `error` says why where no answer came.

    `flaw` says why the body must not be used: it is cut, too long or compressed. `is_sent` is
    False where nothing of the request has left, so that it may be made again whatever it does;
    `is_local` where this machine was the cause. `location` is where a redirect leads.
    """

    status: int | None
    body: bytes = b""
    content_type: str = ""
    retry_after: str = ""
    location: str = ""
    error: str = ""
    flaw: str = ""
    is_sent: bool = True
    is_local: bool = False

    @property
    def failure(self) -> str:
        """Return "" if the answer is a 2xx, and else the reason, without the address."""
        if self.status is None:
            return self.error
        if 300 <= self.status < 400:
            return f"HTTP {self.status}: a redirect is not followed, so write where it leads"
        return "" if 200 <= self.status < 300 else f"HTTP {self.status}"


def read_answer(response: httpx.Response) -> Exchange:
    """Read an answer up to 64 kB; what is cut or late keeps its status."""
    body, flaw = _read_body(response)
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        # Not unpacked: a few kilobytes can become gigabytes, and none was asked for.
        body, flaw = b"", "is compressed, although no compression was asked for"
    return Exchange(
        response.status_code,
        body,
        content_type=_header(response, "Content-Type"),
        retry_after=_header(response, "Retry-After"),
        location=response.headers.get("Location", ""),
        flaw=flaw,
    )


def describe_failure(error: Exception) -> Exchange:
    """Return the exchange of a request that has no answer; its text quotes no address."""
    return Exchange(
        None,
        error=describe_error(error),
        is_sent=not isinstance(error, _UNSENT),
        is_local=is_local_shortage(error),
    )


def _read_body(response: httpx.Response) -> tuple[bytes, str]:
    """Return what was read of the body, and why that is not all."""
    body = bytearray()
    try:
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > LARGEST_ANSWER_BYTES:
                return bytes(body[:LARGEST_ANSWER_BYTES]), "is longer than 64 kB"
    except httpx.TimeoutException:
        return bytes(body), "was not whole in time"
    except httpx.TransportError:
        return bytes(body), "broke off"
    return bytes(body), ""


def _header(response: httpx.Response, name: str) -> str:
    return str(response.headers.get(name, ""))[:_LONGEST_HEADER]
