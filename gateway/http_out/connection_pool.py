"""Connections of a process to one server, each used by one thread at a time.

A pool that all threads share checks every connection for each request, under a lock for which they
all queue: with 64 posts at once that costs four times as much as the posts themselves.
"""

import contextlib
import os
import ssl
import time
from collections import deque
from collections.abc import Iterator

from gateway.http_out.admission import Admits, admit_any
from gateway.http_out.transport import IDLE_S, DeadlineTransport, create_context


class Connections:
    """Lends connections to posting threads; may be shared by threads, and created before a fork."""

    def __init__(
        self, url: str, context: ssl.SSLContext | None = None, admits: Admits = admit_any
    ) -> None:
        """Take what each `DeadlineTransport` needs, and open no connection yet."""
        self._url, self._admits = url, admits
        self._tls = context or create_context()
        self._idle: dict[int, deque[tuple[float, DeadlineTransport]]] = {}

    @contextlib.contextmanager
    def lend(self) -> Iterator[DeadlineTransport]:
        """Lend the connection that was used last, or a new one, so that few stay in use."""
        idle = self._process_connections()
        try:
            _, transport = idle.pop()
        except IndexError:
            transport = DeadlineTransport(self._url, self._tls, self._admits)
        try:
            yield transport
        finally:
            idle.append((time.monotonic(), transport))
            _close_idle(idle, time.monotonic() - IDLE_S)

    def close(self) -> None:
        """Close the connections that are not lent out; the next post opens a new one."""
        _close_idle(self._process_connections(), float("inf"))

    def _process_connections(self) -> deque[tuple[float, DeadlineTransport]]:
        """Return the connections of this process, the longest idle first.

        Two processes on one connection read each other's answers. A parent's connections are kept
        and never used: closing them here would send a TLS goodbye on them. No lock is held, because
        another thread might hold it at the moment of a fork; operations of a deque are atomic.
        """
        return self._idle.setdefault(os.getpid(), deque())


def _close_idle(idle: deque[tuple[float, DeadlineTransport]], before: float) -> None:
    """Close connections unused since `before`; the server may have closed them long ago."""
    with contextlib.suppress(IndexError):  # another thread may take the last one first
        while idle[0][0] < before:
            idle.popleft()[1].close()
