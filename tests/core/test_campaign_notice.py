"""Notices of campaigns: what they say, and where a definition wants them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from gateway.core.api.message_request import MessageRequest, read_request
from gateway.core.campaigns.definition import Definition, read_definition
from gateway.core.campaigns.notices.notice import CampaignNotice
from gateway.core.campaigns.recipient_state import Funnel
from gateway.core.campaigns.stored_definition import pack_definition, unpack_definition

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
STAFF = {"name": "campaign_over", "language": "en", "params": ["{{ campaign }}", "{{ failed }}"]}
NOTICE = CampaignNotice(
    "k7f3abcdm2qx", "1", "spring", "paused", "stop_rule", "60 of 500 failed", NOW,
    Funnel({"waiting": 500, "read": 440, "failed": 60}, {"invalid": 2}),
)  # fmt: skip


def read(**others: Any) -> Any:
    return read_definition({"name": "spring", "text": "Hi"} | others)


def test_it_says_in_one_sentence_what_became_of_the_campaign() -> None:
    assert NOTICE.text == (
        "The campaign spring is paused (60 of 500 failed): 500 of 1,002 written to, 60 failed."
    )
    assert "(" not in replace(NOTICE, phase="completed").text


def test_its_id_is_that_of_the_phase_and_its_moment() -> None:
    assert NOTICE.id == replace(NOTICE, why="other", funnel=Funnel({})).id
    others = [replace(NOTICE, phase="completed"), replace(NOTICE, at=NOW.replace(second=1))]
    assert len({one.id for one in (NOTICE, *others)}) == 3


def test_the_post_has_the_funnel_and_no_recipient() -> None:
    payload = NOTICE.as_notification("shop").payload

    assert (payload["type"], payload["id"], payload["account"]) == (
        "campaign.paused", NOTICE.id, "shop"
    )  # fmt: skip
    assert (payload["campaign"]["skipped"], payload["campaign"]["read"]) == (2, 440)
    assert payload["campaign"]["export"] == "/v1/campaigns/k7f3abcdm2qx/export.csv"


def test_a_phone_gets_the_text_and_the_template_outside_its_window() -> None:
    definition = read(notify={"to": "+351 900 000 099", "template": STAFF})
    assert isinstance(definition, Definition)

    request = read_request(NOTICE.as_request(definition.notice))

    assert isinstance(request, MessageRequest)
    assert (request.recipient.name, request.closed) == ("351900000099", "template")
    assert "spring" in str(request.instead)
    assert "60" in str(request.instead)
    assert unpack_definition(pack_definition(definition)) == definition


def test_a_receiver_of_forwards_gets_the_same_with_an_id_of_its_own() -> None:
    definition = read(notify={"forward": "crm"})
    assert isinstance(definition, Definition)

    id_, body = NOTICE.as_forward(definition.notice.forward, "shop")
    payload = orjson.loads(body)

    assert NOTICE.as_forward("crm", "shop")[0] == id_ == payload["id"]
    assert id_.endswith("-crm")
    assert (payload["type"], payload["account"]) == ("campaign.paused", "shop")
    assert payload["data"]["campaign"] == NOTICE.as_notification("").payload["campaign"]
    assert unpack_definition(pack_definition(definition)) == definition


def test_the_alert_alone_is_usual_and_can_be_left_out() -> None:
    usual, quiet = read(), read(notify={"alert": False, "post": True})

    assert (usual.notice.alerts, usual.notice.posts, usual.notice.to) == (True, False, "")
    assert (quiet.notice.alerts, quiet.notice.posts) == (False, True)


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ("post", "#/notify"),
        ({"email": "a@b.c"}, "#/notify/email"),
        ({"forward": "The CRM"}, "#/notify/forward"),
        ({"to": "12", "template": STAFF}, "#/notify/to"),
        ({"to": "+351900000099"}, "#/notify/template"),
        ({"template": STAFF}, "#/notify/template"),
        ({"to": "+351900000099", "template": {"name": "X"}}, "#/notify/template/name"),
        ({"to": "+351900000099", "template": {**STAFF, "params": ["{{ phone }}"]}},
         "#/notify/template"),
    ],
)  # fmt: skip
def test_a_form_that_cannot_be_used_is_refused_at_its_place(given: Any, place: str) -> None:
    errors = read(notify=given)

    assert isinstance(errors, list)
    assert place in [one.pointer for one in errors]
