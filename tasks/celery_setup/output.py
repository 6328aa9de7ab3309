"""Celery's worker and beat without banners: our log lines are all that they write."""

from typing import Any

from celery.apps import worker
from celery.apps.beat import Beat
from celery.apps.worker import Worker

from tasks.celery_setup.process_logs import refuse_log_file, start_logging

# Celery's words about a shutdown, on stdout. They cannot become log lines: a signal handler writes
# them, and may have interrupted the very thread that holds the lock of our logs.
worker.safe_say = lambda *_, **__: None  # type: ignore[attr-defined]


class QuietWorker(Worker):
    """Worker without a banner; on a full disk the banner ended it."""

    def on_before_init(self, quiet: bool = True, **options: Any) -> None:
        """Start our logs before Celery's first warning."""
        refuse_log_file(options.get("logfile"))
        start_logging()
        super().on_before_init(**options | {"quiet": True})


class QuietBeat(Beat):
    """Beat without a banner, for the same reason."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Start our logs before beat's first line."""
        refuse_log_file(options.get("logfile"))
        start_logging()
        super().__init__(*args, **options | {"quiet": True})
