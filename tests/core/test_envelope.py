"""A delivery is split into what it tells, and nothing in it hurts its neighbours."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.core.events import Delivery, Event, InternalEvent, Notice, Unreadable
from gateway.core.webhook.parser import split

DELIVERIES = Path(__file__).parents[1] / "deliveries"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
WRITTEN = {"id": "wamid.1", "from": "351900000001", "timestamp": "1795348000", "type": "text"}


def captured(name: str) -> list[Event]:
    return split(Delivery("3:1-0", NOW, (DELIVERIES / f"{name}.json").read_bytes()))


def told(field: Any, value: Any, **entry: Any) -> list[Event]:
    changes = [{"field": field, "value": value}]
    return posted({"object": "whatsapp_business_account", "entry": [{"changes": changes, **entry}]})


def posted(body: Any, origin: str = "meta") -> list[Event]:
    return split(Delivery("3:1-0", NOW, orjson.dumps(body), origin=origin))


def the_notice(field: Any, value: Any, **entry: Any) -> Notice:
    (event,) = told(field, value, **entry)
    assert isinstance(event, Notice)
    return event


def reasons(events: list[Event]) -> list[str]:
    return [event.reason if isinstance(event, Unreadable) else event.kind for event in events]


def test_a_change_happened_at_the_time_of_its_entry() -> None:
    at = the_notice("account_update", {"event": "ACCOUNT_DELETED"}, time=1795348000).at

    assert at == datetime(2026, 11, 22, 11, 46, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("messages", {"statuses": [{"id": "wamid.2"}, {"id": "wamid.2", "status": "read"}]}),
        ("calls", {"calls": [{}, {"id": "wacid.1", "event": "connect"}]}),
        ("user_preferences", {"user_preferences": [{}, {"wa_id": "1", "value": "stop"}]}),
        ("message_echoes", {"message_echoes": [{"to": "1"}, {"id": "wamid.3"}]}),
        ("standby", {"standby": {"statuses": [{}, {"id": "wamid.2", "status": "read"}]}}),
    ],
)
def test_an_item_without_identity_hurts_no_neighbour(field: str, value: Any) -> None:
    unreadable, neighbour = told(field, value)

    assert reasons([unreadable]) == ["no_identity"]
    assert neighbour.kind != "unreadable"


def test_what_is_no_object_is_unreadable_alone() -> None:
    good = {"field": "messages", "value": {"messages": [None, WRITTEN]}}
    entry = ["entry", {"changes": [7, good]}]
    events = posted({"object": "whatsapp_business_account", "entry": entry})

    assert reasons(events) == ["not_an_object", "not_an_object", "not_an_object", "message"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"", "not_json", id="nothing"),
        pytest.param(b"hello", "not_json", id="words"),
        pytest.param(b'{"object":NaN}', "not_json", id="NaN"),
        pytest.param(b'{"object":1e999}', "not_json", id="infinity"),
        pytest.param(b'{"object":"\\ud83d"}', "not_json", id="half a character"),
        pytest.param(b'{"object":"\xff"}', "not_json", id="not UTF-8"),
        pytest.param(b"[" * 100000, "not_json", id="abyss"),
        pytest.param(b'{"a":' + b"[" * 300 + b"]" * 300 + b"}", "too_deep", id="deep"),
        pytest.param(b"[]", "not_an_object", id="a list"),
        pytest.param(b'"text"', "not_an_object", id="a string"),
        pytest.param(b"null", "not_an_object", id="null"),
    ],
)
def test_a_body_that_is_no_webhook_is_one_unreadable(body: bytes, reason: str) -> None:
    assert reasons(split(Delivery("3:1-0", NOW, body))) == [reason]


def test_a_large_flat_body_is_not_taken_for_a_deep_one() -> None:
    written = [{**WRITTEN, "id": f"wamid.{n}"} for n in range(1000)]

    assert {event.kind for event in told("messages", {"messages": written})} == {"message"}


def test_each_item_belongs_to_the_number_of_its_own_value() -> None:
    assert [event.number for event in captured("text__two_entries")] == [
        "106540352242922",
        "106540352242923",
    ]


@pytest.mark.parametrize("metadata", [None, [], {"phone_number_id": None}])
def test_without_metadata_an_item_belongs_to_no_number(metadata: Any) -> None:
    (event,) = told("messages", {"metadata": metadata, "messages": [WRITTEN]})

    assert (event.number, event.key) == ("", "message||wamid.1")


def test_a_number_written_as_one_is_the_same_number() -> None:
    (event,) = told("messages", {"metadata": {"phone_number_id": 106}, "messages": [WRITTEN]})

    assert (event.number, event.key) == ("106", "message|106|wamid.1")


@pytest.mark.parametrize(
    "name",
    ["smb_message_echoes__text", "history__chunk", "history__media", "standby__all_lists"],
)
def test_what_others_wrote_or_may_answer_is_never_a_message(name: str) -> None:
    assert {event.kind for event in captured(name)} == {"notice"}


@pytest.mark.parametrize(
    ("name", "contact"),
    [
        ("smb_message_echoes__text", "351900000001"),
        ("user_preferences__stop", "351900000001"),
        ("calls__connect", "351900000001"),
        ("calls__ringing", "351900000001"),
        ("standby__all_lists", "351900000001"),
        ("account_update__restricted", ""),
    ],
)
def test_a_notice_belongs_to_the_customer_it_is_about(name: str, contact: str) -> None:
    assert {event.contact for event in captured(name)} == {contact}


def test_an_error_of_a_value_is_a_notice_beside_the_messages() -> None:
    message, error = captured("errors__beside_a_message")

    assert message.kind == "message"
    assert isinstance(error, Notice)
    assert (error.field, error.raw["code"]) == ("errors", 131000)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        pytest.param("hologram", {"depth": 3}, "hologram", id="unknown"),
        pytest.param("hologram", None, "hologram", id="no value"),
        pytest.param("hologram", "3", "hologram", id="odd value"),
        pytest.param(None, {}, "", id="no field"),
        pytest.param(["messages"], {"messages": [WRITTEN]}, "", id="odd field"),
        pytest.param("messages", {"messages": []}, "messages", id="nothing in it"),
        pytest.param("messages", {"messages": None}, "messages", id="null in it"),
        pytest.param("standby", {"standby": []}, "standby", id="standby of another form"),
    ],
)
def test_any_other_change_is_one_notice(field: Any, value: Any, expected: str) -> None:
    notice = the_notice(field, value)

    assert (notice.field, notice.raw) == (expected, value)


def test_the_same_change_at_another_time_is_another_event() -> None:
    first, again, later = (
        the_notice("account_update", {"event": "ACCOUNT_DELETED"}, id="1", time=time).key
        for time in (1795348000, 1795348000, 1795348001)
    )

    assert first == again != later


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"object": "threads"}, "threads", id="named"),
        pytest.param({"object": {}}, "unknown object", id="odd"),
        pytest.param({}, "unknown object", id="none"),
        pytest.param({"object": "page"}, "empty", id="no entry"),
        pytest.param({"object": "page", "entry": [{}]}, "empty", id="empty entry"),
    ],
)
def test_a_signed_body_is_at_least_one_notice(body: Any, field: str) -> None:
    (notice,) = posted(body)

    assert isinstance(notice, Notice)
    assert (notice.field, notice.number) == (field, "")


def test_a_direct_message_of_another_product_starts_no_rule() -> None:
    change = {"field": "messages", "value": {"messages": [WRITTEN]}}
    (event,) = posted({"object": "instagram", "entry": [{"changes": [change]}]})

    assert isinstance(event, Notice)
    assert event.field == "messages"


def test_a_message_that_was_taken_back_is_another_event_than_the_message() -> None:
    written, taken_back = captured("instagram__message_and_taken_back")

    assert written.key != taken_back.key


def test_what_we_put_back_ourselves_is_returned() -> None:
    body = {"what": "timer", "key": "t|1", "number": "106", "contact": "1", "object": "page"}
    (event,) = posted(body, origin="internal")

    assert isinstance(event, InternalEvent)
    assert (event.key, event.what) == ("returned|t|1", "timer")
    assert (event.number, event.contact, event.at) == ("106", "1", NOW)


@pytest.mark.parametrize("body", [{"what": "timer"}, {"key": "t|1"}, {"what": "", "key": ""}])
def test_what_came_back_without_a_key_is_unreadable(body: Any) -> None:
    assert reasons(posted(body, origin="internal")) == ["no_identity"]
