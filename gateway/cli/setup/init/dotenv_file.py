"""The file `.env`: what is ours in it is set, everything else stays as it stands."""

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
    """Return what the file holds, None where there is none. Raises FileError."""
    try:
        return path.read_bytes().decode()  # line ends as they are
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise FileError(f"Cannot read {path.name}: {why}.") from None


def check_writable(path: Path) -> None:
    """See, before anybody types, that the file could be written. Raises FileError."""
    if not os.access(path.resolve().parent, os.W_OK):
        raise FileError(f"Cannot write {path.name}: this folder may not be written to.")


def parse_values(text: str | None) -> dict[str, str]:
    """Return what the text sets, as every command reads it, without what is empty."""
    parsed = dotenv_values(stream=StringIO(text or ""))
    return {name: value for name, value in parsed.items() if value}


def find_changes(text: str | None, wanted: Mapping[str, str]) -> dict[str, str]:
    """Return what would have to be set for the text to say what is wanted, and nothing else.

    NAME_FILE wins over NAME, so it is emptied where NAME is wanted.
    """
    before = parse_values(text)
    files = (f"{name}_FILE" for name in wanted)
    differing = {name: value for name, value in wanted.items() if before.get(name) != value}
    return differing | {name: "" for name in files if name in before}


def merge_values(text: str | None, wanted: Mapping[str, str]) -> str:
    """Set each name where it stands, or at the end; keep all other lines as they are.

    Raises FileError where such a file cannot hold a value.
    """
    remaining = dict(wanted)
    lines = []
    for binding in parse_stream(StringIO(HEAD if text is None else text)):
        line = binding.original.string
        if binding.key not in wanted:
            lines.append(line)
        elif binding.key in remaining:  # Of several lines with one name only one is left.
            export = "export " if line.lstrip().startswith("export ") else ""
            lines.append(export + _format_line(binding.key, remaining.pop(binding.key)))
    if remaining and lines and not lines[-1].endswith("\n"):
        lines.append("\n")
    after = "".join([*lines, *(_format_line(name, value) for name, value in remaining.items())])
    # Lines and ${names} in a value mean something else there.
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
    """Let nobody but its owner read the file. Raises FileError."""
    try:
        path.chmod(0o600)
    except OSError as error:
        raise FileError(f"Cannot close {path.name} to others: {error.strerror}.") from None


def write(path: Path, text: str) -> None:
    """Put the text in the file's place at once, for its owner's eyes only. Raises FileError.

    Whatever happens in the middle, what was there is there still, and no half of the new one.
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
