"""Which rulebook is in force while files change."""

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.rules.loader import File
from gateway.rules.problems import RulebookError
from gateway.rules.reloader import RulebookSource
from tests.support.factories import NOW
from tests.support.rules.rulebooks import HEAD

ONE = f"{HEAD}- {{name: one, then: x}}\n"
TWO = f"{HEAD}- {{name: two, then: x}}\n"
BROKEN = "version: 2\nrules: []\n"


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Looked:
    """A source that is looked at once a second."""

    def __init__(self, path: Path, *earlier: File, demo: Path | None = None) -> None:
        self.clock = Clock()
        self.source = RulebookSource(path, self.clock, lambda: earlier, demo)

    def after(self, seconds: int) -> list[str]:
        for _ in range(seconds):
            self.clock.now += 1
            self.source.reload_if_changed()
        return [rule.name for rule in self.source.current().rules]


def rules(path: Path, written: str) -> Path:
    path.write_text(written)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return rules(tmp_path / "rules.yaml", ONE)


@pytest.fixture
def looked(file: Path) -> Looked:
    return Looked(file)


def test_a_change_is_taken_up_once_it_has_settled_for_a_second(file: Path, looked: Looked) -> None:
    rules(file, TWO)

    assert (looked.after(1), looked.after(1)) == (["one"], ["two"])


def test_what_was_taken_up_is_logged_once(file: Path, looked: Looked) -> None:
    rules(file, TWO)

    with capture_logs() as logs:
        looked.after(5)

    version = looked.source.current().version
    assert [(line["event"], line["version"]) for line in logs] == [("rules_loaded", version)]


def test_files_are_looked_at_once_a_second_at_most(file: Path, looked: Looked) -> None:
    rules(file, TWO)
    for _ in range(9):
        looked.clock.now += 0.1
        looked.source.reload_if_changed()

    assert looked.after(0) == ["one"]


def test_a_file_that_is_written_for_long_is_left_alone_until_it_is_whole(
    file: Path, looked: Looked
) -> None:
    whole = f"{HEAD}- {{name: a, then: x}}\n- {{name: b, then: x}}\n- {{name: c, then: x}}\n"
    lines = whole.splitlines(keepends=True)

    seen = []
    for end in range(1, len(lines) + 1):
        rules(file, "".join(lines[:end]))
        seen.append(looked.after(1))

    assert (seen, looked.source.problem) == ([["one"]] * len(lines), "")
    assert looked.after(1) == ["a", "b", "c"]


def test_a_broken_change_keeps_the_old_rules_and_is_told_once(file: Path, looked: Looked) -> None:
    version = looked.source.current().version
    rules(file, BROKEN)

    with capture_logs() as logs:
        assert looked.after(5) == ["one"]

    assert [(line["event"], line["version"]) for line in logs] == [("rules_rejected", version)]
    assert looked.source.problem.endswith("version: '2' is not known; this gateway reads 1")


def test_a_change_is_taken_up_whole_or_not_at_all(file: Path) -> None:
    looked = Looked(file.parent)
    rules(file, TWO)
    rules(file.with_name("more.yaml"), BROKEN)

    assert looked.after(5) == ["one"]


@pytest.mark.parametrize("then", [ONE, TWO], ids=["as it was", "otherwise"])
def test_a_repaired_change_clears_the_problem(file: Path, looked: Looked, then: str) -> None:
    for written in (BROKEN, then):
        rules(file, written)
        looked.after(2)

    assert looked.source.problem == ""


def test_an_editor_may_put_another_file_in_its_place(file: Path, looked: Looked) -> None:
    rules(file.with_name("rules.yaml~"), TWO).replace(file)

    assert looked.after(2) == ["two"]


def test_a_change_that_leaves_time_and_size_as_they_were_is_seen(
    file: Path, looked: Looked
) -> None:
    before = file.stat()
    rules(file, TWO)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert (file.stat().st_mtime_ns, file.stat().st_size) == (before.st_mtime_ns, before.st_size)
    assert looked.after(2) == ["two"]


def test_a_folder_may_be_swapped_by_its_link(tmp_path: Path) -> None:
    """Kubernetes changes a mounted ConfigMap so: `..data` is put in place of the one before."""
    for name, written in (("..1", ONE), ("..2", TWO)):
        Path(tmp_path, name).mkdir()
        rules(tmp_path / name / "rules.yaml", written)
    Path(tmp_path, "..data").symlink_to("..1")
    Path(tmp_path, "rules.yaml").symlink_to("..data/rules.yaml")
    looked = Looked(tmp_path)
    Path(tmp_path, "..new").symlink_to("..2")
    Path(tmp_path, "..new").replace(tmp_path / "..data")

    assert looked.after(2) == ["two"]


def test_a_folder_that_goes_away_keeps_the_old_rules_until_it_is_back(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    rules(folder / "a.yaml", ONE)
    looked = Looked(folder)
    folder.rename(tmp_path / "elsewhere")

    assert looked.after(2) == ["one"]
    assert looked.source.problem == f"{folder}: cannot be read: No such file or directory"
    Path(tmp_path, "elsewhere").rename(folder)
    looked.after(2)
    assert looked.source.problem == ""


def test_a_new_file_in_a_folder_is_taken_up(file: Path) -> None:
    looked = Looked(file.parent)
    rules(file.with_name("more.yaml"), TWO)

    assert looked.after(2) == ["two", "one"]


def test_tests_beside_the_rules_are_no_rules(file: Path) -> None:
    rules(file.with_name("rules.test.yaml"), "- case: nothing")

    assert Looked(file.parent).after(2) == ["one"]


def test_broken_rules_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(RulebookError):
        RulebookSource(rules(tmp_path / "rules.yaml", ""))


def test_a_process_that_starts_beside_broken_rules_takes_those_of_before(file: Path) -> None:
    rules(file, BROKEN)

    source = RulebookSource(file, fallback=lambda: (File("rules.yaml", TWO.encode()),))

    assert [rule.name for rule in source.current().rules] == ["two"]
    assert source.problem.endswith("version: '2' is not known; this gateway reads 1")


def test_what_was_right_before_and_is_not_now_is_no_help(file: Path) -> None:
    rules(file, BROKEN)

    with pytest.raises(RulebookError):
        RulebookSource(file, fallback=lambda: (File("rules.yaml", b"version: 3\nrules: []\n"),))


@pytest.mark.parametrize("written", [ONE, BROKEN])
def test_a_name_that_is_not_utf_8_is_told_and_kept_with_a_mark_in_its_place(
    written: str, tmp_path: Path
) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    rules(folder / os.fsdecode(b"r\xe9gles.yaml"), written)

    source = RulebookSource(folder, fallback=lambda: (File("rules.yaml", ONE.encode()),))

    told = source.problem or source.files[0].name
    assert told.encode().partition(b":")[0] == str(folder / "r?gles.yaml").encode()


SHOP_HOURS = "version: 1\nhours: {shop: {mon-sun: 09:00-18:00}}\nrules: []\n"


def test_another_zone_is_taken_up_like_a_change(tmp_path: Path) -> None:
    clock = Clock()
    source = RulebookSource(rules(tmp_path / "rules.yaml", SHOP_HOURS), clock, zone="Asia/Tokyo")
    before = source.current()

    source.zone = "Europe/Berlin"
    for _ in range(2):
        clock.now += 1
        source.reload_if_changed()

    assert before.hours["shop"].zone == "Asia/Tokyo"
    assert source.current().hours["shop"].zone == "Europe/Berlin"
    assert source.current().version != before.version


def test_a_zone_that_is_taken_away_leaves_the_rules_in_force(tmp_path: Path) -> None:
    clock = Clock()
    source = RulebookSource(rules(tmp_path / "rules.yaml", SHOP_HOURS), clock, zone="Asia/Tokyo")

    source.zone = ""
    for _ in range(2):
        clock.now += 1
        source.reload_if_changed()

    assert source.current().hours["shop"].zone == "Asia/Tokyo"
    assert "hours.shop: zone: missing" in source.problem


def test_hours_that_name_a_zone_keep_it(tmp_path: Path) -> None:
    named = SHOP_HOURS.replace("{mon", "{zone: Europe/Lisbon, mon")
    source = RulebookSource(rules(tmp_path / "rules.yaml", named), zone="Asia/Tokyo")

    assert source.current().hours["shop"].zone == "Europe/Lisbon"


def test_the_hours_of_a_trial_are_taken_up_like_a_change(tmp_path: Path) -> None:
    shop = "hours: {shop: {zone: UTC, mon-sun: 00:00-24:00}}"
    file = rules(tmp_path / "rules.yaml", f"version: 1\n{shop}\nrules: []\n")
    trial, clock = tmp_path / "hours", Clock()
    source = RulebookSource(file, clock, trial_hours=trial)
    before, opening = source.current(), source.current().hours["shop"]

    def seen_after(written: str) -> str:
        trial.write_text(written)
        for _ in range(2):
            clock.now += 1
            source.reload_if_changed()
        return f"{source.current().hours['shop'].local_time(NOW):%H:%M}"

    assert seen_after("18:30\n") == "18:30"
    assert source.current().version != before.version
    assert seen_after("whenever") == f"{opening.local_time(NOW):%H:%M}"
    assert source.current().version == before.version


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """Give a folder without a file of rules, as a checkout has it."""
    folder = tmp_path / "rules"
    folder.mkdir()
    rules(folder / ".gitignore", "*\n")
    return folder


def test_a_folder_without_rules_is_a_rulebook_without_rules(empty: Path) -> None:
    looked = Looked(empty)

    assert (looked.after(3), looked.source.files, looked.source.problem) == ([], (), "")


def test_the_first_file_of_a_folder_is_taken_up(empty: Path) -> None:
    looked = Looked(empty)
    rules(empty / "rules.yaml", ONE)

    assert looked.after(2) == ["one"]


def test_a_folder_that_loses_its_last_file_keeps_the_old_rules_and_tells(file: Path) -> None:
    looked = Looked(file.parent)
    file.unlink()

    with capture_logs() as logs:
        assert looked.after(5) == ["one"]

    assert [line["event"] for line in logs] == ["rules_rejected"]
    assert looked.source.problem.startswith(f"{file.parent}: holds no *.yaml or *.yml file")


def test_a_file_without_rules_ends_all_answers_on_purpose(file: Path) -> None:
    looked = Looked(file.parent)
    rules(file, "version: 1\nrules: []\n")

    assert (looked.after(2), looked.source.problem) == ([], "")


def test_a_start_beside_a_folder_that_lost_its_files_takes_those_of_before(empty: Path) -> None:
    looked = Looked(empty, File("rules.yaml", TWO.encode()))

    assert looked.after(3) == ["two"]
    assert "holds no *.yaml" in looked.source.problem


def test_a_folder_that_was_empty_may_go_and_come_back(empty: Path) -> None:
    looked = Looked(empty)
    empty.rename(empty.with_name("elsewhere"))
    looked.after(2)
    missing = looked.source.problem
    empty.with_name("elsewhere").rename(empty)
    looked.after(2)

    assert missing.endswith("No such file or directory")
    assert looked.source.problem == ""


def test_a_path_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(RulebookError):
        RulebookSource(tmp_path / "rules", demo=tmp_path)


def test_a_demo_is_played_while_there_are_no_other_rules(empty: Path, tmp_path: Path) -> None:
    demo = tmp_path / "demo"
    demo.mkdir()
    rules(demo / "rules.yaml", ONE)
    looked = Looked(empty, demo=demo)
    played = [(looked.after(0), looked.source.path)]
    own = rules(empty / "rules.yaml", TWO)
    played.append((looked.after(2), looked.source.path))
    own.unlink()
    played.append((looked.after(2), looked.source.path))

    assert played == [(["one"], demo), (["two"], empty), (["one"], demo)]
    assert looked.source.problem == ""


def test_no_demo_is_played_in_the_place_of_rules_that_are_broken(
    empty: Path, tmp_path: Path
) -> None:
    rules(empty / "rules.yaml", BROKEN)

    with pytest.raises(RulebookError):
        RulebookSource(empty, demo=tmp_path)
