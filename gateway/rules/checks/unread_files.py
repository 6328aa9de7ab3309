"""Warnings of files that look like rules to their author, and are not read."""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from gateway.rules.problems import Mark, Problem

_LOOKS_LIKE_RULES = re.compile(r"\.ya?ml(\.txt)?", re.IGNORECASE)
_READ = re.compile(r"\.ya?ml")
# The entries of a subfolder that are looked at; a folder of rules has fewer.
_MOST_ENTRIES = 10_000


def unread_warnings(folder: Path) -> Iterator[Problem]:
    """Yield a warning of each such file of a folder, and of each subfolder that has some.

    Hidden files are left out: editors and Kubernetes keep their own there. Raises OSError.
    """
    for entry in sorted(folder.iterdir() if folder.is_dir() else ()):
        if entry.name.startswith(".") or _READ.fullmatch(entry.suffix):
            continue
        if entry.is_dir():
            yield from _subfolder_warnings(entry)
        elif _looks_like_rules(entry):
            message = "is not read: only files that end in .yaml or .yml are, so rename it"
            yield _warn(entry, message)


def _subfolder_warnings(subfolder: Path) -> Iterator[Problem]:
    entries = islice(subfolder.rglob("*"), _MOST_ENTRIES)
    files = sorted(filter(_looks_like_rules, entries))
    if files:
        others = f", nor are {len(files) - 1} more of {subfolder.name}/" if files[1:] else ""
        yield _warn(files[0], f"is not read{others}: subfolders are not, so move it out of there")


def _looks_like_rules(file: Path) -> bool:
    endings = "".join(file.suffixes[-2:]), file.suffix
    return not file.name.startswith(".") and any(map(_LOOKS_LIKE_RULES.fullmatch, endings))


def _warn(file: Path, message: str) -> Problem:
    name = str(file).encode(errors="replace").decode()
    return Problem(name, Mark(), "", message, is_warning=True)
