"""Which rulebook is in force while files change."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.rules.problems import RulebookError
from gateway.rules.source import Source
from tests.rules.booked import HEAD

ONE = f"{HEAD}- {{name: one, then: x}}\n"
TWO = f"{HEAD}- {{name: second, then: x}}\n"


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def rules(path: Path, written: str) -> Path:
    path.write_text(written)
    return path


def names(source: Source) -> list[str]:
    return [rule.name for rule in source.current().rules]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return rules(tmp_path / "rules.yaml", ONE)


def test_a_change_is_taken_up_after_a_second(file: Path, clock: Clock) -> None:
    source = Source(file, watch=True, clock=clock)
    rules(file, TWO)

    assert names(source) == ["one"]
    clock.now += 1

    with capture_logs() as logs:
        assert names(source) == ["second"]
    assert [(line["event"], line["version"]) for line in logs] == [
        ("rules_loaded", source.current().version)
    ]


def test_a_broken_change_keeps_the_old_rules_and_is_told_once(file: Path, clock: Clock) -> None:
    source = Source(file, watch=True, clock=clock)
    version = source.current().version
    rules(file, "version: 2\nrules: []\n")

    with capture_logs() as logs:
        for _ in range(3):
            clock.now += 1
            assert names(source) == ["one"]

    assert [(line["event"], line["version"]) for line in logs] == [("rules_rejected", version)]
    assert source.problem is not None
    assert source.problem.endswith("version: '2' is not known; this gateway reads 1")


def test_a_repaired_change_clears_the_problem(file: Path, clock: Clock) -> None:
    source = Source(file, watch=True, clock=clock)
    for written in ("version: 2\nrules: []\n", TWO):
        rules(file, written)
        clock.now += 1
        source.current()

    assert (source.problem, names(source)) == (None, ["second"])


def test_a_deleted_file_keeps_the_old_rules(file: Path, clock: Clock) -> None:
    source = Source(file, watch=True, clock=clock)
    file.unlink()
    clock.now += 1

    assert names(source) == ["one"]
    assert source.problem == f"{file}: cannot be read: No such file or directory"


def test_a_new_file_in_a_folder_is_taken_up(file: Path, clock: Clock) -> None:
    source = Source(file.parent, watch=True, clock=clock)
    rules(file.parent / "more.yaml", TWO)
    file.with_name("dangling.yaml").symlink_to("nowhere")
    clock.now += 1
    source.current()
    file.with_name("dangling.yaml").unlink()
    clock.now += 1

    assert names(source) == ["second", "one"]


def test_files_are_left_alone_without_watch(file: Path, clock: Clock) -> None:
    source = Source(file, watch=False, clock=clock)
    rules(file, TWO)
    clock.now += 60

    assert names(source) == ["one"]


def test_broken_rules_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(RulebookError):
        Source(rules(tmp_path / "rules.yaml", ""), watch=True)
