"""HTTP of the second address: uvicorn's protocol, with bounds on heads.

The application starts at the end of a request's head, so it can refuse a request before the body
is read; whoever reads a body bounds its size and its time.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from gateway.web.api.problems import ApiError

WHOLE = "gateway.whole"  # among the extensions of a request whose body has arrived
MOST_HEAD_BYTES = 32 * 1024  # request line and headers
MOST_HEADERS = 100
HEAD_WITHIN_S = 10.0


class ApiHttpProtocol(HttpToolsProtocol):
    """One connection to the second address."""

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0  # since the parser last reported a whole head, or a part of a body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request, for a limited time."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was waited for."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the data; close the connection of a head that has no end."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """Begin a request; its head is waited for as well."""
        super().on_message_begin()
        self._await_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. Raises ValueError, which the parser answers with 400, for too many."""
        super().on_header(name, value)
        if len(self.headers) > MOST_HEADERS:
            raise ValueError("too many headers")

    def on_headers_complete(self) -> None:
        """Start the application."""
        self._stop_waiting()
        self._head_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Let whoever reads the body know that there is nothing to wait for."""
        super().on_message_complete()
        self.scope["extensions"] = {WHOLE: {}}

    def send_400_response(self, msg: str) -> None:
        """Answer a head that cannot be read as any other error of the API, and close."""
        problem = ApiError("malformed", msg).response()
        headers = [*problem.raw_headers, (b"connection", b"close")]
        lines = [STATUS_LINE[400], *(b"%s: %s\r\n" % header for header in headers), b"\r\n"]
        self.transport.write(b"".join(lines) + bytes(problem.body))
        self.transport.close()

    def _await_head(self) -> None:
        self._stop_waiting()
        self._head_timer = self.loop.call_later(HEAD_WITHIN_S, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
