"""What scripts and code both go by stands in Python alone."""

import re
from collections.abc import Iterator

import pytest

from gateway.core.sending.send import STATUS_RANK
from gateway.store.lua.constants import CONSTANTS
from gateway.store.lua.scripts import SCRIPTS, source

LUA = {path.stem: path for path in SCRIPTS.rglob("*.lua")}
# Smaller ones mean too many things to be told apart.
SHARED = {value for value in CONSTANTS.values() if isinstance(value, int) and value > 4}
LARGE = 1_000


def code(name: str) -> str:
    """Return what a file of Lua does, without its comments."""
    return re.sub(r"--.*", "", LUA[name].read_text())


def numbers_of(lua: str) -> Iterator[int]:
    """Give the numbers that constants are set to, and all large ones."""
    for values in re.findall(r"^local [A-Z_]+(?:, [A-Z_]+)* = (.*)$", lua, re.MULTILINE):
        yield from map(int, re.findall(r"(?<![\w.])\d+(?![\w.])", values))
    yield from (one for one in map(int, re.findall(r"(?<![\w.])\d+", lua)) if one >= LARGE)


@pytest.mark.parametrize("name", sorted(LUA))
def test_no_script_has_a_number_that_the_code_has(name: str) -> None:
    assert SHARED.isdisjoint(numbers_of(code(name)))


@pytest.mark.parametrize("name", sorted(LUA))
def test_no_script_has_a_rung_in_digits(name: str) -> None:
    assert re.findall(r"'rung', \d|\brung\)? *[<>=~]=? *\d+", code(name)) == []


def test_scripts_use_each_constant_and_no_other() -> None:
    used = {one for name in LUA for one in re.findall(r"\bC\.(\w+)", code(name))}
    assert used == set(CONSTANTS)


def test_scripts_name_no_stage_that_is_not_on_the_ladder() -> None:
    named = {one for name in LUA for one in re.findall(r"C\.STATUS_RANK\.(\w+)", code(name))}
    assert named <= set(STATUS_RANK)


def test_each_script_begins_with_the_constants() -> None:
    first, _, rest = source("renew").partition("\n")
    assert first.startswith("local C = {DAY_MS = 86400000, ")
    assert "STATUS_RANK = {queued = 0, attempting = 1, " in first
    assert rest.startswith(LUA["prelude"].read_text())
