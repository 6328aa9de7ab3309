"""The table of docs/sending.md says what the table in the code does."""

import re
from pathlib import Path

import pytest

from gateway.core.sending.error_codes import ERROR_POLICIES, ErrorPolicy, error_policy

PAGE = (Path(__file__).parents[2] / "docs" / "sending.md").read_text()
ROWS = re.findall(r"^\| (\d+)(?:–(\d+))? \| (.*) \| (.*) \| (.*) \| (.*) \|$", PAGE, re.MULTILINE)
WORDS = {
    "again": "again", "never": "give up", "pause": "pause", "window": "the window",
    "opted_out": "give up, opt out", "template": "the template",
}  # fmt: skip


def told(rule: ErrorPolicy) -> tuple[str, str, str, str]:
    """Return a rule in the words of the page."""
    what = WORDS.get(rule.kind) or f"wait {rule.wait_s or '4^x':{'g' if rule.wait_s else ''}} s"
    return what, rule.scope, "yes" if rule.alert else "", rule.advice


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_says_what_is_done(row: tuple[str, str, str, str, str, str]) -> None:
    first, last, *said = row

    for code in {int(first), int(last or first)}:
        assert told(error_policy(code, 400)) == tuple(said)


def test_every_code_has_a_row() -> None:
    assert {int(row[0]) for row in ROWS if not row[1]} == set(ERROR_POLICIES)
