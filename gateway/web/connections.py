"""All connections of one web process: when each came, how much it holds, and which must close.

The connection that keeps the gateway waiting longest yields first. A delivery of Meta's arrives
within a moment of its connection, so it is never the oldest, however many strangers open others.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Protocol

from gateway.web.request_limits import Bounds, ConnectionLimits


class Phase(IntEnum):
    """State of a connection: what the gateway waits for."""

    SILENT = 0  # nothing of a request has come, or of the next one
    HEAD = 1  # the rest of a request's head
    BODY = 2  # the rest of its body
    ANSWER = 3  # the application, or a client that does not read
    ENDING = 4  # the client, to take its last answer and to close


# So many connections with large bodies are read from at once, so that a delivery beside them
# waits for a few reads and not for thousands.
READ_AT_ONCE = 8

_GONE = True


class Guest(Protocol):
    """Connection, as the door sees it."""

    loop: asyncio.AbstractEventLoop
    phase: Phase
    limits: ConnectionLimits  # of the request that arrives
    deadline: float

    def refuse(self, reason: str) -> None:
        """Answer the arriving request with a refusal, and close."""

    def give_way(self, reason: str) -> None:
        """Make room for another connection."""

    def read_on(self) -> None:
        """Read the next part of a large body."""

    def expire(self) -> None:
        """Close, since the deadline has passed."""

    def abort(self) -> None:
        """Close at once, whatever is still unwritten."""


class Door:
    """Knows every connection by its phase, the oldest of each first."""

    def __init__(self, report: Callable[[str, bool], None], bounds: Bounds) -> None:
        """Take the report of a refusal: its reason, and whether it may have been a delivery."""
        self.report = report
        self.bounds = bounds
        self._guests: list[dict[Guest, None]] = [{} for _ in Phase]
        # In each phase; HEAD and BODY have the limits of the route.
        self._seconds = (bounds.idle_s, 0.0, 0.0, bounds.answer_s, bounds.end_s)
        self._large: deque[Guest] = deque()  # that wait to be read from
        self.unverified = 0  # bytes that connections hold before verification

    def enter(self, guest: Guest) -> bool:
        """Admit a new connection; False if every other one is being answered."""
        others = sum(map(len, self._guests)) - len(self._guests[Phase.ENDING])
        full = others >= self.bounds.connections
        oldest = self._oldest(Phase.SILENT, Phase.HEAD, Phase.BODY) if full else None
        self._guests[guest.phase][guest] = None
        if oldest is not None:
            oldest.give_way("crowded")
        return not full or oldest is not None

    def move(self, guest: Guest, phase: Phase) -> None:
        """Put a connection into another phase, as the youngest there, unless it has left.

        Each request comes through here twice, so it is one function.
        """
        if self._guests[guest.phase].pop(guest, _GONE):
            return
        guest.phase = phase
        self._guests[phase][guest] = None
        seconds = self._seconds[phase]
        if phase is Phase.HEAD or phase is Phase.BODY:
            seconds = guest.limits.head_s if phase is Phase.HEAD else guest.limits.body_s
        guest.deadline = guest.loop.time() + seconds
        if phase is Phase.ENDING and len(self._guests[phase]) > self.bounds.ending:
            next(iter(self._guests[phase])).abort()

    def leave(self, guest: Guest) -> None:
        """Forget a connection that is closed."""
        self._guests[guest.phase].pop(guest, None)

    def make_room(self) -> bool:
        """Refuse the oldest arriving requests until the bytes fit; False if none is left."""
        while self.unverified > self.bounds.unverified_bytes:
            oldest = self._oldest(Phase.BODY, Phase.HEAD)
            if oldest is None:
                return False
            oldest.refuse("unverified")  # which frees what it holds
        return True

    def read_later(self, guest: Guest) -> None:
        """Read from a connection when it is its turn."""
        if not self._large:
            asyncio.get_running_loop().call_soon(self._read_some)
        self._large.append(guest)

    def _read_some(self) -> None:
        for _ in range(min(READ_AT_ONCE, len(self._large))):
            self._large.popleft().read_on()
        if self._large:
            asyncio.get_running_loop().call_soon(self._read_some)

    def sweep(self, now: float) -> None:
        """Expire every connection whose deadline has passed."""
        for guest in [guest for guest in self._all() if guest.deadline <= now]:
            guest.expire()

    async def run(self) -> None:
        """Sweep until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.bounds.sweep_s)
            self.sweep(loop.time())

    def close(self) -> None:
        """Refuse requests that do not arrive in the time that a stop allows."""
        for phase in (Phase.HEAD, Phase.BODY):
            for guest in list(self._guests[phase]):
                guest.refuse("stopping")

    def abort(self) -> None:
        """Close every connection at once, at the end of the process."""
        for guest in list(self._all()):
            guest.abort()

    def _oldest(self, *phases: Phase) -> Guest | None:
        return next((guest for phase in phases for guest in self._guests[phase]), None)

    def _all(self) -> Iterator[Guest]:
        return (guest for guests in self._guests for guest in guests)
