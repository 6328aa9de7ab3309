"""`deploy/backup` copies the store of a server that goes on, and never leaves half a copy."""

import os
import stat
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.compose import ROOT
from tests.support.servers import Server

pytestmark = pytest.mark.e2e
SCRIPT = ROOT / "deploy/backup"
# What valkey-cli prints when its output is no terminal.
CLI = """
import sys
import redis
try:
    with redis.Redis(port=int(sys.argv[1]), decode_responses=True) as client:
        if sys.argv[2] == "INFO":
            client.response_callbacks.clear()
        answer = client.execute_command(*sys.argv[2:])
except redis.ResponseError as error:
    answer = f"ERR {error}"
except redis.RedisError as error:
    sys.exit(f"Could not connect: {error}")
print("OK" if answer is True else answer)
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "data").start()
    yield made
    made.kill()


def backup(server: Server, target: Path, **env: str) -> subprocess.CompletedProcess[str]:
    cli = target.parent / "cli.py"
    cli.write_text(CLI)
    given = {"VALKEY_CLI": f"{sys.executable} {cli} {server.port}", **env}
    return subprocess.run(
        [str(SCRIPT), str(server.folder), str(target)],
        env=os.environ | given,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def percentage(server: Server) -> bytes:
    found = server.command("CONFIG", "GET", "auto-aof-rewrite-percentage")
    return bytes(found[b"auto-aof-rewrite-percentage"])


def test_a_server_that_starts_from_the_copy_has_all_that_was_written_before(
    running: Server, tmp_path: Path
) -> None:
    for number in range(200):
        running.command("SET", f"before{number}", "kept")
    running.command("BGREWRITEAOF")  # which the script has to wait for
    over = threading.Event()
    writer = threading.Thread(target=write_on, args=(running, over))
    writer.start()
    done = backup(running, tmp_path / "backups")
    over.set()
    writer.join(180)

    assert (done.returncode, percentage(running)) == (0, b"100")
    copy = Server(tmp_path / "copy")
    with tarfile.open(done.stdout.strip()) as archive:
        archive.extractall(copy.folder, filter="data")
    copy.start()
    assert all(copy.command("GET", f"before{number}") == b"kept" for number in range(200))
    copy.kill()


def write_on(server: Server, over: threading.Event) -> None:
    number = 0
    while not over.is_set():
        number += 1
        server.command("SET", f"meanwhile{number}", "x" * 1_000)


def test_the_copy_can_be_read_by_its_owner_only(running: Server, tmp_path: Path) -> None:
    file = Path(backup(running, tmp_path / "backups").stdout.strip())

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_copies_older_than_a_week_are_deleted_once_there_is_a_new_one(
    running: Server, tmp_path: Path
) -> None:
    target = tmp_path / "backups"
    target.mkdir()
    for days in (2, 9):
        old = target / f"gateway-{days}.tar.gz"
        old.touch()
        os.utime(old, (old.stat().st_mtime - days * 86_400,) * 2)
    new = Path(backup(running, target).stdout.strip())

    assert {path.name for path in target.iterdir()} == {"gateway-2.tar.gz", new.name}


@pytest.mark.parametrize("kind", ["it is away", "it has no append-only file"])
def test_without_a_server_that_can_be_copied_there_is_a_sentence_and_no_file(
    running: Server, tmp_path: Path, kind: str
) -> None:
    if kind == "it is away":
        running.kill()
    else:
        running.command("CONFIG", "SET", "appendonly", "no")
    done = backup(running, tmp_path / "backups")

    assert done.returncode == 1
    assert "server" in done.stderr
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_folder_that_is_not_the_servers_is_refused(running: Server, tmp_path: Path) -> None:
    wrong = Server(tmp_path / "elsewhere")
    wrong.folder.mkdir()
    wrong.port = running.port
    done = backup(wrong, tmp_path / "backups")

    assert done.returncode == 2
    assert "no appendonlydir" in done.stderr
