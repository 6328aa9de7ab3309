"""Table that a command is given: a file, since what reads it goes back to its start."""

from pathlib import Path
from typing import BinaryIO

from gateway.cli.common import errors


def open_table(path: Path) -> BinaryIO:
    """Open a file, or end the command with why it cannot be read."""
    if path.exists() and not path.is_file():
        raise errors.fail(f"{path} is no file: what comes through a pipe has to be stored in one.")
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise errors.fail(f"There is no file {path}.") from None
    except OSError as error:
        raise errors.fail(f"{path} cannot be read: {error.strerror}.") from None
