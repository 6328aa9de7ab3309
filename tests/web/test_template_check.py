"""Check of requests against templates, beside the event loop."""

import threading
from collections.abc import Sequence
from typing import Any, cast

import pytest

from gateway.accounts.account import Accounts, OwnNumber
from gateway.core.templates.choice import TemplateUse
from gateway.core.templates.template import Mismatch
from gateway.store.templates.judgement import TemplateJudge
from gateway.web.api.messages import template_check
from gateway.web.api.messages.template_check import TemplateCheck

pytestmark = pytest.mark.anyio
KNOWN = Mismatch("#/template/name", "is the name of no template at Meta")
USE = TemplateUse("order_sent", "en", [], "#/template")


class SlowJudge:
    """Judge that waits for a Meta which does not answer."""

    def __init__(self) -> None:
        self.answers = threading.Event()

    def is_at_hand(self, number: OwnNumber, uses: Sequence[TemplateUse]) -> bool:
        return True

    def judge_known(self, number: OwnNumber, uses: Sequence[TemplateUse]) -> list[Mismatch]:
        return [KNOWN]

    def judge(self, number: OwnNumber, uses: Sequence[TemplateUse]) -> list[Mismatch]:
        self.answers.wait()
        return []


class AnyAccounts:
    """Accounts that have every number."""

    def number(self, phone_id: str) -> object:
        return object()


async def test_a_meta_that_does_not_answer_keeps_no_client_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judge: Any = SlowJudge()
    check = TemplateCheck(cast(TemplateJudge, judge), lambda: cast(Accounts, AnyAccounts()))
    monkeypatch.setattr(template_check, "ANSWER_S", 0.05)
    try:
        # More than there are threads: those behind them are given up before they begin.
        found = [await check.find_mismatches("1", [USE]) for _ in range(5)]
        assert found == [[KNOWN]] * 5
    finally:
        judge.answers.set()

    monkeypatch.undo()
    assert await check.find_mismatches("1", [USE]) == []
