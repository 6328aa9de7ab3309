"""Bells: Celery messages that say that there is work, and never which.

A bell that is lost, doubled or late does no harm: workers take whatever waits, and the sweep rings
where something waits and nothing moves.
"""

import threading
from collections.abc import Callable, Sequence

import structlog
from kombu.exceptions import OperationalError

from gateway.core.sends import REPLY
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.inbox import Inbox
from tasks.app import app

log = structlog.get_logger(__name__)
QUEUE_OF = {REPLY: "critical"}


def ring_inbox() -> None:
    """Ring for whoever drains the inbox."""
    _ring("tasks.drain", "default")


def call_inbox(inbox: Inbox) -> None:
    """Ring for whoever drains the inbox, unless a bell is on its way."""
    if inbox.set_bell():
        ring_inbox()


def ring_number(store: Store, number: str, rank: str) -> bool:
    """Ring for whoever sends for a number; false where a bell is on its way already."""
    if not store.mark(keys.number_bell(number, rank), keys.BELL_MS):
        return False
    ring_anyway(number, rank)
    return True


def ring_numbers(store: Store, wanted: Sequence[tuple[str, str]]) -> None:
    """Do the same for many numbers and their ranks, and ask the store once for all of them."""
    bells = [keys.number_bell(number, rank) for number, rank in wanted]
    for (number, rank), first in zip(wanted, store.mark_all(bells, keys.BELL_MS), strict=True):
        if first:
            ring_anyway(number, rank)


def ring_anyway(number: str, rank: str) -> None:
    """Ring for whoever sends for a number, whatever is on its way."""
    _ring("tasks.pump", QUEUE_OF.get(rank, "bulk"), number, rank)


def _ring(task: str, queue: str, *args: str) -> None:
    try:
        app.send_task(task, args=args, queue=queue, retry=False, ignore_result=True)
    except (OperationalError, OSError) as error:
        log.warning("bell_unheard", task=task, error=type(error).__name__)


class Ringer:
    """Rings from a thread, so that an event loop never waits for the broker."""

    def __init__(self, ring: Callable[[], None] = ring_inbox) -> None:
        """Take what is to be done for each bell."""
        self._ring = ring
        self._wake = threading.Event()
        self._asked = False
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="ringer", daemon=True)

    def start(self) -> None:
        """Begin to ring."""
        self._thread.start()

    def ring(self) -> None:
        """Ask for a bell, and return at once."""
        self._asked = True
        self._wake.set()

    def close(self, within_s: float = 3.0) -> None:
        """Ring what was asked for, then end; a broker that is away is not waited for."""
        self._closing = True
        self._wake.set()
        self._thread.join(within_s)

    def _run(self) -> None:
        closing = False
        while not closing:
            self._wake.wait()
            self._wake.clear()
            # Looked at before the bell, so that what was asked for before the end is rung for.
            closing = self._closing
            if self._asked:
                self._asked = False
                self._ring()
