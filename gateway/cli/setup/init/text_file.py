"""Text file that `gateway init` reads and replaces: `.env`, and the file of accounts."""

import contextlib
import os
import tempfile
from pathlib import Path


class FileError(Exception):
    """The file cannot be read or written; the text is one sentence."""


def read(path: Path) -> str | None:
    """Return the file's content, None if there is no file. Raises FileError."""
    try:
        return path.read_bytes().decode()  # line ends unchanged
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise FileError(f"Cannot read {path.name}: {why}.") from None


def check_writable(path: Path) -> None:
    """Check, before the first question, that the file can be written. Raises FileError."""
    if not os.access(path.resolve().parent, os.W_OK):
        raise FileError(f"Cannot write {path.name}: this folder may not be written to.")


def replace(path: Path, text: str, mode: int) -> None:
    """Replace a file atomically, with this access; a symbolic link is followed. Raises FileError.

    Whatever happens meanwhile, the old file stays complete until the new one takes its place. Until
    then the new one is readable for its owner only.
    """
    target = path.resolve()
    try:
        handle, draft = tempfile.mkstemp(prefix=f".{target.name.lstrip('.')}.", dir=target.parent)
        try:
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(draft, mode)
            os.replace(draft, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(draft)
            raise
    except OSError as error:
        raise FileError(f"Cannot write {path.name}: {error.strerror}.") from None
