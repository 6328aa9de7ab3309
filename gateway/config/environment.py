"""The environment over the file `.env`: the only place that reads it.

Every name may also be given as NAME_FILE, a file that holds the value (mounted secrets).
"""

import os
import string
from collections.abc import Iterable, Mapping
from pathlib import Path

from dotenv import dotenv_values

DOTENV = Path(".env")

# No part of a value, whichever way it comes in: an editor's byte order mark, and white space.
AROUND = f"\ufeff{string.whitespace}"


class SettingsError(Exception):
    """Settings are missing or malformed; `problems` has one line for each."""

    def __init__(self, problems: list[str]) -> None:
        """Store the list, and put all of it into the message."""
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


def read_fields(
    fields: Iterable[str], env: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the value of each field in `env`, and the unreadable ones; empty means not given."""
    values, unreadable = {}, {}
    for field in fields:
        name = field.upper()
        value = env.get(name, "").strip(AROUND)
        if path := env.get(f"{name}_FILE"):
            try:
                value = Path(path).read_text(encoding="utf-8").strip(AROUND)
            except (OSError, ValueError):
                # Without the path: an operator who mixes the two names up has put the secret there.
                unreadable[field] = f"{name}_FILE names a file that cannot be read"
        if value:
            values[field] = value
    return values, unreadable


def environment() -> dict[str, str]:
    """Return the environment over the file `.env`. Raises SettingsError if the file is not text."""
    try:
        file_values = dotenv_values(DOTENV)
    except (OSError, UnicodeError):
        raise SettingsError([".env cannot be read: it must be text in UTF-8, and ours"]) from None
    return {k: v for k, v in file_values.items() if v is not None} | os.environ


def value_files(names: Iterable[str], env: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the files in which the values of settings stand, by NAME_FILE."""
    return tuple(Path(path) for name in names if (path := env.get(f"{name.upper()}_FILE")))


def read_settings(names: Iterable[str], env: Mapping[str, str]) -> dict[str, str]:
    """Return the values of settings in `env`, files read; unreadable ones are left out."""
    return read_fields(names, env)[0]


def read_process_settings(names: Iterable[str]) -> dict[str, str]:
    """Return the values of settings in this process's own environment alone, files read.

    Raises SettingsError if a file cannot be read.
    """
    values, unreadable = read_fields(names, os.environ)
    if unreadable:
        raise SettingsError(list(unreadable.values()))
    return values
