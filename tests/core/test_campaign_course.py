"""Course of a campaign: what it does next is decided from its funnel and the time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.campaigns.course import (
    Funnel,
    Standing,
    Step,
    Window,
    decide_step,
    find_stop_reason,
    mark_at,
    next_look,
    next_mark,
)
from gateway.core.campaigns.definition import (
    Definition,
    FirstBatch,
    StopRules,
    check_times,
    read_definition,
)
from gateway.core.campaigns.stored_definition import pack_definition, unpack_definition

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
SPRING: dict[str, Any] = {
    "name": "spring",
    "template": {"name": "spring", "language": "en", "params": ["{{ first }}"]},
}


def a_definition(**others: Any) -> Definition:
    found = read_definition(SPRING)
    assert isinstance(found, Definition)
    return replace(found, **{"first": FirstBatch(0), **others})


def standing(
    phase: Any = "running", cells: dict[str, int] | None = None, **others: Any
) -> Standing:
    definition = others.pop("definition", a_definition())
    funnel = Funnel(cells or {"waiting": 10}, codes=others.pop("codes", {}))
    return Standing(phase, definition, funnel, 10, others.pop("queued_up_to", 0), **others)


def test_it_starts_at_its_time_and_not_before() -> None:
    definition = a_definition(start_at=NOW)
    waits = standing("scheduled", definition=definition)

    assert decide_step(waits, NOW - HOUR) == Step(until=NOW)
    assert decide_step(waits, NOW).phase == "running"


def test_one_whose_start_was_missed_waits_for_an_operator() -> None:
    waits = standing("scheduled", definition=a_definition(start_at=NOW))

    step = decide_step(waits, NOW + HOUR)

    assert (step.phase, step.by) == ("paused", "missed_start")


def test_it_goes_on_while_anyone_waits_and_is_complete_once_nobody_does() -> None:
    assert decide_step(standing(), NOW).queues
    assert decide_step(standing(cells={"queued": 1, "read": 9}), NOW).queues
    done = standing(cells={"read": 7, "failed": 1, "unconfirmed": 2})
    assert decide_step(done, NOW).phase in ("completed", "paused")
    assert decide_step(standing(cells={"read": 9, "failed": 1}), NOW).phase == "completed"


@pytest.mark.parametrize("phase", ["running", "paused"])
def test_it_ends_when_its_time_is_over(phase: Any) -> None:
    late = standing(phase, definition=a_definition(finish_by=NOW))

    assert decide_step(late, NOW).phase == "expired"
    assert decide_step(late, NOW - HOUR).phase == ""


@pytest.mark.parametrize("phase", ["draft", "completed", "cancelled", "expired", "paused"])
def test_one_that_is_not_active_does_nothing(phase: Any) -> None:
    assert decide_step(standing(phase), NOW) == Step()


def test_the_first_batch_goes_alone_then_waits_then_the_others_follow() -> None:
    first = a_definition(first=FirstBatch(3, HOUR))
    at_start = standing(definition=first)
    sent = standing(definition=first, cells={"accepted": 3, "waiting": 7}, queued_up_to=3)
    waits = replace(sent, first_done_at=NOW)

    assert decide_step(at_start, NOW) == Step(queues=True, up_to=3)
    assert decide_step(sent, NOW).reason == "first_batch_posted"
    assert decide_step(waits, NOW).until == NOW + HOUR
    assert not decide_step(waits, NOW).queues
    assert decide_step(waits, NOW + HOUR) == Step(reason="first_batch_over", queues=True)
    assert decide_step(replace(waits, is_first_over=True), NOW) == Step(queues=True)


def test_a_large_audience_has_a_first_batch_by_itself() -> None:
    usual = a_definition(first=None)

    assert usual.first_batch(2_000) == 0
    assert usual.first_batch(2_001) == 200


@pytest.mark.parametrize(
    ("cells", "codes", "why"),
    [
        ({"accepted": 80, "failed": 20}, {131051: 20}, "20 of 100 failed"),
        ({"accepted": 80, "failed": 20}, {131026: 20}, ""),
        ({"accepted": 90, "failed": 10}, {131051: 10}, ""),
        ({"accepted": 90, "unconfirmed": 10}, {}, "10 of 100 are in doubt"),
        ({"accepted": 30, "failed": 10}, {131051: 10}, ""),
        ({"accepted": 9, "failed": 1}, {131048: 1}, "131048"),
        ({"accepted": 9, "failed": 1}, {132015: 1}, "132015"),
    ],
)
def test_it_pauses_for_failures_that_are_not_the_persons_own(
    cells: dict[str, int], codes: dict[int, int], why: str
) -> None:
    found = find_stop_reason(Funnel(cells, codes=codes), Window(), StopRules())

    assert why in found
    assert bool(found) == bool(why)


def test_after_a_resume_only_what_comes_counts() -> None:
    funnel = Funnel({"accepted": 80, "failed": 20}, codes={131051: 19, 131048: 1})

    assert find_stop_reason(funnel, mark_at(funnel), StopRules()) == ""
    assert next_mark(funnel, Window(), StopRules(over=500)) is None
    assert next_mark(funnel, Window(), StopRules(over=50)) == mark_at(funnel)


@pytest.mark.parametrize(
    ("given", "pace"), [(100, 100), ("100/m", 100 / 60), ("2000 / h", 2000 / 3600), (None, 50)]
)
def test_a_pace_is_read_in_the_unit_that_it_names(given: Any, pace: float) -> None:
    found = read_definition(SPRING | {"pace": given})

    assert isinstance(found, Definition)
    assert found.pace == pytest.approx(pace)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    wrong = {
        "pace": "fast", "start_at": "tomorrow", "first": {"size": -1}, "stop": {"failed": 0},
        "when_closed": "wait", "text": "{{ a | nothing }}", "to": "+351912345678",
    }  # fmt: skip

    found = read_definition(wrong)

    assert isinstance(found, list)
    places = {one.pointer for one in found}
    assert {"#/pace", "#/start_at", "#/first/size", "#/stop/failed", "#/when_closed"} <= places
    assert "#/to" in places
    assert "#/name" in places or any("name" in one.detail for one in found)


def test_times_that_do_not_fit_are_told() -> None:
    far = a_definition(start_at=NOW + timedelta(days=61))
    early = a_definition(start_at=NOW + HOUR, finish_by=NOW)

    assert [one.pointer for one in check_times(far, NOW)] == ["#/start_at"]
    assert [one.pointer for one in check_times(early, NOW)] == ["#/finish_by"]
    assert check_times(a_definition(), NOW) == []


def test_a_definition_comes_back_as_it_was_stored() -> None:
    definition = a_definition(
        start_at=NOW, finish_by=NOW + HOUR, first=FirstBatch(5, HOUR), stop=StopRules(5, 2, 100),
        closed="drop", marketing=False, pace=1.5,
    )  # fmt: skip

    assert unpack_definition(pack_definition(definition)) == definition
    assert definition.columns == {"first"}


IN_A_MINUTE = NOW + timedelta(minutes=1)
SOON = NOW + timedelta(seconds=5)


@pytest.mark.parametrize(
    ("phase", "step", "cells", "finish_by", "expected"),
    [
        ("scheduled", Step(until=SOON), {"waiting": 9}, None, SOON),
        ("scheduled", Step(until=NOW + HOUR), {"waiting": 9}, None, IN_A_MINUTE),
        ("paused", Step(), {"waiting": 9, "queued": 1}, None, IN_A_MINUTE),
        ("paused", Step(), {"waiting": 9}, SOON, SOON),
        ("running", Step(until=SOON), {"waiting": 9}, None, SOON),
        ("running", Step(until=SOON), {"waiting": 9, "attempting": 1}, None, None),
        ("running", Step(), {"waiting": 9}, None, None),
        ("scheduled", Step("running"), {"waiting": 9}, None, None),
        ("completed", Step(), {"read": 9}, None, None),
    ],
)
def test_nothing_is_due_before_the_next_moment_of_its_course(
    phase: Any, step: Step, cells: dict[str, int], finish_by: datetime | None, expected: Any
) -> None:
    stands = standing(phase, cells=cells, definition=a_definition(finish_by=finish_by))

    assert next_look(stands, step, NOW) == expected
