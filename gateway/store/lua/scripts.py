"""Script texts, and the hash under which a server knows each."""

import hashlib
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from gateway.store.lua.constants import write_constants

SCRIPTS = Path(__file__).parent
# How the prelude reads the time; a store of `gateway dev` adds to it (redis/movable_clock.py).
CLOCK_TEXT = """\
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
"""


@cache
def source(script: str) -> str:
    """Return the text of a script with its constants, preceded by the prelude and what it needs.

    A script names the parts in a line of its own (`-- with: …`). What it rarely needs (`-- on
    demand: …`) costs a call nothing until the script calls `load_<part>()`, which returns the
    function of that name.
    """
    parts = dict.fromkeys(["prelude", *_needs(script)])
    del parts[script]
    late = [_on_demand(part, parts) for part in _named("on demand", script)]
    texts = [*(_files()[part].read_text() for part in parts), *late, _files()[script].read_text()]
    return write_constants("\n".join(texts))


def _needs(script: str) -> Iterator[str]:
    """Yield the parts that a script needs, each after its own needs, and then the script."""
    for part in _named("with", script):
        yield from _needs(part)
    yield script


def _on_demand(part: str, present: Container[str]) -> str:
    needs = (need for need in dict.fromkeys(_needs(part)) if need not in present)
    body = "\n".join(_files()[need].read_text() for need in needs)
    return f"local function load_{part}()\n{body}\nreturn {part}\nend"


def _named(how: str, script: str) -> Sequence[str]:
    found = re.search(rf"^-- {how}: (.*)$", _files()[script].read_text(), re.MULTILINE)
    return found[1].split(", ") if found else ()


@cache
def _files() -> Mapping[str, Path]:
    return {path.stem: path for path in SCRIPTS.rglob("*.lua")}


def script_names() -> Sequence[str]:
    """Return the names of all scripts, and of the parts that scripts are made of."""
    return tuple(_files())


@cache
def sha(script: str) -> str:
    """Return the hash under which a server knows a script once it was loaded."""
    return hashlib.sha1(source(script).encode(), usedforsecurity=False).hexdigest()
