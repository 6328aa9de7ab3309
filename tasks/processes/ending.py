"""Detection, within a task, that this process is stopping."""

import threading
from typing import Any

from celery.signals import worker_process_init
from celery.worker import state

_forked = threading.Event()


@worker_process_init.connect
def note_fork(**_: Any) -> None:
    """Note that this is a child of a pool, which receives no request to stop."""
    _forked.set()


def is_stopping() -> bool:
    """Return whether the worker was asked to stop; only its own threads can see that."""
    exit_code: Any = state.should_stop  # 0 means yes
    return exit_code is not None and exit_code is not False


def can_detect_stop() -> bool:
    """Return whether `is_stopping` would notice."""
    return not _forked.is_set()
