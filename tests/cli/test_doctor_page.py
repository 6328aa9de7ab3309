"""docs/doctor.md lists every check, in the order in which they are told, with the same advice."""

import re
from pathlib import Path

from gateway.cli.setup.doctor.facts import CHECKS

PAGE = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()
SECTIONS = re.findall(r"^## (.*)\n((?:(?!## ).*\n)*)", PAGE, re.MULTILINE)
ROWS = [
    (title.lower(), *row)
    for title, text in SECTIONS
    for row in re.findall(r"^\| (.+?) \| (.+) \| (.+) \|$", text, re.MULTILINE)
    if row[0] != "Check"
]


def test_every_check_has_a_row_in_its_group() -> None:
    assert [(group, name) for group, name, _, _ in ROWS] == [
        (check.group, check.name) for check in CHECKS
    ]


def test_a_row_says_what_the_command_says() -> None:
    advised = {check.name: check.advice or "what it says" for check in CHECKS}

    assert {name: advice for _, name, _, advice in ROWS} == advised


def test_a_row_says_when_its_check_is_not_fine() -> None:
    assert [name for _, name, when, _ in ROWS if not re.search("[✗!]|the same", when)] == []
