"""Atomic output file: it appears complete or not at all."""

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
    """Yield a file to write to; it gets its name only once all of it is on disk.

    Only its owner may read it. An existing file stays until then, and for good if writing ends
    early. A symbolic link is followed; a pipe or a device is written directly.
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
    """Return whether it is a pipe or a device: no file may take the place of /dev/null."""
    try:
        mode = os.stat(name).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextmanager
def _silence_closed_pipe() -> Iterator[None]:
    """Suppress Python's error at exit when the reader of the output has quit, as `head` does."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise
