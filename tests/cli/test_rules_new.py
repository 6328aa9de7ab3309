"""`gateway rules new` writes rules that work at once, and never over something that is there."""

import os
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.develop.rules.new import Example
from gateway.cli.local import examples
from gateway.cli.main import app
from gateway.rules.loader import find_problems

ROOT = Path(__file__).parents[2]
FILES = ["rules.test.yaml", "rules.yaml"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_RULES", raising=False)
    return tmp_path / "rules"


def run(*args: str) -> Result:
    return CliRunner().invoke(app, ["rules", *args])


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.exists() else []


def refused(*args: str) -> str:
    """Return the sentence of a command that did nothing."""
    result = run("new", *args)
    assert result.exit_code == 2
    return result.stderr.removeprefix("error: ").rstrip()


@pytest.mark.parametrize("example", list(Example))
def test_what_is_written_has_no_mistakes_and_passes_its_tests(
    folder: Path, example: Example
) -> None:
    written = run("new", "mine", "--example", example)

    assert (written.exit_code, names(folder)) == (0, ["mine.test.yaml", "mine.yaml"])
    assert find_problems(folder) == []
    tested = run("test", "--strict")
    assert tested.exit_code == 0, tested.output


@pytest.mark.parametrize(
    ("args", "name"),
    [((), "rules"), (("colours",), "colours"), (("--example", "shop"), "shop")],
    ids=["none", "given", "example"],
)
def test_the_files_have_the_name_that_is_given_or_fits(
    folder: Path, args: tuple[str, ...], name: str
) -> None:
    run("new", *args)

    assert names(folder) == [f"{name}.test.yaml", f"{name}.yaml"]


def test_it_says_what_to_do_next() -> None:
    told = run("new").output

    assert told.startswith("rules/rules.yaml and rules/rules.test.yaml are written.")
    positions = [told.index(f" {name} ") for name in ("rules check", "rules test", "dev", "chat")]
    assert positions == sorted(positions)


def test_files_are_as_open_as_any_other_and_run_as_nothing(folder: Path) -> None:
    before = os.umask(0o022)
    try:
        run("new")
    finally:
        os.umask(before)

    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in FILES} == {0o644}


@pytest.mark.parametrize("there", ["rules.yaml", "rules.yml", "rules.test.yaml"])
def test_nothing_is_written_over_what_is_there(folder: Path, there: str) -> None:
    folder.mkdir()
    (folder / there).write_text("# mine\n")

    assert refused() == f"rules/{there} is there already: give the new file another name."
    assert (names(folder), (folder / there).read_text()) == ([there], "# mine\n")


def test_a_link_that_leads_nowhere_is_there_as_well(folder: Path) -> None:
    folder.mkdir()
    (folder / "rules.yaml").symlink_to("/nowhere/rules.yaml")

    assert "is there already" in refused()


def test_rules_that_would_collide_are_refused_with_the_places(folder: Path) -> None:
    run("new")

    told = refused("--example", "shop")

    assert "rules/shop.yaml does not fit beside the rules that are there:\n" in told
    assert "rule 'stop': the name is taken by the rule at rules/rules.yaml:" in told
    assert names(folder) == FILES


def test_rules_that_are_wrong_already_keep_nobody_from_a_new_file(folder: Path) -> None:
    folder.mkdir()
    (folder / "a.yaml").write_text("version: 2\n")

    assert run("new").exit_code == 0


@pytest.mark.parametrize("name", ["colours.yaml", "../colours", "a b", "a.test", "x" * 65])
def test_a_name_that_would_lead_elsewhere_is_refused(folder: Path, name: str) -> None:
    assert refused(name).startswith("A name is made of letters, digits, - and _")
    assert names(folder) == []


def test_they_go_where_the_settings_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_RULES", "elsewhere/mine")
    run("new")

    assert names(tmp_path / "elsewhere" / "mine") == FILES


def test_a_setting_that_names_a_file_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("one.yaml").write_text("version: 1\nrules: []\n")
    monkeypatch.setenv("GATEWAY_RULES", "one.yaml")

    assert refused().startswith("one.yaml is a file: set GATEWAY_RULES to a folder")


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "rules").symlink_to("rules")

    assert refused() == "Cannot write rules: File exists."


def test_without_a_checkout_there_are_no_shops_and_still_a_few_rules(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examples, "CHECKOUT", tmp_path)

    assert refused("--example", "shop").startswith("The example shop is only in a checkout")
    assert run("new").exit_code == 0
    assert names(folder) == FILES


@pytest.mark.parametrize("inside", [True, False])
def test_an_editor_finds_the_schema_inside_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, inside: bool
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "rules.schema.json").write_text("{}")
    module = "gateway.cli.develop.rules.new"
    monkeypatch.setattr(f"{module}.CHECKOUT", tmp_path if inside else ROOT)
    monkeypatch.setattr(f"{module}._SCHEMA", tmp_path / "docs" / "rules.schema.json")
    run("new")

    first = Path("rules/rules.yaml").read_text().splitlines()[0]
    line = "# yaml-language-server: $schema=../docs/rules.schema.json"
    assert (first == line) is inside
