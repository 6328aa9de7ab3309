"""Form of a new campaign: what is filled in becomes the API's body, and the rest is left out."""

import pytest

from gateway.core.campaigns.definition import Definition, StopRules, read_definition
from gateway.core.console.campaign_form import write_campaign, write_retry

FORM = {"name": " spring ", "template": "spring", "language": "en", "params": "{{ first }}\n \n7\n"}
FIELDS = (
    "pace finish_by quiet_from quiet_to first_size stop_failed stop_quality marketing when_closed "
    "notify_post notify_forward notify_to"
)
EMPTY = dict.fromkeys(FIELDS.split(), " ")
TEMPLATE = {"name": "spring", "language": "en", "params": ["{{ first }}", "7"]}


def test_fields_that_are_empty_are_left_out() -> None:
    assert write_campaign(FORM | EMPTY) == {"name": "spring", "template": TEMPLATE}
    assert write_campaign({"text": "hi"}) == {"name": "", "text": "hi"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"finish_by": "2027-01-31T09:00:00Z"}, {"finish_by": "2027-01-31T09:00:00Z"}),
        (
            {"quiet_from": "21:00", "quiet_to": "08:00"},
            {"quiet_hours": {"from": "21:00", "to": "08:00"}},
        ),
        ({"first_size": "0"}, {"first": {"size": 0}}),
        ({"first_size": "50", "first_wait": "30"}, {"first": {"size": 50, "wait": 1800}}),
        (
            {"stop_opted_out": "5", "stop_quality": "no", "stop_over": "many"},
            {"stop": {"over": "many", "opted_out": 5, "quality": False}},
        ),
        (
            {"marketing": "no", "skip_unreachable": "yes", "when_closed": "drop"},
            {"marketing": False, "skip_unreachable": True, "when_closed": "drop"},
        ),
        (
            {"notify_post": "yes", "notify_forward": "crm"},
            {"notify": {"post": True, "forward": "crm"}},
        ),
        (
            {"notify_to": "+351900000099", "notify_template": "over", "notify_language": "pt"},
            {
                "notify": {
                    "to": "+351900000099",
                    "template": {"name": "over", "language": "pt"},
                }
            },
        ),
    ],
    ids=["end", "quiet", "no-first", "first", "stop", "who", "notice", "phone"],
)
def test_what_is_filled_in_has_the_form_of_the_api(
    given: dict[str, str], expected: dict[str, object]
) -> None:
    body = write_campaign(FORM | EMPTY | given)

    assert body == {"name": "spring", "template": TEMPLATE, **expected}


def test_the_api_takes_what_the_form_writes() -> None:
    more = {"stop_failed": "20", "stop_quality": "no", "quiet_from": "21:00", "quiet_to": "08:00"}

    definition = read_definition(write_campaign(FORM | EMPTY | more))

    assert isinstance(definition, Definition)
    assert definition.stop == StopRules(failed=20, quality=False)
    assert str(definition.quiet and definition.quiet.start) == "21:00:00"


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ({"scope": "failed", "codes": " "}, {"scope": "failed"}),
        ({"scope": "failed", "codes": "131026,131049; 7"}, {"codes": [131026, 131049, 7]}),
        ({"scope": "failed", "codes": "some"}, {"codes": ["some"]}),
        ({"scope": "expired", "accept_duplicates": ""}, {"scope": "expired"}),
        ({"scope": "unconfirmed", "accept_duplicates": "yes"}, {"accept_duplicates": True}),
        ({}, {"scope": ""}),
    ],
)
def test_a_repetition_has_the_form_of_the_api(
    form: dict[str, str], body: dict[str, object]
) -> None:
    assert write_retry(form) == {"scope": form.get("scope", "")} | body
