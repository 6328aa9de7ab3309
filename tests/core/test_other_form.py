"""A phone that a test number does not list is tried once in its other form."""

import json
from typing import Any

import pytest

from gateway.core.sending.outcome import Attempt, Outcome, decide_outcome
from gateway.core.sending.response import Accepted, Refused
from tests.core.test_outcome import an_attempt
from tests.support.factories import NOW

BODY = {"to": "+5491123456789", "type": "text", "text": {"body": "secret"}}
NOT_LISTED = Refused(131030, "List it.", "")


def attempt(**others: Any) -> Attempt:
    return an_attempt(**{"body": BODY} | others)


def after_refusal(one: Attempt, refusal: Refused = NOT_LISTED) -> Outcome:
    return decide_outcome(one, refusal, NOW, 0.5)


def test_a_phone_with_two_forms_is_tried_again_at_once() -> None:
    found = after_refusal(attempt())

    assert (found.step, found.wait_ms) == ("later", 0)


@pytest.mark.parametrize(
    ("one", "refusal"),
    [
        pytest.param(attempt(body=BODY | {"to": "+351900000001"}), NOT_LISTED, id="one form"),
        pytest.param(attempt(body={"recipient": "PT.1"}), NOT_LISTED, id="user id"),
        pytest.param(attempt(ordinal=2, last_code=131030), NOT_LISTED, id="tried already"),
        pytest.param(attempt(ordinal=8), NOT_LISTED, id="no attempt left"),
        pytest.param(attempt(), Refused(131026, "", ""), id="another code"),
    ],
)
def test_what_cannot_be_tried_again_ends(one: Attempt, refusal: Refused) -> None:
    assert after_refusal(one, refusal).step == "dead"


@pytest.mark.parametrize(
    ("others", "to"),
    [
        ({}, "+5491123456789"),
        ({"ordinal": 2}, "+5491123456789"),
        ({"ordinal": 2, "last_code": 131030}, "+541123456789"),
        ({"ordinal": 2, "last_code": 131000}, "+5491123456789"),
        ({"ordinal": 3, "spent": 2, "last_code": 131030}, "+5491123456789"),
    ],
    ids=["first", "second", "refused", "refused for another reason", "redriven"],
)
def test_only_the_attempt_after_the_refusal_goes_to_the_other_form(
    others: dict[str, Any], to: str
) -> None:
    assert attempt(**others).request == BODY | {"to": to}


def test_the_attempt_to_the_other_form_is_recorded_as_one() -> None:
    one = attempt(ordinal=2, last_code=131030)

    found = decide_outcome(one, Accepted("wamid.1", "accepted"), NOW, 0.5)

    assert json.loads(found.history_json)["other_form"] is True
