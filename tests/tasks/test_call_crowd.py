"""One delivery lets a rule call for 1,000 customers at once."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.context import WorkerContext, build_context
from tasks.outgoing import calls as outgoing
from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.rules.rulebooks import book
from tests.support.servers import wait_until
from tests.support.tasks.service import RunningService, a_service
from tests.support.tasks.worker_state import (
    PREFIX,
    counted,
    keep,
    planned,
    raw,
    take_effect,
    waiting,
)

pytestmark = [pytest.mark.store, pytest.mark.long]
RULES = r"""
version: 1
services: {orders: {url: %s, timeout: 30s}}
rules:
  - name: track
    when: {text: {matches: 'order (?P<no>\S+)'}}
    then: {call: "orders:/orders/{{ no }}", ok: "{{ no }}: {{ answer.status }}.", failed: Nobody.}
"""
PEOPLE = [f"351900{n:06}" for n in range(1_000)]


@pytest.fixture
def service() -> Iterator[RunningService]:
    with a_service() as running:
        running.answer({"status": "sent"})
        yield running


def test_a_thousand_calls_of_one_delivery_are_few_at_once_and_each_is_answered_once(
    at_work: WorkerContext, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = RULES % service.url
    Path(at_work.settings.gateway_rules).write_text(text)
    monkeypatch.setattr(at_work, "rules", build_context(at_work.settings).rules)
    items = [message_item(f"wamid.{one}", f"order {one}", one) for one in PEOPLE]
    keep(at_work.store, delivery_body(*items))
    take_effect(at_work, book(text))
    assert raw(at_work.store).zcard(f"{PREFIX}calls") == len(PEOPLE)

    def all_made() -> bool:
        outgoing.start_calls(at_work, NUMBER, "orders")  # a slice ends after five seconds
        return not raw(at_work.store).exists(f"{PREFIX}calls")

    wait_until(all_made, "all are made", 200)
    wait_until(lambda: not outgoing._threads()._running.total(), "no call is left")
    while waiting(at_work):  # a slice leases a part of the inbox
        take_effect(at_work, book(text))

    assert Counter(service.asked) == {("GET", f"/api/orders/{one}"): 1 for one in PEOPLE}
    assert service.most_at_once <= outgoing.MOST_OF_SERVICE
    assert Counter(planned(at_work.store)) == {f"{one}: sent.": 1 for one in PEOPLE}
    assert counted(at_work.store, "calls.answered") == len(PEOPLE)
