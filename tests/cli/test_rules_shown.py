"""What rules, tests and customers say is shown as it stands, and steers no terminal."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from tests.support.factories import delivery_body, message_item

RULES = r"""version: 1
rules:
  - {name: "red [/bold]", when: {text: "red\e[31m"}, then: "[red]{{ text }}"}
  - {name: any, then: "[/red]{{ text }}\u202e"}
"""
TESTS = r"""- case: "[bold]it[/x]"
  talk:
    - {they: "red\e[31m", we: "\e[2J"}
    - {they: "\u202eback", we: "no"}
"""
STEERS = ("\x1b", "\x9b", "\u202e", "\r")


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text(RULES)
    Path("r.test.yaml").write_text(TESTS)
    Path("new.yaml").write_text(RULES.replace("[red]", "[blue]"))
    Path("one.json").write_bytes(delivery_body(message_item("wamid.1", "red\x1b[31m")))


def shown(*args: str) -> str:
    result = CliRunner().invoke(app, ["rules", *args])
    assert result.exit_code in (0, 1), result.output
    assert not any(sign in result.output for sign in STEERS)
    return result.output


def test_brackets_of_a_test_are_no_markup() -> None:
    assert "  ✗ [bold]it[/x]\n" in shown("test", "r.yaml")


def test_an_answer_that_differs_is_shown_as_it_stands() -> None:
    assert "+ we: [red]red\\x1b[31m\n" in shown("test", "r.yaml")


def test_a_customers_text_is_explained_as_it_stands() -> None:
    told = shown("explain", "one.json", "--rules", "r.yaml", "--reveal")

    assert '"red\\x1b[31m"' in told
    assert "✓ red [/bold]: " in told


def test_brackets_of_a_rules_name_are_no_markup_in_a_table() -> None:
    assert "red [/bold]" in shown("diff", "r.yaml", "new.yaml", "one.json", "--reveal")


def test_a_name_that_is_refused_steers_no_terminal() -> None:
    Path("r.yaml").write_text(RULES.replace("any,", '"\\e[2J",'))

    assert r"rule '\x1b[2J': name: must be one line" in shown("check", "r.yaml")


def test_json_has_what_stands_there() -> None:
    result = CliRunner().invoke(
        app, ["rules", "explain", "one.json", "--rules", "r.yaml", "--reveal", "--json"]
    )

    assert json.loads(result.output)[0]["event"].endswith('"red\x1b[31m"')
