"""Course of a campaign: what it does next is decided from its funnel and the time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from gateway.core.api.field_errors import FieldError
from gateway.core.campaigns.course import Standing, Step, decide_step, next_look
from gateway.core.campaigns.definition import (
    Definition,
    FirstBatch,
    StopRules,
    check_times,
    read_definition,
)
from gateway.core.campaigns.recipient_state import Funnel
from gateway.core.campaigns.stop_rules import (
    QualityFall,
    Window,
    find_stop_reason,
    mark_at,
    next_mark,
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
    codes = others.pop("codes_met", {})
    return Standing(phase, definition, funnel, 10, codes=codes, **others)


def stop_reason(one: Standing) -> str:
    return find_stop_reason(
        one.definition.stop, one.funnel, one.before, one.opted_out, one.falls, one.codes
    )


def test_it_starts_at_its_time_and_not_before() -> None:
    definition = a_definition(start_at=NOW)
    waits = standing("scheduled", definition=definition)

    assert decide_step(waits, NOW - HOUR) == Step(until=NOW)
    assert decide_step(waits, NOW).phase == "running"


def test_one_whose_start_was_missed_waits_for_an_operator() -> None:
    waits = standing("scheduled", definition=a_definition(start_at=NOW))

    step = decide_step(waits, NOW + HOUR)

    assert (step.phase, step.by) == ("paused", "missed_start")


def test_one_whose_start_was_missed_until_after_its_end_says_that_it_is_over() -> None:
    definition = a_definition(start_at=NOW, finish_by=NOW + HOUR)
    given = standing("scheduled", definition=definition)

    step = decide_step(given, NOW + 30 * HOUR)
    assert (step.phase, step.by) == ("expired", "finish_by")
    assert "retry" in step.reason
    computed = replace(given, is_end_given=False)
    assert decide_step(computed, NOW + 30 * HOUR).by == "missed_start"


def test_a_pause_outlasts_an_end_that_was_computed_by_a_week_and_no_other() -> None:
    paused = standing("paused", definition=a_definition(finish_by=NOW + HOUR), changed_at=NOW)
    computed = replace(paused, is_end_given=False)

    assert decide_step(paused, NOW + HOUR).phase == "expired"
    assert decide_step(computed, NOW + 167 * HOUR) == Step()
    assert decide_step(computed, NOW + 168 * HOUR).phase == "expired"
    assert next_look(computed, Step(), NOW + 2 * HOUR) == NOW + 2 * HOUR + timedelta(minutes=1)


def test_one_to_which_no_worker_came_for_long_waits_for_an_operator() -> None:
    left = standing(led_at=NOW, definition=a_definition(finish_by=NOW + 2 * HOUR))

    assert decide_step(left, NOW + timedelta(minutes=15)).queues
    step = decide_step(left, NOW + HOUR)
    assert (step.phase, step.by) == ("paused", "outage")
    assert "from 2026-12-01 09:00 to 10:00 UTC" in step.reason
    assert decide_step(left, NOW + 2 * HOUR).phase == "expired"
    assert decide_step(replace(left, is_end_given=False), NOW + 2 * HOUR).by == "outage"
    assert decide_step(replace(left, led_at=None), NOW + HOUR).queues
    assert decide_step(replace(left, funnel=Funnel({"read": 9})), NOW + HOUR).phase == "completed"


def test_it_goes_on_while_anyone_waits_and_is_complete_once_nobody_does() -> None:
    assert decide_step(standing(), NOW).queues
    assert decide_step(standing(cells={"queued": 1, "read": 9}), NOW).queues
    done = standing(cells={"read": 7, "failed": 1, "unconfirmed": 2})
    assert decide_step(done, NOW).phase == "completed"
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
    sent = standing(definition=first, cells={"accepted": 3, "waiting": 7})
    waits = replace(sent, first_done_at=NOW)

    assert decide_step(at_start, NOW) == Step(queues=True, most=3)
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
        ({"accepted": 45, "failed": 5}, {131051: 5}, ""),
        ({"accepted": 44, "failed": 6}, {131051: 6}, "6 of 50 failed, more than 10 %"),
        ({"accepted": 4, "failed": 6}, {131051: 6}, "6 of 10 failed, more than 50 %"),
        ({"accepted": 5, "failed": 5}, {131051: 5}, ""),
        ({"failed": 9}, {131051: 9}, ""),
        ({"accepted": 45, "unconfirmed": 5}, {}, ""),
        ({"accepted": 44, "unconfirmed": 6}, {}, "6 of 50 are in doubt"),
    ],
)
def test_it_pauses_for_failures_that_are_not_the_persons_own(
    cells: dict[str, int], codes: dict[int, int], why: str
) -> None:
    found = stop_reason(standing(cells=cells, codes=codes))

    assert why in found
    assert bool(found) == bool(why)


def test_where_nobody_is_left_it_is_complete_and_says_what_a_stop_rule_saw() -> None:
    failed = standing(cells={"failed": 60}, codes={131051: 60})
    left = standing(cells={"failed": 60, "queued": 1}, codes={131051: 60})

    step = decide_step(failed, NOW)

    assert (step.phase, step.reason) == (
        "completed",
        "every recipient was written to, or cannot be; too late for a stop rule: 60 of 60 failed, "
        "more than 10 %",
    )
    assert decide_step(left, NOW).phase == "paused"


def test_a_beginning_is_judged_once_since_failures_are_reported_late() -> None:
    funnel = Funnel({"accepted": 502, "failed": 8}, codes={131051: 8})

    assert stop_reason(replace(standing(before=Window(attempted=500)), funnel=funnel)) == ""


def test_after_a_resume_only_what_comes_counts() -> None:
    funnel = Funnel({"accepted": 80, "failed": 20}, codes={131051: 19, 131048: 1})

    mark = mark_at(funnel, 80, 0)
    assert stop_reason(replace(standing(before=mark), funnel=funnel)) == ""
    assert next_mark(funnel, Window(), StopRules(over=500)) is None
    assert next_mark(funnel, Window(), StopRules(over=50)) == mark_at(funnel, 0, 0)


def test_it_pauses_for_a_stop_code_and_names_the_first() -> None:
    later, earlier = NOW, NOW - HOUR
    codes = {131048: later, 132015: earlier}

    assert (
        stop_reason(standing(codes_met=codes))
        == "Meta has paused the template (Meta's code 132015)"
    )
    assert stop_reason(standing(codes={131048: 1}, cells={"failed": 1})) == ""
    goes_on = a_definition(stop=StopRules(codes=False))
    assert stop_reason(standing(codes_met=codes, definition=goes_on)) == ""


@pytest.mark.parametrize(
    ("cells", "opted_out", "before", "stop", "why"),
    [
        ({"read": 100}, 3, Window(), StopRules(), ""),
        ({"read": 100}, 4, Window(), StopRules(), "4 of 100 whom it reached opted out"),
        ({"read": 50, "accepted": 49, "failed": 40}, 9, Window(), StopRules(failed=90), ""),
        ({"read": 30}, 2, Window(), StopRules(over=30), "2 of 30"),
        ({"read": 100}, 4, Window(), StopRules(opted_out=5), ""),
        ({"read": 200}, 9, Window(reached=100, opted_out=6), StopRules(), ""),
        ({"read": 200}, 9, Window(reached=100, opted_out=5), StopRules(), "4 of 100"),
        ({"read": 2_000}, 61, Window(attempted=1_990), StopRules(), "61 of 2000"),
    ],
)
def test_it_pauses_where_too_many_opt_out_of_those_whom_it_reached(
    cells: dict[str, int], opted_out: int, before: Window, stop: StopRules, why: str
) -> None:
    found = standing(
        cells=cells, opted_out=opted_out, before=before, definition=a_definition(stop=stop)
    )

    assert why in stop_reason(found)
    assert bool(stop_reason(found)) == bool(why)


def test_it_pauses_where_quality_falls_and_says_which() -> None:
    stopped = standing(falls=[QualityFall("template", "PAUSED", NOW)])
    number = standing(falls=[QualityFall("number", "FLAGGED", NOW)])
    template = standing(falls=[QualityFall("template", "YELLOW", NOW)])
    goes_on = replace(template, definition=a_definition(stop=StopRules(quality=False)))

    assert stop_reason(number) == (
        "Meta flagged the quality of its number (FLAGGED, reported at 2026-12-01 09:00 UTC)"
    )
    assert stop_reason(template) == (
        "the quality of its template fell to YELLOW (reported at 2026-12-01 09:00 UTC)"
    )
    assert stop_reason(goes_on) == ""
    assert stop_reason(stopped) == (
        "Meta has stopped its template (PAUSED, reported at 2026-12-01 09:00 UTC)"
    )
    assert stop_reason(replace(stopped, definition=goes_on.definition))
    both = replace(goes_on, falls=[*number.falls, *stopped.falls])
    assert "PAUSED" in stop_reason(both)


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


@pytest.mark.parametrize("name", ["spring\nsale", "spring\u2028sale", "\x1b[2J", "spring\t"])
def test_a_name_is_one_line_though_one_that_was_stored_before_is_read(name: str) -> None:
    found = read_definition(SPRING | {"name": name})
    stored = a_definition(name=name)

    assert found == [FieldError("#/name", "must be one line without control characters")]
    assert unpack_definition(pack_definition(stored)) == stored


def test_a_name_may_have_any_letters_and_emoji() -> None:
    found = read_definition(SPRING | {"name": "Prinzessin\u00a0Ä 🏳️\u200d🌈"})

    assert isinstance(found, Definition)


def test_times_that_do_not_fit_are_told() -> None:
    far = a_definition(start_at=NOW + timedelta(days=61))
    early = a_definition(start_at=NOW + HOUR, finish_by=NOW)

    assert [one.pointer for one in check_times(far, NOW)] == ["#/start_at"]
    assert [one.pointer for one in check_times(early, NOW)] == ["#/finish_by"]
    assert check_times(a_definition(), NOW) == []


def test_a_definition_comes_back_as_it_was_stored() -> None:
    definition = a_definition(
        start_at=NOW, finish_by=NOW + HOUR, first=FirstBatch(5, HOUR),
        stop=StopRules(5, 2, 100, 7, quality=False, codes=False), closed="drop",
        marketing=False, pace=1.5,
    )  # fmt: skip

    assert unpack_definition(pack_definition(definition)) == definition
    assert definition.columns == {"first"}


def test_releases_that_know_three_stop_rules_read_a_definition_and_are_read() -> None:
    stored = orjson.loads(pack_definition(a_definition(stop=StopRules(5, 2, 100, 7))))
    assert stored["stop"] == {"failed": 5, "unconfirmed": 2, "over": 100}

    del stored["stop_beside"], stored["stop_codes"]

    assert unpack_definition(orjson.dumps(stored)).stop == StopRules(5, 2, 100)


def test_stop_rules_are_read_and_what_is_wrong_with_them_is_told() -> None:
    found = read_definition(SPRING | {"stop": {"opted_out": 8, "quality": False, "codes": False}})
    wrong = read_definition(SPRING | {"stop": {"opted_out": 0, "quality": "no", "blocks": 1}})

    assert isinstance(found, Definition)
    assert found.stop == StopRules(opted_out=8, quality=False, codes=False)
    assert isinstance(wrong, list)
    assert {one.pointer for one in wrong} == {
        "#/stop/opted_out", "#/stop/quality", "#/stop/blocks"
    }  # fmt: skip


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
        ("draft", Step(), {"waiting": 9}, NOW - HOUR, IN_A_MINUTE),
    ],
)
def test_nothing_is_due_before_the_next_moment_of_its_course(
    phase: Any, step: Step, cells: dict[str, int], finish_by: datetime | None, expected: Any
) -> None:
    stands = standing(phase, cells=cells, definition=a_definition(finish_by=finish_by))

    assert next_look(stands, step, NOW) == expected


@pytest.mark.parametrize(
    ("wait", "expected"),
    [(900, 900), ("15m", 900), ("1h", 3_600), ("90", 90), ("30 s", 30), (0, 0), ("24h", 86_400)],
)
def test_the_wait_after_the_first_batch_has_seconds_or_a_unit(wait: Any, expected: int) -> None:
    found = read_definition(SPRING | {"first": {"size": 200, "wait": wait}})

    assert isinstance(found, Definition)
    assert found.first == FirstBatch(200, timedelta(seconds=expected))


@pytest.mark.parametrize("wait", ["soon", "15 days", -1, True, "25h", 86_401, 1.5, ""])
def test_another_wait_is_refused_with_its_place(wait: Any) -> None:
    found = read_definition(SPRING | {"first": {"wait": wait}})

    assert isinstance(found, list)
    assert [one.pointer for one in found] == ["#/first/wait"]
