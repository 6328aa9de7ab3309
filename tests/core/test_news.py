"""What a status tells of a send is kept as far as it is fit to be kept; by table."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from gateway.core.sending.error_codes import ERROR_POLICIES
from gateway.core.sending.resend_policy import revealed_gap
from gateway.core.sending.response import Responded, classify_response
from gateway.core.sending.send import FollowUp, StatusUpdate
from gateway.core.sending.status_update import read_status_update
from tests.support.factories import ANA, NOW, a_status


def news(status: str = "sent", **fields: Any) -> StatusUpdate:
    found = read_status_update(a_status("wamid.o", status, **fields))
    assert found
    return found


@pytest.mark.parametrize("word", ["deleted", "warning", "", "SENT", "queued", "accepted"])
def test_a_word_that_is_no_step_of_meta_is_no_news(word: str) -> None:
    assert read_status_update(a_status("wamid.o", word)) is None


UNDELIVERABLE = {
    "code": 131026, "title": "Message undeliverable", "message": "not kept",
    "error_data": {"details": "Not on WhatsApp.", "more": 1}, "href": "https://x",
    "fbtrace_id": "A",
}  # fmt: skip
TOLD = {
    "code": 131026, "title": "Message undeliverable", "details": "Not on WhatsApp.",
    "fbtrace_id": "A", "source": "status",
}  # fmt: skip
FAILURES: dict[str, tuple[Any, Any]] = {
    "whole": ([UNDELIVERABLE], TOLD),
    "none": ([], {"code": 131026, "source": "status"}),
    "two": (
        [UNDELIVERABLE, {"code": 1, "title": "Odd"}],
        TOLD | {"more": [{"code": 1, "title": "Odd"}]},
    ),
    "a phone number": (
        [{"code": 131026, "error_data": {"details": "+351 900 000 001 is not here\nat all"}}],
        {"code": 131026, "details": "… is not here at all", "source": "status"},
    ),
    "other types": (
        [{"code": "131026", "title": 1, "error_data": "odd", "fbtrace_id": None}],
        {"code": 131026, "source": "status"},
    ),
}


@pytest.mark.parametrize(("errors", "kept"), FAILURES.values(), ids=FAILURES)
def test_a_failure_keeps_the_errors_of_meta(errors: Any, kept: Any) -> None:
    assert news("failed", code=131026, errors=tuple(errors)).error == kept


@pytest.mark.parametrize("code", sorted(ERROR_POLICIES))
def test_a_failed_status_is_judged_like_an_answer(code: int) -> None:
    answer = Responded(400, orjson.dumps({"error": {"code": code}}))

    assert news("failed", code=code).refusal == classify_response(answer)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (131026, None),
        (131050, None),
        (131047, FollowUp("window", 0)),
        (131042, FollowUp("paused", 30_000)),
        (131000, FollowUp("later", 30_000)),
        (131064, FollowUp("later", 3_600_000)),
        (131056, FollowUp("pair", 30_000)),
        (130429, FollowUp("slower", 1_000)),
        (131048, FollowUp("rests", 3_600_000)),
        (80007, FollowUp("rests", 60_000)),
        (999_999, None),
        (None, None),
    ],
)
def test_what_follows_a_failed_status_is_what_its_code_asks_for(
    code: int | None, expected: FollowUp | None
) -> None:
    assert news("failed", code=code).follow_up == expected


def test_a_thousand_errors_and_a_long_one_are_cut() -> None:
    errors = tuple({"code": code, "title": "long " * 100} for code in range(1000))

    error = news("failed", code=0, errors=errors).error

    assert error
    assert (len(error["title"]), len(error["more"])) == (300, 4)


def test_only_a_failure_has_an_error() -> None:
    assert news("sent", code=131026, errors=(UNDELIVERABLE,)).error is None


PRICES: dict[str, tuple[Any, Any]] = {
    "none": ({}, None),
    "whole": (
        {"billable": False, "pricing_model": "PMP", "type": "regular", "category": "utility"},
        {"billable": False, "pricing_model": "PMP", "type": "regular", "category": "utility"},
    ),
    "older": (
        {"billable": True, "pricing_model": "CBP", "category": "service"},
        {"billable": True, "pricing_model": "CBP", "category": "service"},
    ),
    "other types and keys": ({"billable": "yes", "type": 1, "more": "x"}, None),
}


@pytest.mark.parametrize(("told", "kept"), PRICES.values(), ids=PRICES)
def test_the_price_is_kept_in_the_words_of_meta(told: Any, kept: Any) -> None:
    assert news(pricing=told).pricing == kept


def test_news_tells_how_late_it_came_and_whom_of_a_group_it_is_about() -> None:
    found = news(at=NOW - timedelta(seconds=12), participant=ANA)

    assert (found.delay, found.participant) == (timedelta(seconds=12), ANA)


def test_a_replayed_status_is_as_old_as_it_is_and_says_nothing_of_the_stream() -> None:
    hours = timedelta(hours=3)
    found, replayed = (news(at=NOW - hours, replayed=said) for said in (False, True))

    assert found.delay == replayed.delay == hours
    assert (revealed_gap(found), revealed_gap(replayed)) == (hours, timedelta(0))
