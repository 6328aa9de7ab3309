"""Celery's consumer, which waits less before it tries to reach the broker again."""

from functools import partial
from typing import Any

from celery.worker import consumer

# Celery's own pauses grow to 30 s and cannot be set. What is tried is one connection, and while
# the broker is back and nobody listens, whatever is rung for waits.
PAUSES = {"interval_start": 1, "interval_step": 1, "interval_max": 5}


class Consumer(consumer.Consumer):
    """Celery's, named in the setting `worker_consumer`."""

    def ensure_connected(self, conn: Any) -> Any:
        """Return `conn` once it is connected, however often that has to be tried."""
        conn.ensure_connection = partial(conn.ensure_connection, **PAUSES)
        return super().ensure_connected(conn)
