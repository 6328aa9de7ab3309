"""The files of a rulebook as they are at one moment, each read once."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from gateway.rules.problems import Mark, Problem, RulebookError

MAX_BYTES = 1_000_000
SUFFIXES = (".yaml", ".yml")
# Conversations that stand beside the rules they are about: shop.test.yaml beside shop.yaml.
TESTS = tuple(f".test{suffix}" for suffix in SUFFIXES)


@dataclass(frozen=True, slots=True)
class File:
    """One file: what it holds, or why it could not be read."""

    name: str
    content: bytes = field(default=b"", repr=False)
    problem: Problem | None = None


def read(path: Path) -> tuple[File, ...]:
    """Read a file, or the *.yaml and *.yml files of a folder by name.

    Raises RulebookError where there are none; a file that cannot be read says so itself.
    """
    return tuple(one(file) for file in _rules_in(path))


def one(file: Path) -> File:
    """Read one file."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        return File(_name(file), problem=_unreadable(file, error))
    if len(content) > MAX_BYTES:
        return File(_name(file), problem=Problem(_name(file), Mark(), "", "is larger than 1 MB"))
    return File(_name(file), content)


def stamp(files: Iterable[File]) -> bytes:
    """Return what changes with any byte of any file: times and sizes may stay as they were."""
    seen = blake2b(digest_size=16)
    for file in files:
        for part in (file.name, file.content, str(file.problem)):
            data = part.encode() if isinstance(part, str) else part
            seen.update(len(data).to_bytes(8) + data)
    return seen.digest()


def listed(path: Path) -> list[Path]:
    """List the YAML files of a folder by name, tests among them. Raises OSError."""
    found = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
    # An editor keeps its own files, such as .#rules.yaml, beside the one that is written.
    return [file for file in found if not file.name.startswith(".")]


def _rules_in(path: Path) -> list[Path]:
    try:
        if path.is_file():
            return [path]
        rules = [file for file in listed(path) if not file.name.endswith(TESTS)]
    except OSError as error:
        raise RulebookError([_unreadable(path, error)]) from None
    if rules:
        return rules
    raise RulebookError([Problem(_name(path), Mark(), "", "holds no *.yaml or *.yml file")])


def _unreadable(path: Path, error: OSError) -> Problem:
    return Problem(_name(path), Mark(), "", f"cannot be read: {error.strerror}")


def _name(path: Path) -> str:
    """Name a file so that it can be told and kept: a name need not be UTF-8."""
    return str(path).encode(errors="replace").decode()
