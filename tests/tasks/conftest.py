"""What a worker process holds, without a worker."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.redis.client import Store
from tasks import app
from tasks import context as holding
from tasks.context import WorkerContext
from tasks.processes import store_check
from tests.support.factories import NUMBER
from tests.support.servers import Server, free_port
from tests.support.stack import RULES


@pytest.fixture
def at_work(
    server: Server, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkerContext]:
    """Hold what a worker holds; store and broker are the same server, and Meta is away."""
    (tmp_path / "rules.yaml").write_text(RULES)
    env = {
        "REDIS_URL": server.url,
        "META_APP_SECRET": "s",
        "META_VERIFY_TOKEN": "v",
        "META_ACCESS_TOKEN": "EAAtesttoken",
        "META_PHONE_NUMBER_ID": NUMBER,
        "META_GRAPH_URL": f"http://127.0.0.1:{free_port()}",
        "META_MESSAGES_PER_SECOND": "1000",
        "GATEWAY_RULES": str(tmp_path / "rules.yaml"),
    }
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    app.finalize()  # As a worker does at its start: it binds the tasks, and looks at the store.
    monkeypatch.setattr(store_check, "_passed", [True])
    monkeypatch.setattr(store_check, "_seen_ids", set())
    holding._contexts.pop(os.getpid(), None)  # Each test is a process that has just started.
    made = holding.worker_context()
    yield made
    made.post_pool.shutdown()
    made.ring_pool.shutdown()  # what it has yet to ring for is no concern of the next test
    made.graph.close()
    made.store.close()
    holding._contexts.pop(os.getpid(), None)
