"""Worker ping: asks through the broker, as a worker's health check does, who listens to a queue.

It has a Celery application of its own: its settings may differ from those of this environment.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from gateway.config.settings import Settings
from gateway.core.alerts import HealthProblem
from tasks.celery_setup.config import QUEUES, config

CONNECT_S = 3
# If all workers answer at once, waiting ends early; a busy machine may need a moment more.
PATIENCE_S = (1.0, 3.0)
# Kind of worker that listens to each queue, as in docker-compose.yml.
WORKERS = {queue: f"worker-{queue}" for queue in QUEUES} | {"scheduled": "worker-default"}


class BrokerAwayError(Exception):
    """The broker does not answer; the text names the kind of error."""


class WorkerPing:
    """Ping to the workers of one gateway."""

    def __init__(self, settings: Settings) -> None:
        """Connect to nothing yet."""
        self._app = Celery("doctor", set_as_current=False)
        self._app.config_from_object(config(settings))

    def connect(self) -> None:
        """Check that the broker answers. Raises BrokerAwayError."""
        try:
            with self._app.connection_for_write(connect_timeout=CONNECT_S) as connection:
                connection.ensure_connection(max_retries=1, timeout=CONNECT_S)
        except (OperationalError, OSError) as error:
            raise BrokerAwayError(type(error.__cause__ or error).__name__) from None

    def workers(self, within_s: float) -> Mapping[str, int]:
        """Return how many workers listen to each queue. Raises BrokerAwayError.

        It always waits all of `within_s`, since the number of workers is unknown.
        """
        try:
            # Not by `inspect`, which drops one of two workers with the same name.
            answers: Any = self._app.control.broadcast(
                "active_queues", reply=True, timeout=within_s
            )
        except (OperationalError, OSError) as error:
            raise BrokerAwayError(type(error.__cause__ or error).__name__) from None
        queue_lists = (queues for answer in answers or () for queues in answer.values())
        return Counter(str(one["name"]) for queues in queue_lists for one in queues)

    def close(self) -> None:
        """Close the connections."""
        self._app.close()


def count_listeners(settings: Settings) -> Mapping[str, int]:
    """Return how many workers listen to each queue, in one to four seconds.

    Raises BrokerAwayError.
    """
    ping = WorkerPing(settings)
    counts: Mapping[str, int] = {}
    try:
        for within_s in PATIENCE_S:
            counts = ping.workers(within_s)
            if all(counts.get(queue) for queue in QUEUES):
                break
        return counts
    finally:
        ping.close()


def find_unserved_queues(counts: Mapping[str, int]) -> Iterator[HealthProblem]:
    """Find queues to which no worker listens."""
    for queue in QUEUES:
        if not counts.get(queue):
            yield HealthProblem(
                "queue_unserved",
                f"No worker that listens to the queue {queue} answered.",
                f"Start {WORKERS[queue]}, or see in its log why it does not answer.",
                detail=queue,
            )
