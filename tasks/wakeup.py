"""Wake-ups: Celery messages that say that there is work, and never which.

They may be lost, duplicated or late: a worker always takes everything that waits, and the sweep
wakes workers for a queue that does not move. A wake-up that waits already is not sent again, and
none goes into a queue that holds a thousand: without workers, wake-ups must not fill a store.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from gateway.core.sending.send import BULK, QUEUE_OF
from gateway.store import keys
from gateway.store.inbox.inbox import Inbox
from gateway.store.redis.client import IDLE_S, ScriptError, Store, StoreUnavailableError
from tasks.app import app

log = structlog.get_logger(__name__)
OUTGOING = "outgoing"  # the queue, and the wake-up, of what is posted to strangers
FORWARDS = "forwards"  # the wake-up of what is posted to receivers
MOST_WAITING = 1_000
# A wake-up that the broker did not take, or a worker lost, may be sent again after so long.
UNHEARD_MS = 5_000
# A thread with other work leaves a broker that failed alone for so long.
PAUSE_S = 5.0


def ring_inbox() -> bool:
    """Wake a worker to drain the inbox; false if the broker did not take the message."""
    return _ring("tasks.drain", "default")


def call_inbox(inbox: Inbox) -> None:
    """Wake a worker to drain the inbox, unless a wake-up is on its way."""
    if inbox.set_bell() and not ring_inbox():
        inbox.shorten_bell(UNHEARD_MS)


def ring_number(store: Store, number: str, priority: str) -> bool:
    """Wake a worker to send for a number; false if a wake-up is on its way, or could not go."""
    bell = keys.number_bell(number, priority)
    return store.mark(bell, keys.BELL_MS) and _expire_unless_rung(
        store, bell, ring_anyway(number, priority)
    )


def ring_numbers(store: Store, numbers: Sequence[tuple[str, str]]) -> None:
    """Do the same for many numbers and priorities, with one question to the store for all."""
    bells = [keys.number_bell(number, priority) for number, priority in numbers]
    marked = store.mark_all(bells, keys.BELL_MS)
    for (number, priority), bell, first in zip(numbers, bells, marked, strict=True):
        if first:
            _expire_unless_rung(store, bell, ring_anyway(number, priority))


def ring_anyway(number: str, priority: str) -> bool:
    """Wake a worker to send for a number in any case; false if the broker did not take it."""
    # A task of a newer release may name a priority that is unknown here.
    queue = QUEUE_OF.get(priority, QUEUE_OF[BULK])
    return _ring("tasks.pump", queue, number, priority)


def ring_outgoing(store: Store, number: str) -> bool:
    """Wake a worker to post a number's notifications; false as in `ring_number`."""
    bell = keys.number_bell(number, OUTGOING)
    return store.mark(bell, keys.BELL_MS) and _expire_unless_rung(
        store, bell, _ring("tasks.notify", OUTGOING, number)
    )


def call_bell(number: str, service: str) -> str:
    """Return the key that is set while a wake-up for calls of a service is on its way."""
    return keys.number_bell(number, f"call:{service}")


def ring_call(store: Store, number: str, service: str) -> bool:
    """Wake a worker to call a service for a number; false as in `ring_number`."""
    bell = call_bell(number, service)
    return store.mark(bell, keys.BELL_MS) and _expire_unless_rung(
        store, bell, _ring("tasks.call", OUTGOING, number, service)
    )


def ring_forwards(store: Store, number: str) -> bool:
    """Wake a worker to post a number's forwards; false as in `ring_number`."""
    bell = keys.number_bell(number, FORWARDS)
    return store.mark(bell, keys.BELL_MS) and _expire_unless_rung(
        store, bell, _ring("tasks.forward", OUTGOING, number)
    )


def ring_campaign(store: Store, campaign: str) -> bool:
    """Wake a worker to go on with a campaign; false as in `ring_number`."""
    bell = keys.campaign_bell(campaign)
    # No sweep looks at campaigns: one whose wake-up was lost with its worker waits for so long.
    return store.mark(bell, UNHEARD_MS) and _expire_unless_rung(
        store, bell, _ring("tasks.process_broadcast_campaign", QUEUE_OF[BULK], campaign)
    )


def ring_task(store: Store, task: str) -> bool:
    """Send the wake-up of a periodic job, as beat does; false as in `ring_number`."""
    return mark_task(store, task) and _expire_unless_rung(
        store, keys.task_bell(task), _ring(task, "scheduled")
    )


def mark_task(store: Store, task: str) -> bool:
    """Mark a job's wake-up as on its way; false if one is already."""
    return store.mark(keys.task_bell(task), keys.BELL_MS)


def clear_task(store: Store, task: str) -> None:
    """Clear the mark of a job's wake-up; done when the job begins, so that none is lost."""
    store.delete(keys.task_bell(task))


def is_full(app: Celery, queue: str, producer: Any = None) -> bool:
    """Return whether a queue holds so many messages that one more would add nothing.

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
    """Connection to the broker that one thread has for itself.

    Celery's pool is shared, and after a main process forks its locks may be in any state. A broker
    that failed is left alone for a while, so that a thread does not wait for it twice.
    """

    def __init__(self) -> None:
        """Connect with the first wake-up."""
        self._producer: Any = None
        self._failed_at = -PAUSE_S

    @property
    def is_pausing(self) -> bool:
        """Return whether the broker failed a moment ago."""
        return time.monotonic() - self._failed_at < PAUSE_S

    def producer(self) -> Any:
        """Return the producer that publishes through this connection."""
        if self._producer is None:
            self._producer = app.amqp.Producer(app.connection_for_write(), auto_declare=False)
        return self._producer

    def mark_failed(self) -> None:
        """Close the connection; the next wake-up after the pause makes another."""
        self._failed_at = time.monotonic()
        self.close()

    def close(self) -> None:
        """Close it, without waiting."""
        producer, self._producer = self._producer, None
        if producer is not None:
            # The timeout is process-wide at this moment, so it stays as it is.
            producer.connection.collect(socket_timeout=socket.getdefaulttimeout())


_thread_local = threading.local()


def use_connection(own: OwnConnection) -> None:
    """Let this thread send wake-ups through a connection of its own from now on."""
    _thread_local.connection = own


def _expire_unless_rung(store: Store, bell: str, rung: bool) -> bool:
    """Return `rung`; the mark of a wake-up that was not sent ends after five more seconds."""
    if not rung:
        store.run(lambda client: client.pexpire(bell, UNHEARD_MS))
    return rung


def _ring(task: str, queue: str, *args: str) -> bool:
    """Publish a wake-up; false if the broker is unavailable, or the queue is full."""
    own: OwnConnection | None = getattr(_thread_local, "connection", None)
    if own and own.is_pausing:
        return False
    try:
        with app.producer_or_acquire(own.producer() if own else None) as producer:
            _renew_if_idle(producer)
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


def _renew_if_idle(producer: Any) -> None:
    """Close a connection to a Redis broker that was idle for long; its next use opens another.

    As in the store's pools: something on the way may have forgotten it.
    """
    connection, now = producer.connection, time.monotonic()
    is_idle = now - getattr(connection, "used_at", now) > IDLE_S
    connection.used_at = now
    if is_idle and connection.transport.driver_type == "redis":
        # The timeout is process-wide at this moment, so it stays as it is.
        connection.collect(socket_timeout=socket.getdefaulttimeout())
        producer.revive(connection)


class NumberWakeups:
    """Sends wake-ups for numbers from a thread; those asked for meanwhile are sent together."""

    def __init__(self, store: Store) -> None:
        """Take the store that knows which wake-ups are on their way."""
        self._store = store
        self._requested: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self._thread = WakeupThread(self._ring_requested)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def ring(self, number: str, priority: str) -> None:
        """Ask for a wake-up, and return at once."""
        with self._lock:
            self._requested.add((number, priority))
        self._thread.ring()

    def close(self) -> None:
        """Send the wake-ups asked for, then end."""
        self._thread.close()
        self._store.close()

    def _ring_requested(self) -> None:
        with self._lock:
            requested, self._requested = self._requested, set()
        # The sweep wakes workers where this fails.
        with contextlib.suppress(StoreUnavailableError, ScriptError):
            ring_numbers(self._store, sorted(requested))


class WakeupThread:
    """Sends wake-ups from a thread, so that an event loop never waits for the broker."""

    def __init__(self, ring: Callable[[], object] = ring_inbox) -> None:
        """Take the function that sends one wake-up."""
        self._ring = ring
        self._wake = threading.Event()
        self._requested = False
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="ringer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def ring(self) -> None:
        """Ask for a wake-up, and return at once."""
        self._requested = True
        self._wake.set()

    def close(self, within_s: float = 3.0) -> None:
        """Send the wake-ups asked for, then end; an unavailable broker is not waited for."""
        self._closing = True
        self._wake.set()
        self._thread.join(within_s)

    def _run(self) -> None:
        closing = False
        while not closing:
            self._wake.wait()
            self._wake.clear()
            # Checked before the wake-up, so that one asked for before the end is still sent.
            closing = self._closing
            if self._requested:
                self._requested = False
                self._ring()
