"""Who listens to which queue, asked through the broker as a worker is asked whether it is healthy.

The application is one of its own: the settings may be others than those of this environment.
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
    """The broker does not answer; the text is what kind of error it was."""


class WorkerPing:
    """Asks the broker of one gateway."""

    def __init__(self, settings: Settings) -> None:
        """Connect to nothing yet."""
        self._app = Celery("doctor", set_as_current=False)
        self._app.config_from_object(config(settings))

    def connect(self) -> None:
        """See whether the broker answers. Raises BrokerAwayError."""
        try:
            with self._app.connection_for_write(connect_timeout=CONNECT_S) as connection:
                connection.ensure_connection(max_retries=1, timeout=CONNECT_S)
        except (OperationalError, OSError) as error:
            raise BrokerAwayError(type(error.__cause__ or error).__name__) from None

    def workers(self, within_s: float) -> Mapping[str, int]:
        """Return how many workers listen to each queue; raises BrokerAwayError.

        All of `within_s` is waited for, since nobody knows how many there are.
        """
        try:
            # Not by `inspect`, which drops one of two workers that were started under one name.
            answers: Any = self._app.control.broadcast(
                "active_queues", reply=True, timeout=within_s
            )
        except (OperationalError, OSError) as error:
            raise BrokerAwayError(type(error.__cause__ or error).__name__) from None
        queue_lists = (queues for answer in answers or () for queues in answer.values())
        return Counter(str(one["name"]) for queues in queue_lists for one in queues)

    def close(self) -> None:
        """Give the connections back."""
        self._app.close()
