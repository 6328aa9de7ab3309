"""Names of worker processes, and how a main process learns which of its children ended.

`celery worker` starts a main process; a prefork one forks the children that run tasks.
"""

import contextlib
import os
import secrets
import socket
import struct
from functools import cache

# Made when the main process imports this, before it forks: its children inherit the name.
_MAIN = f"{socket.gethostname()}-{secrets.token_hex(4)}"
_PID = struct.Struct("i")
_MOST_PIDS = 1_000


def main_name() -> str:
    """Return the name of this process's main process, `<host>-<random>`; no other start has it."""
    return _MAIN


def process_name(pid: int | None = None) -> str:
    """Return the name of this process, or of the child `pid` of this main: `<main>/<pid>`."""
    return f"{_MAIN}/{os.getpid() if pid is None else pid}"


class Children:
    """Children of a main process, each announced by itself before its first task.

    The pool's own list would miss a child that takes a task and dies between two looks.
    """

    def __init__(self) -> None:
        """Open the pipe through which children announce themselves; called before the fork."""
        self._read_fd, self._write_fd = os.pipe()
        for end in (self._read_fd, self._write_fd):
            os.set_blocking(end, False)
        self._alive: set[int] = set()

    def announce(self) -> None:
        """Announce this child to the main process; without a listener this does nothing."""
        with contextlib.suppress(OSError):
            os.write(self._write_fd, _PID.pack(os.getpid()))

    def poll_ended(self) -> list[int]:
        """Return the pids of the children that ended since the last call, in any way."""
        self._alive.update(self._read_new_pids())
        gone = [pid for pid in self._alive if _has_ended(pid)]
        self._alive.difference_update(gone)
        return gone

    def _read_new_pids(self) -> list[int]:
        try:
            raw = os.read(self._read_fd, _MOST_PIDS * _PID.size)
        except BlockingIOError:
            return []
        return [pid for (pid,) in _PID.iter_unpack(raw)]


@cache
def children() -> Children:
    """Return the children of this main process; in a child, those of its main process."""
    return Children()


def _has_ended(pid: int) -> bool:
    """Return whether a child has ended, and leave its exit status to the pool."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True  # the pool has collected it already
