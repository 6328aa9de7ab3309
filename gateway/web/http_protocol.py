"""HTTP from strangers: uvicorn's protocol, with bounds on everything that it buffers or waits for.

The application starts once a request is complete, so a request that is slow, large or endless costs
only its bytes, and those are counted. Refusals made here are answered and counted here.
"""

import asyncio
from collections import deque
from functools import partial
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from gateway.web.connections import Door, Phase
from gateway.web.refusals import REASONS
from gateway.web.request_limits import ConnectionLimits

# A request costs about as much in addition to its own bytes.
REQUEST_BYTES = 4096
LARGE_PIECE = 16 * 1024


class _RefusedError(Exception):
    """Stops the parser: the connection has its last answer already."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection. The application's lifespan must yield a Door as `door`."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: Any = None,
    ) -> None:
        """Take uvicorn's arguments."""
        super().__init__(config, server_state, app_state, _loop)
        self.door: Door = app_state["door"]
        self.phase = Phase.SILENT
        self.deadline = 0.0
        self.limits: ConnectionLimits = self.door.bounds.webhook
        self._arriving = Phase.SILENT  # HEAD or BODY while a request is not whole
        self._unparsed_bytes = 0  # bytes since the parser last called back
        self._received_bytes = (
            0  # bytes of the request that arrives, and of the end of the one before
        )
        self._parts: list[bytes] = []  # of the arriving body; a growing buffer costs twice
        self._size = 0  # of these
        self._unverified_bytes = 0  # unverified bytes of the request that arrives
        self._pending_sizes: deque[int] = deque()  # those of each whole request that is not started
        self._unanswered = 0  # whole requests
        self._has_begun = False  # a request has begun, this one or one before
        self._input_ended = False  # nothing is read any more
        self._is_stopping = False  # the process ends after this request
        self._final_response = b""
        self._drains_input = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Register with the door, or be refused if every other connection is being answered."""
        super().connection_made(transport)
        self.deadline = self.loop.time() + self.limits.head_s
        if not self.door.enter(self):
            self.refuse("crowded")

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the door; a request that broke off may have been a delivery."""
        super().connection_lost(exc)
        if self._arriving is not Phase.SILENT and not self._input_ended:
            self.door.report("disconnected", self._may_be_delivery())
        self._input_ended = True
        self.door.unverified -= self._unverified_bytes + sum(self._pending_sizes)
        self.door.leave(self)

    def data_received(self, data: bytes) -> None:
        """Parse the data, as long as it stays within the limits."""
        if self._input_ended:
            self._discard(len(data))
            return
        self._unparsed_bytes += len(data)
        self._received_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._unparsed_bytes = (
                0  # We offer no upgrade, so it is answered as the plain request that it also is.
            )
        except httptools.HttpParserError:
            if not self._input_ended:
                self.refuse("malformed")
            return
        self._check_limits(len(data))

    def _check_limits(self, size: int) -> None:
        if self._unparsed_bytes > self.limits.head_bytes:
            self.refuse("head_too_large")
        elif self._arriving is Phase.HEAD:
            self._add_unverified(size)
        if not self._input_ended:
            self._update_phase()
        if self.phase is Phase.BODY and size >= LARGE_PIECE:
            self.flow.pause_reading()
            self.door.read_later(self)

    def read_on(self) -> None:
        if not self._input_ended and not self.transport.is_closing():
            self.flow.resume_reading()

    def on_message_begin(self) -> None:
        """Begin a request; only so many of one connection may wait."""
        if self._unanswered:
            self._add_unverified(REQUEST_BYTES)
            if self._input_ended:
                raise _RefusedError
            if self._unanswered > self.door.bounds.pipelined:
                self._abort_parsing("pipelined")
        super().on_message_begin()
        self._has_begun = True
        self._arriving = Phase.HEAD
        self.limits = self.door.bounds.webhook

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header as uvicorn does, up to a maximum number."""
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))
        if len(self.headers) > self.limits.headers:
            self._abort_parsing("head_too_large")

    def on_headers_complete(self) -> None:
        """Check the head as a whole, then wait for the body."""
        self.limits = self.door.bounds.of(self.url.partition(b"?")[0])
        if (
            self._received_bytes > self.limits.head_bytes
        ):  # the whole head has come, and perhaps much more
            size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            if size > self.limits.head_bytes:
                self._abort_parsing("head_too_large")
        super().on_headers_complete()
        self.cycle.keep_alive = self.cycle.keep_alive and not self._is_stopping
        self.headers = []  # trailers after a body are no headers of the request
        self._arriving = Phase.BODY
        self._unparsed_bytes = 0

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._unparsed_bytes = 0
        self._add_unverified(len(body))
        if self._input_ended:
            raise _RefusedError
        self._parts.append(body)
        self._size += len(body)
        if self._size > self.limits.body_bytes:
            self._abort_parsing("too_large")

    def on_message_complete(self) -> None:
        """Start the application, unless an earlier request is not answered yet."""
        self.cycle.body = b"".join(self._parts)  # type: ignore[assignment]  # it is only read
        self._parts, self._size = [], 0
        self.cycle.more_body = False
        self.cycle.message_event.set()
        self._arriving = Phase.SILENT
        self._unparsed_bytes = self._received_bytes = 0
        self._unanswered += 1
        self._pending_sizes.append(self._unverified_bytes)
        self._unverified_bytes = 0
        if not self.pipeline:
            self._start_asgi_task(self.cycle, self.app)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if not cycle.more_body:
            super()._start_asgi_task(cycle, partial(self._run_app, self._pending_sizes.popleft()))

    async def _run_app(self, size: int, *asgi: Any) -> None:
        # The application verifies the body before it first waits, so before other requests run.
        self.door.unverified -= size
        await self.app(*asgi)

    def on_response_complete(self) -> None:
        """Go on with the next request, or send the last response; the door ends idle ones."""
        self.server_state.total_requests += 1
        self._unanswered -= 1
        if self.transport.is_closing():
            self.door.move(self, Phase.ENDING)
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        if self._input_ended and not self._unanswered:
            self._send_final_response()
        elif not self._input_ended:
            self._update_phase()

    def shutdown(self) -> None:
        """Let requests whose head is complete arrive, and close the rest.

        A proxy may have sent the first request of a new connection that was not read yet, so that
        gets a moment.
        """
        self._is_stopping = True
        if self._input_ended:
            return
        if not self._has_begun:
            self.loop.call_later(self.door.bounds.stop_s, self._end_if_silent)
        elif self._arriving is Phase.HEAD:
            self.refuse("stopping")
        else:
            super().shutdown()

    def _end_if_silent(self) -> None:
        if not self._has_begun and not self._input_ended:
            self._close_silently()

    def refuse(self, reason: str) -> None:
        """Refuse the arriving request, once earlier ones are answered."""
        self.door.report(reason, self._may_be_delivery())
        self._drop_request()
        self._final_response = REASONS[reason].answer()
        self._drains_input = reason == "too_large"
        if not self._unanswered:
            self._send_final_response()

    def give_way(self, reason: str) -> None:
        """Refuse the arriving request; close a connection that sent nothing without an answer."""
        if self.phase is not Phase.SILENT:
            self.refuse(reason)
            return
        self.door.report(reason, True)
        self._close_silently()

    def expire(self) -> None:
        """Close, since the deadline has passed."""
        if self.phase is Phase.HEAD:
            self.refuse("head_timeout")
        elif self.phase is Phase.BODY:
            self.refuse("body_timeout")
        elif self.phase is Phase.SILENT:
            if not self._has_begun:
                self.door.report("silent", False)
            self._close_silently()
        else:
            self.abort()

    def abort(self) -> None:
        self.transport.abort()

    def _abort_parsing(self, reason: str) -> None:
        self.refuse(reason)
        raise _RefusedError

    def _add_unverified(self, size: int) -> None:
        self._unverified_bytes += size
        self.door.unverified += size
        full = self.door.unverified > self.door.bounds.unverified_bytes
        if full and not self.door.make_room() and not self._input_ended:
            self.refuse("unverified")

    def _drop_request(self) -> None:
        self._input_ended = True
        self.door.unverified -= self._unverified_bytes
        self._unverified_bytes = 0
        self.parser = None  # type: ignore[assignment]  # with the part of a head that it holds
        if self._arriving is not Phase.SILENT:
            self.scope["headers"] = self.headers = []
        if self._arriving is Phase.BODY:
            self._parts = []
            self.cycle.response_complete = True
            if self.pipeline and self.pipeline[0][0] is self.cycle:  # the newest is the first
                self.pipeline.popleft()

    def _send_final_response(self) -> None:
        self.door.move(self, Phase.ENDING)
        if self.transport.is_closing():
            return
        # Closing while the client still writes could lose the answer. A client that only sends too
        # much is read to the end; from any other nothing more is read.
        self.transport.write(self._final_response)
        self.transport.write_eof()
        (self.flow.resume_reading if self._drains_input else self.flow.pause_reading)()

    def _close_silently(self) -> None:
        self._drop_request()
        self.door.move(self, Phase.ENDING)
        self.transport.close()

    def _discard(self, size: int) -> None:
        self._unparsed_bytes += size
        # Until then an answer may still be on its way: a proxy that lets 4 MB pass has to find it.
        if self.phase is Phase.ENDING and self._unparsed_bytes > 2 * self.limits.body_bytes:
            self.abort()

    def _may_be_delivery(self) -> bool:
        if self._arriving is not Phase.BODY:
            return True
        return self.scope["method"] == "POST" and self.limits is self.door.bounds.webhook

    def _update_phase(self) -> None:
        phase = Phase.ANSWER if self._unanswered else self._arriving
        if phase is not self.phase:
            self.door.move(self, phase)
            if phase is Phase.BODY:
                self._await_body()

    def _await_body(self) -> None:
        self._add_unverified(REQUEST_BYTES + min(self._received_bytes, self.limits.head_bytes))
        if self._input_ended:
            return
        declared = dict(self.scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared) > self.limits.body_bytes:
            self.refuse("too_large")
        elif self.cycle.waiting_for_100_continue:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.cycle.waiting_for_100_continue = False
