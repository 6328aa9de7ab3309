"""A worker that could only do harm or nothing ends at its start, and says why."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import Server
from tests.stack import Stack

pytestmark = pytest.mark.e2e


def started(folder: Path, server: Server, rules: str) -> subprocess.CompletedProcess[str]:
    stack = Stack(folder, server, rules)
    command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-Q", "bulk", "-c", "1"]
    return subprocess.run(
        command, env=os.environ | stack.env, capture_output=True, text=True, timeout=60, check=False
    )


def test_celerys_own_worker_refuses_broken_rules_with_file_and_line(
    tmp_path: Path, server: Server
) -> None:
    ended = started(
        tmp_path, server, "version: 1\nrules:\n  - name: x\n    whem: {}\n    then: hi\n"
    )

    assert ended.returncode == 2
    assert "rules.yaml:4" in ended.stderr


def test_celerys_own_worker_refuses_a_replica(tmp_path: Path, server: Server) -> None:
    port = str(server.port)
    replica = Server(tmp_path / "replica", replicaof=f"127.0.0.1 {port}").start()

    ended = started(tmp_path, replica, "version: 1\nrules: []\n")
    replica.kill()

    assert ended.returncode == 2
    assert "replica" in ended.stderr
