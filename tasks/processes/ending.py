"""End of a worker: tasks detect it, and the threads that they started are waited for."""

import threading
from collections.abc import Callable
from typing import Any

from celery.signals import worker_process_init, worker_shutdown
from celery.worker import state

_forked = threading.Event()
_finishers: list[Callable[[], object]] = []


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


def finish_at_end(finish: Callable[[], object]) -> None:
    """Call this once no task runs any more in a worker that ends, before its process does.

    While Python ends, no pool takes work: a thread that goes on until then could not wake others.
    """
    _finishers.append(finish)


@worker_shutdown.connect
def finish_all(**_: Any) -> None:
    """Wait for what tasks have started."""
    for finish in _finishers:
        finish()
