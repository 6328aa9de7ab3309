"""The guard of `gateway dev`: ends its children when it was killed and could not.

`python -m gateway.cli.local.dev_guard` reads their process ids from its input, and acts when that
ends. It needs nothing but the standard library: it is there in every run and nearly never needed.
"""

import os
import sys

from gateway.cli.common.process_set import end_processes

# A little more than `gateway worker` and `gateway serve` give those whom they have to end.
STOP_WITHIN_S = 22.0


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def main() -> None:
    """Read ids until the input ends, then end them; the first, which the others need, goes last."""
    pids = [int(line) for line in sys.stdin]
    for part in (pids[1:], pids[:1]):
        end_processes(part, _is_alive, STOP_WITHIN_S)


if __name__ == "__main__":
    main()
