"""Which rulebook is in force where, and what is kept of the last that was right."""

from pathlib import Path

import pytest

from gateway.rules.loader import File
from gateway.store import keys
from gateway.store.monitoring.snapshot import read
from gateway.store.planning import rulebooks
from gateway.store.planning.rulebooks import InForce
from gateway.store.redis.client import Store
from tests.support.store.raw import raw

pytestmark = pytest.mark.store
MAIN, SHOP = Path("rules"), Path("accounts/shop")
FILES = (File("a.yaml", b"version: 1\n"), File("b.yaml", "# olá\n".encode()))


def in_force(store: Store) -> tuple[InForce, ...]:
    return read(store, 0).rulebooks


def test_each_process_tells_what_it_has_in_force(store: Store) -> None:
    for process, version in (("a:1", "v1"), ("a:2", "v1"), ("a:1", "v2")):
        rulebooks.report(store, process, InForce(version))

    assert rulebooks.count_versions(in_force(store)) == {"v2": 1, "v1": 1}


def test_a_process_that_says_nothing_for_long_has_ended(store: Store) -> None:
    rulebooks.report(store, "a:1", InForce("v1"))
    raw(store).hset(keys.RULEBOOKS, "a:0", b'1000|{"version":"v0","problem":""}')

    assert [one.version for one in in_force(store)] == ["v1"]
    rulebooks.forget_ended(store)
    assert raw(store).hkeys(keys.RULEBOOKS) == [b"a:1"]


def test_a_process_without_rules_says_so_and_older_ones_have_some(store: Store) -> None:
    rulebooks.report(store, "a:1", InForce("v0", has_files=False))
    later_ms = int(raw(store).time()[0]) * 1000 + 60_000
    raw(store).hset(keys.RULEBOOKS, "a:0", f'{later_ms}|{{"version":"v1","problem":""}}')

    assert {one.version: one.has_files for one in in_force(store)} == {"v0": False, "v1": True}


def test_a_long_problem_is_told_in_part(store: Store) -> None:
    rulebooks.report(store, "a:1", InForce("v1", "x" * 100_000))

    assert [len(one.problem) for one in in_force(store)] == [300]


def test_the_files_of_the_last_rules_that_were_right_are_kept(store: Store) -> None:
    assert rulebooks.read_kept_files(store, MAIN, MAIN) == ()

    rulebooks.keep_files(store, MAIN, {MAIN: ("v1", (File("old.yaml", b"x"),))}, [MAIN])
    rulebooks.keep_files(store, MAIN, {MAIN: ("v2", FILES)}, [MAIN])
    rulebooks.keep_files(store, MAIN, {MAIN: ("v2", FILES[:1])}, [MAIN])

    assert rulebooks.read_kept_files(store, MAIN, MAIN) == FILES


def test_files_of_each_path_are_kept_until_no_account_uses_them(store: Store) -> None:
    rulebooks.keep_files(store, MAIN, {MAIN: ("v1", FILES), SHOP: ("v2", FILES[:1])}, [MAIN, SHOP])

    assert rulebooks.read_kept_files(store, MAIN, SHOP) == FILES[:1]

    rulebooks.keep_files(store, MAIN, {}, [])

    assert rulebooks.read_kept_files(store, MAIN, SHOP) == ()
    assert rulebooks.read_kept_files(store, MAIN, MAIN) == FILES
