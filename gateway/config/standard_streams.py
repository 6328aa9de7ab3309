"""Standard files of a process whose parent closed them."""

import os
import sys


def reopen_closed() -> None:
    """Put /dev/null in the place of each closed standard file; call it before any file is opened.

    Otherwise the next file that is opened gets the number 2, a connection to Redis for instance,
    and the log lines are written into it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
            os.set_inheritable(opened, True)
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            stream = open(number, "w", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
