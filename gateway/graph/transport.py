"""The connections of a process to one place, each used by one thread at a time.

A pool that all threads share looks at every connection for each request, under a lock for which
they all queue: with 64 posts at once that costs four times what the posts themselves do.
"""

import contextlib
import os
import time
from collections import deque
from collections.abc import Iterator

import httpx

from gateway.graph.deadline import IDLE_S, DeadlineTransport


class Connections:
    """Lends a connection to whoever posts; may be shared by threads, and made before a fork."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self._tls = httpx.create_ssl_context(trust_env=False)
        self._idle: dict[int, deque[tuple[float, DeadlineTransport]]] = {}

    @contextlib.contextmanager
    def one(self) -> Iterator[DeadlineTransport]:
        """Lend the connection that was used last, or a new one, so that few stay in use."""
        idle = self._of_this_process()
        try:
            _, transport = idle.pop()
        except IndexError:
            transport = DeadlineTransport(self._tls)
        try:
            yield transport
        finally:
            idle.append((time.monotonic(), transport))
            _close_idle(idle, time.monotonic() - IDLE_S)

    def close(self) -> None:
        """Close what is lent to nobody; the next post opens a new one."""
        _close_idle(self._of_this_process(), float("inf"))

    def _of_this_process(self) -> deque[tuple[float, DeadlineTransport]]:
        """Return the connections of this process, the longest idle first.

        Two processes on one connection read each other's answers. A parent's connections are kept
        and never used: closing them here would say goodbye on them. No lock is held, for it could
        be another thread's at the moment of a fork; what a deque does is done in one step.
        """
        return self._idle.setdefault(os.getpid(), deque())


def _close_idle(idle: deque[tuple[float, DeadlineTransport]], before: float) -> None:
    """Close what nobody used since `before`; the server may have left it long ago."""
    with contextlib.suppress(IndexError):  # another thread may take the last one first
        while idle[0][0] < before:
            idle.popleft()[1].close()
