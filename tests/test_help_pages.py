"""The help page of every command is what people read, so it changes on purpose only.

COLUMNS=100 TERM=dumb .venv/bin/gateway rules check --help > tests/golden/help/rules-check.txt
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli.main import COMMANDS, app

FOLDER = Path(__file__).parent / "golden" / "help"
PLAIN = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}


def pages() -> Iterator[tuple[str, ...]]:
    """Give the words before `--help` of every page."""
    yield ()
    group = typer.main.get_command(app)
    for name in COMMANDS:
        yield (name,)
        below = group.get_command(None, name)  # type: ignore[attr-defined, unused-ignore]
        yield from ((name, one) for one in getattr(below, "commands", ()))


def read(words: tuple[str, ...]) -> str:
    """Ask for the help page of a command as a person does."""
    result = CliRunner(env=PLAIN).invoke(app, [*words, "--help"], prog_name="gateway")
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize("words", list(pages()), ids=" ".join)
def test_a_help_page_changes_on_purpose_only(words: tuple[str, ...]) -> None:
    golden = FOLDER / f"{'-'.join(words) or 'gateway'}.txt"

    assert read(words) == golden.read_text(), f"another page than {golden}"


def test_no_page_is_left_of_a_command_that_is_gone() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {
        "-".join(one) or "gateway" for one in pages()
    }
