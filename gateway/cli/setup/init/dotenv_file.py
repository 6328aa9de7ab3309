"""The file `.env`: our settings in it are set, everything else stays unchanged."""

import contextlib
import os
import re
import tempfile
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

_PLAIN = re.compile(r"[\w.,:;|~+/=@%-]*", re.ASCII)
HEAD = "# Written by gateway init; docs/operations.md explains every setting.\n"


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


def parse_values(text: str | None) -> dict[str, str]:
    """Return the non-empty values in the text, parsed as every command does."""
    parsed = dotenv_values(stream=StringIO(text or ""))
    return {name: value for name, value in parsed.items() if value}


def find_changes(text: str | None, wanted: Mapping[str, str]) -> dict[str, str]:
    """Return the minimal changes that give the text all wanted values.

    NAME_FILE wins over NAME, so it is emptied if NAME is wanted.
    """
    before = parse_values(text)
    files = (f"{name}_FILE" for name in wanted)
    differing = {name: value for name, value in wanted.items() if before.get(name) != value}
    return differing | {name: "" for name in files if name in before}


def merge_values(text: str | None, wanted: Mapping[str, str]) -> str:
    """Set each name on its line, or at the end; keep all other lines unchanged.

    Raises FileError if such a file cannot hold a value.
    """
    remaining = dict(wanted)
    lines = []
    for binding in parse_stream(StringIO(HEAD if text is None else text)):
        line = binding.original.string
        if binding.key not in wanted:
            lines.append(line)
        elif binding.key in remaining:  # of several lines with one name, only the first is kept
            export = "export " if line.lstrip().startswith("export ") else ""
            lines.append(export + _format_line(binding.key, remaining.pop(binding.key)))
    if remaining and lines and not lines[-1].endswith("\n"):
        lines.append("\n")
    after = "".join([*lines, *(_format_line(name, value) for name, value in remaining.items())])
    # Line breaks and ${names} in a value have another meaning there.
    read_again = parse_values(after)
    if lost := [name for name, value in wanted.items() if read_again.get(name, "") != value]:
        raise FileError(f"Cannot write .env: it cannot hold the value of {', '.join(lost)}.")
    return after


def _format_line(name: str, value: str) -> str:
    if _PLAIN.fullmatch(value):
        return f"{name}={value}\n"
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{name}='{escaped}'\n"


def restrict_access(path: Path) -> None:
    """Make the file readable for its owner only. Raises FileError."""
    try:
        path.chmod(0o600)
    except OSError as error:
        raise FileError(f"Cannot close {path.name} to others: {error.strerror}.") from None


def write(path: Path, text: str) -> None:
    """Replace the file atomically, readable for its owner only. Raises FileError.

    Whatever happens meanwhile, the old file stays complete until the new one replaces it.
    """
    target = path.resolve()
    try:
        handle, name = tempfile.mkstemp(prefix=".env.", dir=target.parent)  # made with mode 0600
        try:
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise FileError(f"Cannot write {path.name}: {error.strerror}.") from None
