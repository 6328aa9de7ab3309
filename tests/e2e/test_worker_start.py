"""A worker that could only do harm or nothing ends at its start, and says why."""

import json
import os
import resource
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.core.storage.ownership import Installation
from gateway.store import keys
from gateway.store.monitoring.snapshot import read
from gateway.store.planning.rulebooks import InForce
from gateway.store.redis.client import Store
from gateway.store.server.health import LAYOUT_BEFORE, layout_name
from gateway.store.server.ownership import claim_store
from tasks.app import OPEN_FILES
from tests.support.factories import NUMBER
from tests.support.forked_process import run_python
from tests.support.servers import Program, Server, wait_until
from tests.support.stack import Stack
from tests.support.store.inbox_state import keep

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
HELLO = "version: 1\nrules: [{name: hello, then: Hello}]\n"
FULL, CLOSED = "1>/dev/full 2>/dev/full", "0>&- 1>&- 2>&-"


class StartedStack(Stack):
    """Starts Python anew for each process, as an operator does."""

    forked = False


def started(folder: Path, server: Server, rules: str) -> "subprocess.CompletedProcess[str]":
    command = ["-m", "celery", "-A", "tasks", "worker", "-Q", "bulk", "-c", "1"]
    return run_python(command, os.environ | Stack(folder, server, rules).env, ROOT)


def test_celerys_own_worker_refuses_broken_rules_with_file_and_line(
    tmp_path: Path, server: Server
) -> None:
    ended = started(
        tmp_path, server, "version: 1\nrules:\n  - name: x\n    whem: {}\n    then: hi\n"
    )

    assert ended.returncode == 2
    assert "rules.yaml:4" in ended.stderr


def test_workers_start_beside_an_empty_folder_of_rules_and_take_up_the_first_file(
    tmp_path: Path, server: Server, store: Store
) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    stack = Stack(tmp_path, server, GATEWAY_RULES=str(folder))
    said = stack.run("worker").said
    wait_until(lambda: any(not one.has_files for one in reports(store)), "they tell of no rules")
    assert '"event": "no_rules"' in said()

    (folder / "rules.yaml").write_text(HELLO)

    wait_until(lambda: any(one.has_files for one in reports(store)), "they tell of the first")
    stack.stop()


def reports(store: Store) -> tuple[InForce, ...]:
    return read(store, 0).rulebooks


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
    stack, store = StartedStack(tmp_path, server), Store(server.url)
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


@pytest.mark.parametrize("kind", ["worker", "beat"])
def test_a_log_file_as_an_option_of_celery_is_refused_with_what_to_do(
    tmp_path: Path, server: Server, kind: str
) -> None:
    command = ["-m", "celery", "-A", "tasks", kind, "-f", str(tmp_path / "log")]
    ended = run_python(command, os.environ | Stack(tmp_path, server).env, ROOT)

    assert ended.returncode == 2
    assert "2>>FILE" in ended.stderr


@pytest.mark.parametrize(
    ("options", "is_said"), [([], False), (["-l", "debug"], True)], ids=["settings", "-l"]
)
def test_the_level_is_that_of_the_settings_unless_celerys_option_names_one(
    tmp_path: Path, server: Server, options: list[str], is_said: bool
) -> None:
    stack = StartedStack(tmp_path, server, GATEWAY_LOG_LEVEL="error")
    command = [sys.executable, *stack.command("outbound"), "-n", f"{tmp_path.name}@%h", *options]
    program = Program(command, stack.env, tmp_path / "worker.log")
    try:
        wait_until(lambda: has_begun(server), "the worker runs")
    finally:
        assert program.stop() == 0

    assert ('"level": "debug"' in program.said()) == is_said


@pytest.mark.parametrize(
    "kind",
    # `gateway worker` starts what the first two are.
    [
        *(pytest.param(one, marks=pytest.mark.long) for one in ("inbound", "outbound")),
        "beat",
        "worker",
    ],
)
def test_a_process_writes_nothing_but_json_lines(tmp_path: Path, server: Server, kind: str) -> None:
    program = StartedStack(tmp_path, server).run(kind)
    wait_until(lambda: has_begun(server, kind) and bool(program.said()), "it works and logs")

    assert program.stop() == 0
    lines = program.said().splitlines()
    assert all(json.loads(line)["level"] for line in lines)


@pytest.mark.parametrize(
    ("redirection", "kind"),
    [
        (FULL, "outbound"),
        (CLOSED, "worker"),
        *(
            pytest.param(how, kind, marks=pytest.mark.long)
            for how, kind in [
                (FULL, "worker"), (FULL, "inbound"), (FULL, "beat"),
                (CLOSED, "outbound"), (CLOSED, "inbound"), (CLOSED, "beat"),
            ]
        ),
    ],
)  # fmt: skip
def test_a_process_whose_log_cannot_be_written_works_all_the_same(
    tmp_path: Path, server: Server, redirection: str, kind: str
) -> None:
    stack = StartedStack(tmp_path, server)
    command = shlex.join([sys.executable, *stack.command(kind)])
    program = Program(
        ["sh", "-c", f"exec {command} {redirection}"], stack.env, tmp_path / "process.log"
    )
    try:
        wait_until(lambda: has_begun(server, kind), "it works")
    finally:
        assert program.stop() == 0


def has_begun(server: Server, kind: str = "worker") -> bool:
    """Say whether beat leads, or a worker's safety net does."""
    return bool(server.command("EXISTS", keys.BEAT_LOCK if kind == "beat" else keys.SAFETY_NET))


def test_a_worker_raises_its_limit_of_open_files(tmp_path: Path, server: Server) -> None:
    stack = StartedStack(tmp_path, server)
    command = shlex.join([sys.executable, *stack.command("outbound")])
    program = Program(
        ["bash", "-c", f"ulimit -Sn 256 && exec {command}"], stack.env, tmp_path / "worker.log"
    )
    try:
        wait_until(lambda: has_begun(server), "the worker runs")
        soft, _ = resource.prlimit(program.pid, resource.RLIMIT_NOFILE)
    finally:
        assert program.stop() == 0

    assert soft == OPEN_FILES


@pytest.mark.parametrize("process", ["web", "worker", "single", "beat"])
def test_no_process_of_another_installation_starts_on_a_store(
    tmp_path: Path, server: Server, store: Store, process: str
) -> None:
    claim_store(store, Installation("shop-production", NUMBER))
    stack = StartedStack(tmp_path, server, GATEWAY_INSTALLATION="shop-draft")

    draft = stack.run(process)

    assert draft.process.wait(180) == 2
    assert "belongs to another installation (shop-production" in draft.said()
    stack.stop()


def test_a_beat_whose_store_was_away_does_not_lead_in_that_of_another_installation(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path / "valkey").start()
    store = Store(server.url)
    claim_store(store, Installation("shop-production", NUMBER))
    store.close()
    server.kill()
    stack = StartedStack(tmp_path, server, GATEWAY_INSTALLATION="shop-draft")
    said = stack.run("beat").said
    wait_until(lambda: "store_away" in said(), "it starts without the store")

    server.start()

    wait_until(lambda: "store_unfit" in said(), "it says whose the store is")
    assert server.command("EXISTS", keys.BEAT_LOCK) == 0
    stack.stop()
    server.kill()
