"""Whoever begins with a folder of examples/ finds rules without mistakes, and cases that pass."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.rules.loader import find_problems

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = sorted(path for path in EXAMPLES.iterdir() if path.is_dir())


def test_there_are_examples() -> None:
    assert FOLDERS


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_nothing_is_odd_with_an_example(folder: Path) -> None:
    assert find_problems(folder) == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_cases_of_an_example_hit_every_rule(folder: Path) -> None:
    result = CliRunner().invoke(app, ["rules", "test", str(folder), "--strict"])

    assert result.exit_code == 0, result.output
