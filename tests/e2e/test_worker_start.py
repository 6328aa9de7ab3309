"""A worker that could only do harm or nothing ends at its start, and says why."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.store import keys
from gateway.store.redis.client import Store
from gateway.store.server.health import LAYOUT_BEFORE, layout_name
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack
from tests.support.store.inbox_state import keep

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


def test_a_store_that_was_away_at_the_start_is_left_alone_until_it_is_migrated(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path / "valkey").start()
    stack, store = Stack(tmp_path, server), Store(server.url)
    keep(store, 0, "body")
    store.close()
    server.command("SET", keys.LAYOUT_KEY, LAYOUT_BEFORE)
    server.kill()
    said = stack.run("single").said
    wait_until(lambda: "store_away" in said(), "it starts without the store")

    server.start()
    stack.ring()
    wait_until(lambda: "run gateway migrate, once" in said(), "it says what to do")
    assert server.command("EXISTS", f"{keys.partition(0)}cursor") == 0
    server.command("SET", keys.LAYOUT_KEY, layout_name())
    stack.ring()

    wait_until(lambda: stack.worked_off() == 1, "it works once the store is migrated")
    stack.stop()
    server.kill()
