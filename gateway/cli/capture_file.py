"""A file that is there whole or not at all."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

STANDARD_OUTPUT = "-"


@contextmanager
def whole(name: str) -> Iterator[BinaryIO]:
    """Give what to write to; under its name it stands only once all of it is on disk.

    Nobody else on this machine may read it. What stood there before stays until then, and for good
    where writing ends early. Raises OSError.
    """
    if name == STANDARD_OUTPUT:
        with _nobody_reading():
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        return
    path = Path(name)
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


@contextmanager
def _nobody_reading() -> Iterator[None]:
    """Let Python not complain at its end where whoever read the output left, as `head` does."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise
