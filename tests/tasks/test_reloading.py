"""A worker process takes up changed rules, tells which it has, and outlives broken ones."""

from pathlib import Path

import pytest

from gateway.accounts.rulebooks import AccountRules
from gateway.rules.problems import RulebookError
from gateway.rules.reloader import RulebookSource
from gateway.store.monitoring.snapshot import read
from gateway.store.planning import rulebooks
from gateway.store.planning.rulebooks import InForce
from gateway.store.redis.client import Store
from tasks.context import WorkerContext, build_context
from tasks.processes.reloading import Reloader
from tests.support.rules.rulebooks import HEAD
from tests.support.stack import RULES

pytestmark = pytest.mark.store
BROKEN = "version: 2\nrules: []\n"
OTHER = f"{HEAD}- {{name: other, then: x}}\n"


class Process:
    """A process whose clock moves when it is told to."""

    def __init__(self, at_work: WorkerContext) -> None:
        self.now = 100.0
        self.source = AccountRules(at_work.accounts.current, self.open_rules)
        self.reloading = Reloader(at_work.store, at_work.settings, at_work.accounts, self.source)

    def open_rules(self, path: Path, /, *, zone: str) -> RulebookSource:
        return RulebookSource(path, lambda: self.now, zone=zone)

    def pass_time(self, seconds: int = 3) -> str:
        for _ in range(seconds):
            self.now += 1
            self.reloading.reload_and_report()
        return self.source.current().version


@pytest.fixture
def process(at_work: WorkerContext) -> Process:
    return Process(at_work)


def write(at_work: WorkerContext, rules: str) -> Path:
    path = at_work.settings.gateway_rules
    path.write_text(rules)
    return path


def kept_rules(at_work: WorkerContext) -> list[str]:
    path = at_work.settings.gateway_rules
    return [one.content.decode() for one in rulebooks.read_kept_files(at_work.store, path, path)]


def in_force(store: Store) -> tuple[InForce, ...]:
    return read(store, 0).rulebooks


def test_what_is_in_force_is_told_and_kept(
    process: Process, at_work: WorkerContext, store: Store
) -> None:
    version = process.pass_time()

    assert in_force(store) == (InForce(version),)
    assert kept_rules(at_work) == [RULES]


def test_a_change_is_told_and_kept(process: Process, at_work: WorkerContext, store: Store) -> None:
    before = process.pass_time()
    write(at_work, OTHER)
    after = process.pass_time()

    assert after != before
    assert in_force(store) == (InForce(after),)
    assert kept_rules(at_work) == [OTHER]


def test_a_broken_change_is_told_and_not_kept(
    process: Process, at_work: WorkerContext, store: Store
) -> None:
    before = process.pass_time()
    file = write(at_work, BROKEN)
    process.pass_time()

    problem = f"{file}:1:10: version: '2' is not known; this gateway reads 1"
    assert in_force(store) == (InForce(before, problem[:300]),)
    assert kept_rules(at_work) == [RULES]


def test_a_process_that_is_started_again_beside_broken_rules_goes_on_with_those_of_before(
    process: Process, at_work: WorkerContext
) -> None:
    version = process.pass_time()
    write(at_work, BROKEN)

    again = build_context(at_work.settings)
    again.graph.close()
    again.store.close()

    assert (again.rules.current().version, bool(again.rules.problems)) == (version, True)


def test_rules_that_were_never_right_stop_a_process(at_work: WorkerContext) -> None:
    write(at_work, BROKEN)

    with pytest.raises(RulebookError):
        build_context(at_work.settings)


def test_a_process_without_rules_says_so_and_forgets_none_of_before(
    process: Process, at_work: WorkerContext, store: Store, tmp_path: Path
) -> None:
    process.pass_time()
    empty = tmp_path / "empty"
    empty.mkdir()
    rules = AccountRules(
        at_work.accounts.current, lambda _, /, *, zone: RulebookSource(empty, zone=zone)
    )
    Reloader(at_work.store, at_work.settings, at_work.accounts, rules).reload_and_report()

    assert [one.has_files for one in in_force(store)] == [False]
    assert kept_rules(at_work) == [RULES]
