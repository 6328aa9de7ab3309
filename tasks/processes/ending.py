"""Whether this process was told to end, as far as a task of it can know."""

import threading
from typing import Any

from celery.signals import worker_process_init
from celery.worker import state

_forked = threading.Event()


@worker_process_init.connect
def note_fork(**_: Any) -> None:
    """Note that this is a child of a pool, which nobody tells."""
    _forked.set()


def is_stopping() -> bool:
    """Say whether the worker was told to end; only its own threads can see that."""
    exit_code: Any = state.should_stop  # 0 means yes
    return exit_code is not None and exit_code is not False


def can_detect_stop() -> bool:
    """Say whether `told_to_end` would know."""
    return not _forked.is_set()
