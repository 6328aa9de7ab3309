"""Values that the accounts file only names: each stands in the environment or in a file."""

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gateway.config.types import Secret, Secrets, Token
from gateway.rules.loader import read_file

AROUND = f"\ufeff{string.whitespace}"

_KINDS: Mapping[str, TypeAdapter[Any]] = {
    "secrets": TypeAdapter(Secrets),
    "verify_token": TypeAdapter(Secret),
    "token": TypeAdapter(Token),
}


@dataclass(frozen=True, slots=True)
class ValueReference:
    """The place of a value: a variable of the environment, or a file."""

    kind: str  # "env" or "file"
    name: str = field(repr=False)


class MissingValueError(Exception):
    """A value cannot be had; the text says why, without the value."""


class ValueReader:
    """Reads values from an environment and from files, each file once."""

    def __init__(self, env: Mapping[str, str], folder: Path) -> None:
        """Take the environment, and the folder from which paths of files begin."""
        self._env, self._folder = env, folder
        self._files: dict[str, str] = {}
        self._looked_at: dict[str, None] = {}

    @property
    def paths(self) -> tuple[Path, ...]:
        """Return the files that were looked at, also those that could not be read."""
        return tuple(self._folder / name for name in self._looked_at)

    def read(self, reference: ValueReference, use: str) -> tuple[str, ...]:
        """Return the values that a reference names, for one use; only `secrets` may be several.

        Raises MissingValueError with a sentence that begins behind the name of the key.
        """
        text = self._text(reference)
        if not text:
            raise MissingValueError(f"{_described(reference)} is empty")
        try:
            checked = _KINDS[use].validate_python(text)
        except ValidationError as error:
            reason = error.errors()[0].get("ctx", {}).get("error", "is malformed")
            raise MissingValueError(f"the value of {_described(reference)} {reason}") from None
        each = checked if isinstance(checked, tuple) else (checked,)
        return tuple(one.get_secret_value() for one in each)

    def _text(self, reference: ValueReference) -> str:
        if reference.kind == "file":
            return self._read_file(reference.name)
        if reference.name not in self._env:
            raise MissingValueError(f"the environment has no {reference.name}")
        return self._env[reference.name].strip(AROUND)

    def _read_file(self, name: str) -> str:
        self._looked_at[name] = None
        if name not in self._files:
            file = read_file(self._folder / name)
            # Without the path, in whose place an operator may have written the secret.
            if file.problem:
                raise MissingValueError(f"the file {file.problem.message}")
            try:
                self._files[name] = file.content.decode().strip(AROUND)
            except UnicodeDecodeError:
                raise MissingValueError("the file is not UTF-8") from None
        return self._files[name]


def _described(reference: ValueReference) -> str:
    return reference.name if reference.kind == "env" else "the file"
