"""Fork server: a process that has imported the gateway, and forks each process a test starts.

    python -m tests.support.fork_server CONTROL

Importing Celery and the gateway takes most of what a short test costs. CONTROL is a Unix socket
with one message for each process: what Python would be given, the environment and the folder as
JSON, with two to four files. The first is a socket, on which the new process writes its id and the
fork server its exit code. The second takes its output, and its errors where no third one does; it
reads the fourth. The fork server ends with the other end of CONTROL.

It has no threads and runs nothing of the gateway, so a fork differs from a fresh start only in that
modules are imported. What Python or the linker reads in the environment at the start has no effect.
"""

import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

import gateway
import tasks

MOST_BYTES, MOST_FILES = 1 << 20, 4
# What Celery, kombu and uvicorn import only when they start.
ALSO = (
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.concurrency.prefork",
    "celery.concurrency.thread",
    "kombu.transport.redis",
    "redbeat.schedulers",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
)


def main() -> None:
    """Fork until nobody can ask any more; in a fork, become the process that is asked for."""
    for name in (*ALSO, *modules()):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as control:
        order = ForkServer(control).serve()
    if order:
        become(order)


def modules() -> Iterator[str]:
    """Return the modules of the product that do nothing by being imported."""
    for package in (gateway, tasks):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield found.name


class ForkServer:
    """Forks as it is asked to, and reports the exit code of each process."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._reports: dict[int, tuple[int, socket.socket]] = {}  # by the file of a process

    def serve(self) -> dict[str, Any] | None:
        """Return what is asked for in each fork, and None in the fork server at its end."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is not self._control:
                    self._report(key.fd)
                    continue
                asked, files, _, _ = socket.recv_fds(self._control, MOST_BYTES, MOST_FILES)
                if not asked:
                    return None
                if self._fork(socket.socket(fileno=files[0]), files[1:]):
                    return dict(json.loads(asked))

    def _fork(self, report: socket.socket, files: list[int]) -> bool:
        """Fork, and return whether this is the new process."""
        pid = os.fork()
        if pid:
            for file in files:
                os.close(file)
            process = os.pidfd_open(pid)
            self._reports[process] = (pid, report)
            self._selector.register(process, selectors.EVENT_READ)
            return False
        os.setsid()
        output, errors, *read = files if files[1:] else files * 2
        for file, standard in zip((output, errors, *read), (1, 2, 0), strict=False):
            os.dup2(file, standard)
        for file in files:
            os.close(file)
        report.sendall(b"%d" % os.getpid())
        report.close()
        self._close()
        return True

    def _report(self, process: int) -> None:
        pid, report = self._reports.pop(process)
        _, status = os.waitpid(pid, 0)
        with report:
            report.sendall(b"%d" % os.waitstatus_to_exitcode(status))
        self._selector.unregister(process)
        os.close(process)

    def _close(self) -> None:
        """Close in a fork what belongs to the fork server."""
        self._selector.close()
        for process, (_, report) in self._reports.items():
            os.close(process)
            report.close()


def become(order: dict[str, Any]) -> None:
    """Run what Python is asked for: `-m MODULE ...` or `-c CODE ...`."""
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    os.chdir(order["folder"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run_as_python(*order["args"])


def run_as_python(how: str, what: str, *args: str) -> None:
    """Run a module, or code, as Python does when it is given -m or -c."""
    sys.argv = [what if how == "-m" else how, *args]
    if how == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    main()
