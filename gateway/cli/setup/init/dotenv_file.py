"""The file `.env`: our settings in it are set, everything else stays unchanged."""

import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from gateway.cli.setup.init import text_file
from gateway.cli.setup.init.text_file import FileError

_PLAIN = re.compile(r"[\w.,:;|~+/=@%-]*", re.ASCII)
HEAD = "# Written by gateway init; docs/operations.md explains every setting.\n"


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
    """Replace the file atomically, readable for its owner only. Raises FileError."""
    text_file.replace(path, text, 0o600)
