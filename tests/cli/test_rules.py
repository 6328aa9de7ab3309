"""`gateway rules check` and `gateway rules test`, letter by letter, as a person reads them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app

CASES = Path(__file__).parents[1] / "rules" / "cases"
PASSES, FAILS, CANNOT = 0, 1, 2
PLAYED = {"issue": PASSES, "differs": FAILS, "strict": PASSES, "unreadable": CANNOT}
CHECKED = {"odd": PASSES, "broken": FAILS}


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES)
    monkeypatch.delenv("GATEWAY_RULES", raising=False)


def run(*args: str) -> Result:
    return CliRunner().invoke(app, ["rules", *args])


def told(*args: str) -> Any:
    return json.loads(run(*args, "--json").stdout)


@pytest.mark.parametrize(("name", "code"), PLAYED.items())
def test_tests_are_told(name: str, code: int) -> None:
    result = run("test", f"{name}.yaml")

    assert (result.output, result.exit_code) == (Path(f"{name}.txt").read_text(), code)


@pytest.mark.parametrize(("name", "code"), CHECKED.items())
def test_checks_are_told(monkeypatch: pytest.MonkeyPatch, name: str, code: int) -> None:
    monkeypatch.chdir(CASES / "check")

    result = run("check", f"{name}.yaml")

    assert (result.output, result.exit_code) == (Path(f"{name}.txt").read_text(), code)


def test_a_file_of_tests_may_be_named_itself() -> None:
    assert run("test", "issue.test.yaml").output == Path("issue.txt").read_text()


def test_strict_fails_where_a_rule_is_never_hit() -> None:
    result = run("test", "strict.yaml", "--strict")

    assert result.exit_code == FAILS
    assert result.output.endswith("never hit: two\n✗ 1 case passed, but only 1 of 2 rules hit\n")


def test_a_folder_is_tested_as_one_rulebook(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("version: 1\nrules: [{name: a, when: {text: a}, then: A.}]")
    shutil.copy("strict.yaml", tmp_path / "b.yaml")
    (tmp_path / "a.test.yaml").write_text("- {case: a, talk: [{they: a, we: A.}]}")
    (tmp_path / "b.test.yaml").write_text("- {case: b, talk: [{they: one, we: First.}]}")

    assert run("test", str(tmp_path)).output.splitlines()[-2:] == [
        "never hit: two", "✓ 2 cases passed, 2 of 3 rules hit",
    ]  # fmt: skip


def test_json_tells_of_each_case() -> None:
    found = told("test", "differs.yaml")

    assert (found["ok"], found["failed"], found["never_hit"]) == (False, 7, [])
    first = found["cases"][0]
    assert (first["case"], first["line"], first["passed"]) == ("another text", 1, False)
    assert first["fired"] == [["stop"]]
    assert first["differs"] == [
        {
            "line": 3,
            "they": "stop",
            "what": "we",
            "expected": ["Goodbye.", "As you wish."],
            "got": ["As you wish."],
            "why": [
                '✗ menu: text is not one of "menu", "help"',
                '✗ person: tapped is not "person"',
                '✓ stop: text is "stop"',
            ],
        }
    ]


def test_json_tells_of_tests_that_cannot_be_played() -> None:
    found = told("test", "unreadable.yaml")

    assert (found["ok"], len(found["problems"])) == (False, 3)
    assert found["problems"][0] == {
        "file": "unreadable.test.yaml",
        "line": 3,
        "column": 7,
        "severity": "error",
        "case": "odd",
        "message": "talk: unknown key 'thay'; did you mean 'they'?",
    }


def test_several_paths_are_checked_as_one_rulebook(tmp_path: Path) -> None:
    hours, uses = tmp_path / "hours.yaml", tmp_path / "uses.yaml"
    hours.write_text("version: 1\nhours: {shop: {zone: Europe/Lisbon}}\nrules: []")
    uses.write_text(
        "version: 1\nrules: [{name: a, when: {type: text, outside: shop}, then: Closed.}]"
    )

    together = run("check", str(hours), str(uses), str(hours))

    assert (together.exit_code, run("check", str(uses)).exit_code) == (PASSES, FAILS)
    assert together.output.startswith("✓ 1 rule in 2 files, version ")


def test_a_test_file_among_several_paths_is_read_as_one(tmp_path: Path) -> None:
    rules, cases = tmp_path / "a.yaml", tmp_path / "a.test.yaml"
    rules.write_text("version: 1\nrules: []")
    cases.write_text("- {case: a, talk: [{thay: hi}]}")

    result = run("check", str(rules), str(cases))

    assert result.exit_code == FAILS
    assert "case 'a': talk: unknown key 'thay'" in result.output


def test_a_folder_without_rules_hides_no_mistake_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.yaml").write_text("version: 1\nrules: [{name: a}]")

    output = run("check", str(tmp_path / "empty"), str(tmp_path / "a.yaml")).output

    assert "holds no *.yaml" in output
    assert "then: missing" in output


def test_a_check_notes_the_rules_that_answer_all_but_reactions(tmp_path: Path) -> None:
    rules = tmp_path / "a.yaml"
    rules.write_text("version: 1\nrules: [{name: all, then: Hello.}]")

    result = run("check", str(rules))

    assert result.exit_code == PASSES
    assert "note: 'all' answers no reactions, deletions, or other messages" in result.output
    assert told("check", str(rules))["note"].startswith("'all' answers no reactions")


def test_json_tells_of_a_check() -> None:
    found = told("check", "check/odd.yaml")

    assert (found["ok"], found["files"], found["rules"]) == (True, 1, 3)
    assert [(one["severity"], one["line"]) for one in found["problems"]] == [
        ("warning", 5), ("warning", 6),
    ]  # fmt: skip
    assert told("check", "check/broken.yaml")["version"] is None


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["check", "nowhere"], "nowhere does not exist."),
        (["test", "nowhere"], "nowhere does not exist."),
        (
            ["check"],
            "rules does not exist. Name a file or a folder of rules, or set GATEWAY_RULES.",
        ),
        (
            ["test", "check/odd.yaml"],
            "There are no tests beside check/odd.yaml, such as check/odd.test.yaml.",
        ),
        (["test", "check/broken.yaml"], "The rules cannot be used:"),
    ],
)
def test_bad_input_is_told_in_a_sentence(args: list[str], sentence: str) -> None:
    result = run(*args)

    assert (result.exit_code, sentence in result.output) == (CANNOT, True), result.output


def test_the_rules_of_the_environment_are_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_RULES", "issue.yaml")

    assert run("test").output == Path("issue.txt").read_text()


@pytest.mark.parametrize(
    ("url", "is_said"),
    [pytest.param("", True, id="unset"), pytest.param("https://x", False, id="set")],
)
def test_rules_that_notify_no_address_are_said_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, is_said: bool
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("version: 1\nrules: [{name: it, then: {notify: A customer waits.}}]")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWAY_NOTIFY_URL", url)

    result = CliRunner().invoke(app, ["rules", "check", str(file)])

    assert (result.exit_code, "GATEWAY_NOTIFY_URL is not set" in result.output) == (0, is_said)


@pytest.mark.parametrize(("name", "code"), CHECKED.items())
def test_an_output_of_another_encoding_changes_no_verdict(name: str, code: int) -> None:
    command = [sys.executable, "-m", "gateway.cli", "rules", "check", f"{name}.yaml"]
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}

    result = subprocess.run(command, cwd="check", env=ascii_only, capture_output=True, check=False)

    expected = Path(f"check/{name}.txt").read_text().encode("ascii", "replace")
    assert (result.stdout, result.stderr, result.returncode) == (expected, b"", code)
