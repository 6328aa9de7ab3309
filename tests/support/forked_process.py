"""A process that the fork server starts, handled like one of `subprocess`."""

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

START_WITHIN_S = 180
RUN_WITHIN_S = 180  # beside a busy machine
MOST_BYTES = 100


class ForkedProcess:
    """A process in a session of its own, with the methods of `subprocess.Popen` that tests use."""

    def __init__(
        self,
        args: Sequence[str],
        env: Mapping[str, str],
        output: IO[bytes],
        folder: Path | None,
        *others: IO[bytes],
    ) -> None:
        """Start what `python ARGS` would be. Raises OSError if the fork server is gone.

        The other files take its errors, which go to its output else, and are its input.
        """
        self.args = args
        self.returncode: int | None = None
        self._lock = threading.Lock()
        self._reports, given = socket.socketpair(type=socket.SOCK_SEQPACKET)
        weakref.finalize(self, self._reports.close)
        order = {"args": list(args), "env": dict(env), "folder": str(folder or Path.cwd())}
        with given:
            files = [given.fileno(), output.fileno(), *(one.fileno() for one in others)]
            socket.send_fds(fork_server(), [json.dumps(order).encode()], files)
        self._reports.settimeout(START_WITHIN_S)
        self.pid = self._read_report()

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        return self._read_exit_code(0)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code. Raises TimeoutExpired while the process runs."""
        code = self._read_exit_code(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def send_signal(self, how: int) -> None:
        """Send a signal, unless the process has ended."""
        # The fork server takes note of its end a moment before it reports it.
        with contextlib.suppress(ProcessLookupError):
            if self.poll() is None:
                os.kill(self.pid, how)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _read_exit_code(self, within_s: float | None) -> int | None:
        if self.returncode is None and select.select([self._reports], [], [], within_s)[0]:
            with self._lock:
                if self.returncode is None:
                    self.returncode = self._read_report()
        return self.returncode

    def _read_report(self) -> int:
        if report := self._reports.recv(MOST_BYTES):
            return int(report)
        raise OSError("the fork server has ended")


def run_python(
    args: Sequence[str], env: Mapping[str, str], folder: Path, typed: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run what Python is given to its end, with that input, and return what it wrote."""
    reading, writing = os.pipe()
    with (
        TemporaryFile() as output,
        TemporaryFile() as errors,
        os.fdopen(reading, "rb") as read,
        os.fdopen(writing, "wb") as written,
    ):
        process = ForkedProcess(args, env, output, folder, errors, read)
        written.write(typed.encode())
        written.close()
        try:
            code = process.wait(RUN_WITHIN_S)
        finally:
            process.kill()
        shown = [_content(file) for file in (output, errors)]
    return subprocess.CompletedProcess([*args], code, *shown)


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


@cache
def fork_server() -> socket.socket:
    """Start the fork server of this run of tests, and return the socket that it listens to."""
    ours, control = socket.socketpair(type=socket.SOCK_SEQPACKET)
    with control:
        command = [sys.executable, "-m", "tests.support.fork_server", str(control.fileno())]
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[control.fileno()],
            cwd=Path(__file__).parents[2],
            start_new_session=True,
        )
    atexit.register(server.wait)
    atexit.register(ours.close)
    return ours
