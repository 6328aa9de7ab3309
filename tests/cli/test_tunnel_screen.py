"""The list is read by people and by programs."""

import io
import json

import pytest
import typer
from rich.console import Console

from gateway.cli.common.callback_probe import ProbeCheck
from gateway.cli.setup.tunnel.screen import Screen

RED = ProbeCheck("token", "bad", "has expired", "Make another one, and write it into the settings.")


def drawn(check: ProbeCheck, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    Screen(console=console).show(check)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_what_to_change_stands_below_a_red_line() -> None:
    assert drawn(RED, 100) == [
        "✗ token       has expired",
        "              Make another one, and write it into the settings.",
    ]


def test_what_is_too_long_for_a_terminal_goes_on_below_itself() -> None:
    shown = drawn(RED, 50)

    assert len(shown) == 3
    assert all(line.startswith(" " * 14) for line in shown[1:])


def test_a_red_line_ends_the_command_and_no_other_does() -> None:
    screen = Screen(json=True)
    for tone in ("good", "odd", "wait"):
        screen.require(ProbeCheck("token", tone, "as it is"))

    with pytest.raises(typer.Exit) as ended:
        screen.require(RED)
    assert ended.value.exit_code == 2


def test_programs_get_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(json=True)
    screen.show(RED)
    screen.warn("This sends for real.")

    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["name"], row["tone"]) for row in rows] == [("token", "bad"), ("real", "odd")]
    assert rows[0]["advice"] == RED.advice
