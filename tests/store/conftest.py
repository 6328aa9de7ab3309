"""A server that a test may harm: fill, kill, or make a replica."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers import Server


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path / "valkey", appendonly="no").start()
    yield running
    running.kill()
