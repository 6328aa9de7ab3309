"""A file that is there whole or not at all."""

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

STANDARD_OUTPUT = "-"


@contextmanager
def open_atomic(name: str) -> Iterator[BinaryIO]:
    """Give what to write to; under its name it stands only once all of it is on disk.

    Nobody else on this machine may read it. What stood there before stays until then, and for good
    where writing ends early. A link stays one, and to a pipe or a device it is written as it comes.
    Raises OSError.
    """
    if name == STANDARD_OUTPUT:
        with _silence_closed_pipe():
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        return
    if _is_special_file(name):
        with open(name, "wb") as file:
            yield file
        return
    path = Path(os.path.realpath(name))
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


def _is_special_file(name: str) -> bool:
    """Say whether what is written there goes elsewhere: nothing may take the place of /dev/null."""
    try:
        mode = os.stat(name).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextmanager
def _silence_closed_pipe() -> Iterator[None]:
    """Let Python not complain at its end where whoever read the output left, as `head` does."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise
