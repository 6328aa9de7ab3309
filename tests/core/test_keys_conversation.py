"""Deliveries of one contact share a partition, found without parsing."""

from pathlib import Path

import pytest

from gateway.core.webhook.event_keys import conversation_key

DELIVERIES = Path(__file__).parents[1] / "deliveries"
OURS = '"metadata":{"display_phone_number":"+1 555-000-1111","phone_number_id":"106540352242922"}'


@pytest.mark.parametrize(
    "name",
    [
        "text__plain.json",
        "text__reply.json",
        "text__escaped.json",
        "text__group.json",
        "contacts__shared_card.json",
        "system__number_changed.json",
        "status__sent.json",
        "status__failed.json",
        "smb_message_echoes__text.json",
        "user_preferences__stop.json",
        "calls__connect.json",
        "calls__ringing.json",
    ],
)
def test_all_kinds_of_deliveries_of_one_contact_agree(name: str) -> None:
    assert conversation_key((DELIVERIES / name).read_bytes()) == b"351900000001"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param('{"from" :\t"351900000001" }', "351900000001", id="odd spacing"),
        pytest.param('{"from":351900000001}', "351900000001", id="a number"),
        pytest.param('{"user_id":"PT.1","wa_id":"351900000001"}', "351900000001", id="phone wins"),
        pytest.param('{"wa_id":"2","from":"351900000001"}', "351900000001", id="sender wins"),
        pytest.param(
            '{"context":{"from":"15550001111"},"from":"351900000001",' + OURS + "}",
            "351900000001",
            id="our number is nobody",
        ),
        pytest.param(
            '{"phones":[{"wa_id":"351900000002"}],"from_user_id":"PT.1"}', "PT.1", id="a card"
        ),
        pytest.param('{"from":"PT.1","wa_id":"PT.1"}', "PT.1", id="user id in from"),
        pytest.param('{"from":"5215512345678"}', "525512345678", id="one form of a number"),
        pytest.param('{"from":"PT.é"}', "PT.é", id="odd bytes"),
        pytest.param('{"recipient_user_id":"PT.1"}', "PT.1", id="user id of a recipient"),
        pytest.param('{"from":null,"user_id":"PT.1"}', "PT.1", id="null"),
        pytest.param('{"from":"","from_user_id":"PT.1"}', "PT.1", id="empty"),
        pytest.param('{"from":{"id":"351900000002"}}', "", id="an object"),
        pytest.param('{"body":"\\"from\\":\\"351900000002\\""}', "", id="in a text"),
        pytest.param('{"parent_user_id":"PT.ENT.1"}', "", id="a parent"),
        pytest.param('{"entry":[{"id":"1","changes":[]}]}', "", id="nobody"),
        pytest.param("", "", id="no bytes"),
    ],
)
def test_conversation_is_read_from_raw_bytes(body: str, expected: str) -> None:
    assert conversation_key(body.encode()) == expected.encode()


def test_only_the_first_four_kilobytes_count_and_no_number_is_cut() -> None:
    named = b'{"from":"351900000001"}'
    fits = b" " * (4096 - len(named)) + named

    assert conversation_key(fits) == b"351900000001"
    assert conversation_key(b"    " + fits) == b""


def test_a_long_text_before_the_sender_does_not_hide_the_contact() -> None:
    body = b'{"contacts":[{"wa_id":"351900000001"}],"text":"' + b"x" * 5000 + b'","from":"2"}'

    assert conversation_key(body) == b"351900000001"


def test_bytes_that_are_no_json_are_read_alike() -> None:
    assert conversation_key(b'\xff\x00{"from":"351900000001",') == b"351900000001"
