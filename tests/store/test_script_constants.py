"""What scripts and code both go by stands in Python alone."""

import re
from collections.abc import Iterator

import pytest

from gateway.core.sending.send import STATUS_RANK
from gateway.store.lua.constants import CONSTANTS, write_constants
from gateway.store.lua.scripts import SCRIPTS, source

LUA = {path.stem: path for path in SCRIPTS.rglob("*.lua")}
# Smaller ones mean too many things to be told apart.
SHARED = {value for value in CONSTANTS.values() if isinstance(value, int) and value > 4}
LARGE = 1_000


def code(name: str) -> str:
    """Return what a file of Lua does, without its comments."""
    return code_of(LUA[name].read_text())


def code_of(lua: str) -> str:
    """Return Lua without its comments."""
    return re.sub(r"--.*", "", lua)


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


@pytest.mark.parametrize("name", sorted(LUA))
def test_constants_are_written_into_each_script(name: str) -> None:
    assert not re.search(r"\bC\.", code_of(source(name)))


def test_a_constant_is_its_value() -> None:
    lua = "local a, b = C.DAY_MS, C.STATUS_RANK.read\nlocal c = C.STATUS_RANK[stage]"

    first, rest = write_constants(lua).split("\n", 1)

    assert first.startswith("local STATUS_RANK = {queued = 0, attempting = 1, ")
    assert rest == "local a, b = 86400000, 7\nlocal c = STATUS_RANK[stage]"


def test_an_unknown_constant_is_an_error() -> None:
    with pytest.raises(KeyError):
        write_constants("local a = C.UNKNOWN")
