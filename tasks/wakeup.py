"""Bells: Celery messages that say that there is work, and never which.

A bell that is lost, doubled or late does no harm: workers take whatever waits, and the sweep rings
where something waits and nothing moves. A bell that waits already is not rung again, and none is
rung into a queue that holds a thousand: without workers, bells must not fill a store.
"""

import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from gateway.core.sending.send import REPLY
from gateway.store import keys
from gateway.store.inbox.inbox import Inbox
from gateway.store.redis.client import Store
from tasks.app import app

log = structlog.get_logger(__name__)
QUEUE_OF = {REPLY: "critical"}
MOST_WAITING = 1_000
# A bell that nobody took may be rung again after so long.
UNHEARD_MS = 5_000
# A broker that failed is left alone for so long by a thread that has other things to do.
PAUSE_S = 5.0


def ring_inbox() -> bool:
    """Ring for whoever drains the inbox; false where nobody took it."""
    return _ring("tasks.drain", "default")


def call_inbox(inbox: Inbox) -> None:
    """Ring for whoever drains the inbox, unless a bell is on its way."""
    if inbox.set_bell() and not ring_inbox():
        inbox.shorten_bell(UNHEARD_MS)


def ring_number(store: Store, number: str, priority: str) -> bool:
    """Ring for whoever sends for a number; false where a bell is on its way, or could not be."""
    bell = keys.number_bell(number, priority)
    return store.mark(bell, keys.BELL_MS) and _expire_unless_rung(
        store, bell, ring_anyway(number, priority)
    )


def ring_numbers(store: Store, numbers: Sequence[tuple[str, str]]) -> None:
    """Do the same for many numbers and their ranks, and ask the store once for all of them."""
    bells = [keys.number_bell(number, priority) for number, priority in numbers]
    marked = store.mark_all(bells, keys.BELL_MS)
    for (number, priority), bell, first in zip(numbers, bells, marked, strict=True):
        if first:
            _expire_unless_rung(store, bell, ring_anyway(number, priority))


def ring_anyway(number: str, priority: str) -> bool:
    """Ring for whoever sends for a number, whatever is on its way; false where nobody took it."""
    return _ring("tasks.pump", QUEUE_OF.get(priority, "bulk"), number, priority)


def ring_task(store: Store, task: str) -> bool:
    """Ring for a task that runs by the clock, as beat does; false like `ring_number`."""
    return mark_task(store, task) and _expire_unless_rung(
        store, keys.task_bell(task), _ring(task, "scheduled")
    )


def mark_task(store: Store, task: str) -> bool:
    """Mark a bell for a task as on its way; false where one is already."""
    return store.mark(keys.task_bell(task), keys.BELL_MS)


def clear_task(store: Store, task: str) -> None:
    """Let beat ring for a task again; done when it begins, so that none goes unheard."""
    store.delete(keys.task_bell(task))


def is_full(app: Celery, queue: str, producer: Any = None) -> bool:
    """Say whether a queue holds so many messages that one more would tell nobody anything.

    Only Redis is asked. Raises OperationalError where it does not answer.
    """
    with app.producer_or_acquire(producer) as publisher:
        connection = publisher.connection
        if connection.transport.driver_type != "redis":
            return False
        try:
            return bool(connection.default_channel._size(queue) >= MOST_WAITING)
        except (*connection.connection_errors, *connection.channel_errors) as error:
            raise OperationalError(type(error).__name__) from error


class OwnConnection:
    """A connection to the broker that one thread has for itself.

    Celery's pool is shared, and its locks would be in whatever state they are when a main process
    forks. A broker that failed is not asked again for a while, so that nobody waits for it twice.
    """

    def __init__(self) -> None:
        """Connect with the first bell."""
        self._producer: Any = None
        self._failed_at = -PAUSE_S

    @property
    def is_pausing(self) -> bool:
        """Say whether the broker failed a moment ago."""
        return time.monotonic() - self._failed_at < PAUSE_S

    def producer(self) -> Any:
        """Return what publishes through this connection."""
        if self._producer is None:
            self._producer = app.amqp.Producer(app.connection_for_write(), auto_declare=False)
        return self._producer

    def mark_failed(self) -> None:
        """Give the connection up; the next bell after the pause makes another."""
        self._failed_at = time.monotonic()
        self.close()

    def close(self) -> None:
        """End it, and wait for nobody."""
        producer, self._producer = self._producer, None
        if producer is not None:
            # The timeout is one of the whole process for the moment, so it stays what it is.
            producer.connection.collect(socket_timeout=socket.getdefaulttimeout())


_thread_local = threading.local()


def use_connection(own: OwnConnection) -> None:
    """Let this thread ring through a connection of its own from now on."""
    _thread_local.connection = own


def _expire_unless_rung(store: Store, bell: str, rung: bool) -> bool:
    """Return whether a bell was rung; one that nobody took is marked for five more seconds only."""
    if not rung:
        store.run(lambda client: client.pexpire(bell, UNHEARD_MS))
    return rung


def _ring(task: str, queue: str, *args: str) -> bool:
    """Publish a bell; false where the broker is away, or the queue is full."""
    own: OwnConnection | None = getattr(_thread_local, "connection", None)
    if own and own.is_pausing:
        return False
    try:
        with app.producer_or_acquire(own.producer() if own else None) as producer:
            if is_full(app, queue, producer):
                log.warning("queue_full", task=task, queue=queue)
                return False
            app.send_task(
                task, args=args, queue=queue, retry=False, ignore_result=True, producer=producer
            )
    except (OperationalError, OSError) as error:
        log.warning("bell_unheard", task=task, error=type(error).__name__)
        if own:
            own.mark_failed()
        return False
    return True


class WakeupThread:
    """Rings from a thread, so that an event loop never waits for the broker."""

    def __init__(self, ring: Callable[[], object] = ring_inbox) -> None:
        """Take what is to be done for each bell."""
        self._ring = ring
        self._wake = threading.Event()
        self._requested = False
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="ringer", daemon=True)

    def start(self) -> None:
        """Begin to ring."""
        self._thread.start()

    def ring(self) -> None:
        """Ask for a bell, and return at once."""
        self._requested = True
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
            if self._requested:
                self._requested = False
                self._ring()
