"""What a worker process holds, without a worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.redis.client import Store
from tasks.context import WorkerContext, build_context
from tests.support.factories import NUMBER
from tests.support.servers import Server, free_port
from tests.support.stack import RULES
from tests.support.tasks.fake_graph import Meta, a_meta
from tests.support.tasks.worker_process import a_worker_process


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
    with a_worker_process(monkeypatch, env) as made:
        yield made


@pytest.fixture
def meta() -> Iterator[Meta]:
    with a_meta() as running:
        yield running


@pytest.fixture
def sender(
    at_work: WorkerContext, meta: Meta, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkerContext]:
    """Hold what a worker holds, with Meta there."""
    reached = build_context(at_work.settings.model_copy(update={"meta_graph_url": meta.url}))
    monkeypatch.setattr(at_work, "graph", reached.graph)
    yield at_work
    reached.graph.close()
    reached.post_pool.shutdown()
    reached.store.close()
