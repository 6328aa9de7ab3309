"""Watchdog of `gateway dev`: terminates its children if it was killed.

`python -m gateway.cli.local.dev_guard` reads their process ids from stdin, and acts when that
closes. It imports only the standard library: it runs every time and is almost never needed.
"""

import os
import sys

from gateway.cli.common.process_set import end_processes

# A little more than `gateway worker` gives a worker to end that may be calling a service.
STOP_WITHIN_S = 72.0


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def main() -> None:
    """Read process ids until stdin closes, then end them; the first last, as the others need it."""
    pids = [int(line) for line in sys.stdin]
    for part in (pids[1:], pids[:1]):
        end_processes(dict.fromkeys(part, STOP_WITHIN_S), _is_alive)


if __name__ == "__main__":
    main()
