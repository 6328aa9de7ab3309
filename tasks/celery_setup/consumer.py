"""Celery's consumer, with shorter pauses before it reconnects to the broker."""

from functools import partial
from typing import Any

from celery.worker import consumer

# Celery's own pauses grow to 30 s and cannot be set. An attempt is one connection, and while the
# broker is back and no worker listens, every wake-up waits.
PAUSES = {"interval_start": 1, "interval_step": 1, "interval_max": 5}


class Consumer(consumer.Consumer):
    """Consumer that the setting `worker_consumer` names."""

    def ensure_connected(self, conn: Any) -> Any:
        """Return `conn` once it is connected, after as many attempts as that takes."""
        conn.ensure_connection = partial(conn.ensure_connection, **PAUSES)
        return super().ensure_connected(conn)
