"""A canary's event becomes one send that ends at us, unless it comes too late."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.events import Delivery, InternalEvent
from gateway.core.planning.batch import PlanningInput, plan
from gateway.core.sending import canary
from gateway.core.sending.send import Send
from gateway.core.webhook.parser import split
from tests.core.test_plan import Echo
from tests.support.factories import NOW


def an_event(name: str = "1") -> InternalEvent:
    """Make the event of a canary as it comes out of the inbox."""
    (event,) = split(Delivery("0:1-0", NOW, canary.delivery(name), origin="internal"))
    assert isinstance(event, InternalEvent)
    return event


def planned(event: InternalEvent, after_s: float = 1) -> tuple[Send, ...]:
    view = PlanningInput(event.number, NOW + timedelta(seconds=after_s), {}, frozenset())
    (made,) = plan(view, [event], Echo()).plans
    assert made.events == (event,)
    return made.sends


def test_it_is_planned_into_one_send_that_may_be_repeated_and_expires_in_a_minute() -> None:
    (send,) = planned(an_event())

    assert (send.lane, send.priority, send.repeatable, send.record) == ("canary", "reply", True, "")
    assert send.expires_at == NOW + timedelta(seconds=60)
    assert canary.kept_at(send.expires_at) == NOW


def test_planned_again_it_is_the_same_send_and_another_canary_is_another() -> None:
    assert planned(an_event()) == planned(an_event(), after_s=2)
    assert planned(an_event("1"))[0].id != planned(an_event("2"))[0].id


@pytest.mark.parametrize(
    ("event", "after_s"),
    [
        (an_event(), 60),
        (replace(an_event(), what="timer"), 1),
        (replace(an_event(), number="106"), 1),
    ],
    ids=["too late", "something else of ours", "a number of ours"],
)
def test_anything_else_is_committed_and_sends_nothing(event: InternalEvent, after_s: float) -> None:
    assert planned(event, after_s) == ()
