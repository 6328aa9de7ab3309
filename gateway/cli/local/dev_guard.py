"""The guard of `gateway dev`: ends its children when it was killed and could not.

`python -m gateway.cli.local.dev_guard` reads their process ids from its input, and acts when that
ends. It imports nothing but the standard library: it is there in every run and nearly never needed.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

# A little more than `gateway worker` and `gateway serve` give those whom they have to end.
STOP_WITHIN_S = 22.0
LOOK_EVERY_S = 0.05


def end(pids: Sequence[int], alive: Callable[[int], bool], within_s: float) -> None:
    """Ask for an end in time and then kill; the first one, which the others need, goes last."""
    _end(pids[1:], alive, within_s)
    _end(pids[:1], alive, within_s)


def _end(pids: Sequence[int], alive: Callable[[int], bool], within_s: float) -> None:
    for pid in pids:
        if alive(pid):
            _send(os.kill, pid, signal.SIGTERM)
    deadline = time.monotonic() + within_s
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    for pid in filter(alive, pids):
        # Each of them leads a group of its own.
        _send(os.killpg, pid, signal.SIGKILL)


def _send(kill: Callable[[int, int], None], pid: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        kill(pid, what)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def main() -> None:
    """Read ids until the input ends, then end them."""
    end([int(line) for line in sys.stdin], _is_alive, STOP_WITHIN_S)


if __name__ == "__main__":
    main()
