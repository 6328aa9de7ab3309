"""Where a fault test fails, it tells what `gateway trace` has to say of what went wrong."""

from collections import Counter
from collections.abc import Generator
from typing import Any

import pytest

from tests.support.faults.ledger import stages
from tests.support.stack import Stack

MOST_TOLD = 5


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: Any, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the stories while everything is still there: fixtures are taken down later."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.when == "call" and report.failed and isinstance(stack, Stack):
        report.sections.append(("gateway trace", _told(stack)))
    return report


def _told(stack: Stack) -> str:
    """Tell the story of sends that Meta did not see once; there may be nobody left to ask."""
    try:
        return stories(stack) or "Meta saw every send once."
    except Exception as error:  # the failure itself is what has to be told
        return f"could not be told: {error!r}"


def stories(stack: Stack) -> str:
    """Return what `gateway trace` tells of the first few sends that Meta did not see once."""
    posts = Counter(one["callback"].partition(".")[0] for one in stack.posted())
    wrong = [send for send in sorted({*stages(stack), *posts}) if posts[send] != 1]
    return "\n".join(stack.trace(send) for send in wrong[:MOST_TOLD])
