"""Worker ping: asks through the broker, as a worker's health check does, who listens to a queue.

It has a Celery application of its own: its settings may differ from those of this environment.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from gateway.config.settings import Settings
from tasks.celery_setup.config import config

CONNECT_S = 3


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
