"""Script texts, and the hash under which a server knows each."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from gateway.store.lua.constants import write_constants

SCRIPTS = Path(__file__).parent


@cache
def source(script: str) -> str:
    """Return the text of a script with its constants, preceded by the prelude and what it needs.

    A script names the parts in a line of its own (`-- with: …`).
    """
    names = dict.fromkeys(["prelude", *_needs(script)])
    return write_constants("\n".join(_files()[name].read_text() for name in names))


def _needs(script: str) -> Iterator[str]:
    """Yield the parts that a script needs, each after its own needs, and then the script."""
    named = re.search(r"^-- with: (.*)$", _files()[script].read_text(), re.MULTILINE)
    for part in named[1].split(", ") if named else ():
        yield from _needs(part)
    yield script


@cache
def _files() -> Mapping[str, Path]:
    return {path.stem: path for path in SCRIPTS.rglob("*.lua")}


@cache
def sha(script: str) -> str:
    """Return the hash under which a server knows a script once it was loaded."""
    return hashlib.sha1(source(script).encode(), usedforsecurity=False).hexdigest()
