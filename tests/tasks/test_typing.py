"""Typing is kept up while a service is asked, and ends with its answer."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from gateway.store.outgoing.calls import CallAttempt
from tasks.context import WorkerContext
from tasks.outgoing import typing as kept_typing
from tests.support.factories import ANA, NOW, NUMBER
from tests.support.servers import wait_until
from tests.support.tasks.worker_state import PREFIX, raw, rung

pytestmark = pytest.mark.store
PAYLOAD = {"typing": "wamid.1", "contact": ANA, "wa_id": ANA, "user_id": "", "rule": "brain"}


def sends(at_work: WorkerContext) -> list[bytes]:
    found: list[bytes] = raw(at_work.store).zrange(f"{PREFIX}lane:reply:{ANA}", 0, -1)
    return found


def an_attempt(**others: Any) -> CallAttempt:
    return CallAttempt("call", 1, NOW, "", PAYLOAD | others)


def test_it_is_shown_again_until_the_call_is_over_and_three_times_at_most(
    at_work: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_typing, "EVERY_S", 0.02)
    with kept_typing.keep_typing(at_work, NUMBER, an_attempt(), NOW, lasts=timedelta(seconds=60)):
        wait_until(lambda: len(sends(at_work)) == kept_typing.MOST_RENEWALS, "it is shown again")
        wait_until(lambda: rung(at_work.store, "critical") > 0, "a worker sends it")

    bodies = [
        raw(at_work.store).hget(f"{PREFIX}send:{one.decode()}", "row") for one in sends(at_work)
    ]
    assert len(bodies) == kept_typing.MOST_RENEWALS
    assert all(b"typing_indicator" in body and b"wamid.1" in body for body in bodies)


@pytest.mark.parametrize(
    ("attempt", "lasts_s"), [(an_attempt(typing=""), 60), (an_attempt(), 5)], ids=["not", "short"]
)
def test_a_rule_that_shows_none_and_a_short_call_are_left_alone(
    at_work: WorkerContext, attempt: CallAttempt, lasts_s: int
) -> None:
    lasts = timedelta(seconds=lasts_s)
    with kept_typing.keep_typing(at_work, NUMBER, attempt, NOW, lasts=lasts):
        renewing = [one for one in threading.enumerate() if one.name == "typing"]

    assert renewing == []
