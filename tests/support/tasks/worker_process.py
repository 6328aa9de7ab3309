"""What a worker process holds, without a worker."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from tasks import app
from tasks import context as holding
from tasks.context import WorkerContext
from tasks.outgoing.calls import _threads as threads_of_calls
from tasks.outgoing.notifications import _threads as threads_of_notifications
from tasks.processes import ending, store_check


@contextmanager
def a_worker_process(patch: pytest.MonkeyPatch, env: Mapping[str, str]) -> Iterator[WorkerContext]:
    """Hold what a worker holds with this environment; its store is fit to work on."""
    for name, value in env.items():
        patch.setenv(name, value)
    app.finalize()  # As a worker does at its start: it binds the tasks, and looks at the store.
    patch.setattr(store_check, "_passed", [True])
    patch.setattr(store_check, "_seen_ids", set())
    patch.setattr(ending, "_finishers", [])
    holding._contexts.pop(os.getpid(), None)  # Each test is a process that has just started.
    made = holding.worker_context()
    yield made
    _end_threads()
    made.post_pool.shutdown()
    made.ring_pool.shutdown()  # what it has yet to ring for is no concern of the next test
    made.graph.close()
    made.store.close()
    holding._contexts.pop(os.getpid(), None)


def _end_threads() -> None:
    """Wait for what tasks have started, as a worker does at its end: no later test may meet it."""
    ending.finish_all()
    for threads in (threads_of_calls, threads_of_notifications):
        threads.cache_clear()
