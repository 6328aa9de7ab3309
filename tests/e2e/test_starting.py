"""A process that cannot do its work says why in a sentence and ends with exit code 2."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.support.forked_process import run_python
from tests.support.servers import Server, free_port
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e

GATEWAY = [sys.executable, "-c", "from gateway.cli.main import main; main()"]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def stack(tmp_path: Path, server: Server) -> Iterator[Stack]:
    made = Stack(tmp_path, server)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without an append-only file, which a test may make a replica."""
    running = Server(tmp_path_factory.mktemp("other"), appendonly="no").start()
    yield running
    running.kill()


def ends(stack: Stack, *args: str, **env: str) -> tuple[int, str]:
    """Run a command that cannot start; return its exit code and what it said in one line."""
    env = {"PATH": os.environ["PATH"], "COLUMNS": "400"} | stack.env | env
    ended = run_python([*GATEWAY[1:], *args], env, stack.folder)
    return ended.returncode, " ".join(ended.stderr.split())


def test_a_port_that_is_taken_is_named(stack: Stack) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", stack.web_port))
        taken.listen()
        code, said = ends(stack, "serve", "--port", str(stack.web_port))

    assert code == 2
    assert f"Cannot listen on 127.0.0.1:{stack.web_port}: Address already in use." in said


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--port", "70000", "Invalid value for '--port'"),
        ("--host", "no.such.host.invalid", "Cannot listen on no.such.host.invalid:"),
        ("--workers", "0", "Invalid value for '--workers'"),
    ],
)
def test_an_address_that_cannot_be_is_refused(
    stack: Stack, option: str, value: str, sentence: str
) -> None:
    code, said = ends(stack, "serve", option, value)

    assert code == 2
    assert sentence in said
    assert "Traceback" not in said


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_every_setting_that_is_missing_is_named_at_once(stack: Stack, command: str) -> None:
    names = ("REDIS_URL", "META_APP_SECRET", "META_VERIFY_TOKEN", "META_ACCESS_TOKEN")

    code, said = ends(stack, command, META_PHONE_NUMBER_ID="abc", **dict.fromkeys(names, ""))

    assert code == 2
    assert [name for name in names if f"{name} is not set" not in said] == []
    assert "META_PHONE_NUMBER_ID" in said
    assert "Traceback" not in said


def test_broken_rules_are_told_with_file_and_line(stack: Stack) -> None:
    (stack.folder / "rules.yaml").write_text("version: 1\nrules:\n  - name: a\n    thn: hi\n")

    code, said = ends(stack, "worker")

    assert code == 2
    assert "rules.yaml:4" in said


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_replica_is_refused_in_words(stack: Stack, other: Server, command: str) -> None:
    with redis.Redis.from_url(other.url) as client:
        client.replicaof("127.0.0.1", str(free_port()))
        code, said = ends(stack, command, REDIS_URL=other.url)
        client.replicaof("NO", "ONE")

    assert code == 2
    assert "Redis is a replica and cannot keep anything" in said


def test_a_server_without_append_only_file_is_warned_about(tmp_path: Path, other: Server) -> None:
    stack = Stack(tmp_path, other).start("web")
    stack.stop()

    assert "Redis has no append-only file" in stack.programs["web"].said()


# Several are replaced in tests/deploy/test_proxies.py.
@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.long)])
def test_web_processes_end_orderly_and_write_their_last_lines(stack: Stack, workers: str) -> None:
    port = str(free_port())
    process = subprocess.Popen(
        [*GATEWAY, "serve", "--port", port, "--workers", workers],
        cwd=ROOT,
        env=os.environ | stack.env,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = ""
    assert process.stderr
    while said.count("Application startup complete") < int(workers):
        said += process.stderr.readline()
    process.terminate()
    said += process.communicate(timeout=180)[1]

    assert process.returncode == 0
    assert said.count("Finished server process") == int(workers)
