"""Messages and statuses are read for what they say, however oddly they say it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.core.contacts.grouping import contact_keys
from gateway.core.events import Delivery, Event, Message, Status, Unreadable
from gateway.core.webhook.parser import split
from gateway.core.webhook.phone_numbers import normalize_phone
from tests.support.factories import delivery_body, message_item

DELIVERIES = Path(__file__).parents[1] / "deliveries"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
WRITTEN = {"id": "wamid.1", "from": "351900000001", "timestamp": "1795348000", "type": "text"}


def captured(name: str) -> list[Event]:
    return split(Delivery("3:1-0", NOW, (DELIVERIES / f"{name}.json").read_bytes()))


def told(value: Any) -> list[Event]:
    changes = [{"field": "messages", "value": value}]
    body = {"object": "whatsapp_business_account", "entry": [{"changes": changes}]}
    return split(Delivery("3:1-0", NOW, orjson.dumps(body)))


def the_message(said: Mapping[str, Any], *contacts: Any) -> Message:
    (event,) = told({"messages": [{**WRITTEN, **said}], "contacts": contacts})
    assert isinstance(event, Message)
    return event


def the_status(**said: Any) -> Status:
    (event,) = told({"statuses": [{"id": "wamid.2", "status": "sent", **said}]})
    assert isinstance(event, Status)
    return event


def test_message_tells_who_wrote_what_and_when() -> None:
    (event,) = captured("text__plain")

    assert event == Message(
        key="message|106540352242922|wamid.HBgMMzUxOTAwMDAwMDAx0001AA==",
        delivery="3:1-0",
        item=0,
        number="106540352242922",
        contact="351900000001",
        also=("PT.7301120458129930",),
        at=datetime(2026, 11, 22, 11, 46, 41, tzinfo=UTC),
        raw=event.raw,
        id="wamid.HBgMMzUxOTAwMDAwMDAx0001AA==",
        type="text",
        text="Which colors do you have?",
        wa_id="351900000001",
        user_id="PT.7301120458129930",
        name="Ana Sousa",
    )


@pytest.mark.parametrize(
    ("name", "kind", "text", "tapped"),
    [
        ("text__escaped", "text", "Olá! Tem azul? 💙 </a>", None),
        ("image__caption", "image", "Is this one blue?", None),
        ("audio__voice", "audio", None, None),
        ("interactive__button", "interactive", "Red", "color_red"),
        ("interactive__list", "interactive", "Green", "color_green"),
        ("interactive__flow", "interactive", None, None),
        ("button__template", "button", "Order more", "order_more"),
        ("reaction__removed", "reaction", None, None),
        ("future__unknown_type", "hologram", None, None),
    ],
)
def test_message_has_words_and_taps_of_its_type(
    name: str, kind: str, text: str | None, tapped: str | None
) -> None:
    (event,) = captured(name)

    assert isinstance(event, Message)
    assert (event.type, event.text, event.tapped) == (kind, text, tapped)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"text": {"body": 7}}, id="a number for a text"),
        pytest.param({"text": "hi"}, id="a text for an object"),
        pytest.param({"text": None}, id="null"),
        pytest.param({"type": "interactive", "interactive": {"button_reply": []}}, id="a list"),
    ],
)
def test_odd_contents_leave_a_message_without_words(said: Mapping[str, Any]) -> None:
    message = the_message(said)

    assert (message.text, message.tapped) == (None, None)


def test_a_message_without_type_is_of_unknown_type() -> None:
    assert the_message({"type": None}).type == "unknown"


@pytest.mark.parametrize(
    ("said", "contacts", "who"),
    [
        pytest.param({}, [], ("351900000001", "", ""), id="no contacts"),
        pytest.param(
            {},
            [{"wa_id": "2", "user_id": "PT.2"}, {"wa_id": "351900000001", "user_id": "PT.1"}],
            ("351900000001", "PT.1", ""),
            id="found by phone number",
        ),
        pytest.param(
            {"from": None, "from_user_id": "PT.1"},
            [{"wa_id": "2"}, {"wa_id": "1", "user_id": "PT.1", "profile": {"name": "Ana"}}],
            ("1", "PT.1", "Ana"),
            id="found by user id",
        ),
        pytest.param(
            {}, [{"wa_id": "2"}, {"wa_id": "3"}], ("351900000001", "", ""), id="strangers"
        ),
        pytest.param(
            {"from": None},
            [{"wa_id": "1", "user_id": "PT.1"}],
            ("1", "PT.1", ""),
            id="the only one",
        ),
        pytest.param({"from": None}, [{"wa_id": "1"}, {"wa_id": "2"}], ("", "", ""), id="nobody"),
        pytest.param(
            {}, [{"wa_id": "2", "user_id": "PT.2"}], ("351900000001", "", ""), id="only a stranger"
        ),
        pytest.param(
            {"from": None, "from_user_id": "PT.1"},
            [{"wa_id": "2", "user_id": "PT.2"}],
            ("", "PT.1", ""),
            id="a stranger's phone number",
        ),
        pytest.param(
            {"from": "5491123456789"},
            [{"wa_id": "541123456789", "user_id": "AR.1"}],
            ("5491123456789", "AR.1", ""),
            id="a number written in two ways",
        ),
        pytest.param({"from": "PT.1"}, [], ("", "PT.1", ""), id="user id in from"),
        pytest.param({"from": 351900000001}, [], ("351900000001", "", ""), id="a number"),
        pytest.param({}, [None, "x", {"profile": 1}], ("351900000001", "", ""), id="odd contacts"),
    ],
)
def test_sender_is_put_together_from_message_and_contacts(
    said: Mapping[str, Any], contacts: list[Any], who: tuple[str, str, str]
) -> None:
    message = the_message(said, *contacts)

    assert (message.wa_id, message.user_id, message.name) == who
    assert contact_keys(message) == tuple(filter(None, (normalize_phone(who[0]), who[1])))


def test_a_group_message_names_its_group() -> None:
    (event,) = captured("text__group")

    assert isinstance(event, Message)
    assert event.group == "Y2FwaV9ncm91cDo5"


@pytest.mark.parametrize(
    ("timestamp", "at"),
    [
        pytest.param("1795348000", datetime(2026, 11, 22, 11, 46, 40, tzinfo=UTC), id="text"),
        pytest.param(1795348000, datetime(2026, 11, 22, 11, 46, 40, tzinfo=UTC), id="number"),
        pytest.param(
            "1795348000500", datetime(2026, 11, 22, 11, 46, 40, 500000, UTC), id="milliseconds"
        ),
        pytest.param("1795435200", NOW + timedelta(days=1), id="a day ahead"),
        pytest.param("1795435201", NOW, id="more than a day ahead"),
        pytest.param("1200000000", NOW, id="before 2009"),
        pytest.param("0", NOW, id="zero"),
        pytest.param(-1, NOW, id="negative"),
        pytest.param(2**63, NOW, id="too big"),
        pytest.param("9" * 5000, NOW, id="too many digits"),
        pytest.param("١٧٩٥٣٤٨٠٠٠", NOW, id="other digits"),
        pytest.param(1795348000.5, NOW, id="a fraction"),
        pytest.param(True, NOW, id="a boolean"),
        pytest.param(None, NOW, id="none"),
        pytest.param([], NOW, id="a list"),
    ],
)
def test_a_time_that_cannot_be_true_is_the_moment_of_receipt(timestamp: Any, at: datetime) -> None:
    assert the_message({"timestamp": timestamp}).at == at


def test_no_moment_of_receipt_is_too_far_away_to_tell_a_time_by() -> None:
    last = datetime.max.replace(tzinfo=UTC)
    (found,) = split(Delivery("0:1-0", last, delivery_body(message_item("wamid.1", at=1795348000))))

    assert found.at == datetime.fromtimestamp(1795348000, UTC)


def test_status_tells_how_far_our_message_got() -> None:
    (event,) = captured("status__failed")

    assert isinstance(event, Status)
    assert (event.id, event.status) == ("wamid.HBgMMTU1NTAwMDExMTEx0041QQ==", "failed")
    assert (event.callback, event.code, len(event.errors)) == ("s:0b5f", 131047, 1)
    assert (event.contact, event.number) == ("351900000001", "106540352242922")


@pytest.mark.parametrize(
    ("errors", "code", "count"),
    [
        pytest.param(None, None, 0, id="none"),
        pytest.param([{"code": "131026"}, {"code": 1}], 131026, 2, id="text"),
        pytest.param([{"code": "much"}], None, 1, id="no number"),
        pytest.param(["odd", {"code": 131026}], 131026, 1, id="no object"),
        pytest.param({"code": 131026}, 131026, 1, id="no list"),
    ],
)
def test_the_code_of_a_status_is_that_of_its_first_error(
    errors: Any, code: int | None, count: int
) -> None:
    status = the_status(errors=errors)

    assert (status.code, len(status.errors)) == (code, count)


@pytest.mark.parametrize(
    ("said", "key"),
    [
        pytest.param({}, "status||wamid.2|sent", id="one customer"),
        pytest.param({"recipient_id": "1"}, "status||wamid.2|sent", id="the recipient is no part"),
        pytest.param(
            {"recipient_participant_id": "1", "recipient_participant_user_id": "PT.1"},
            "status||wamid.2|sent|1",
            id="participant",
        ),
        pytest.param(
            {"recipient_participant_user_id": "PT.1"}, "status||wamid.2|sent|PT.1", id="user id"
        ),
    ],
)
def test_only_groups_have_the_participant_in_the_key(said: dict[str, Any], key: str) -> None:
    assert the_status(**said).key == key


@pytest.mark.parametrize("wamid", [{"id": ""}, {"id": None}, {"id": ["wamid.1"]}, {"id": True}])
def test_a_message_without_usable_id_is_unreadable(wamid: dict[str, Any]) -> None:
    (event,) = told({"messages": [{**WRITTEN, **wamid}]})

    assert isinstance(event, Unreadable)
    assert (event.reason, event.raw["type"]) == ("no_identity", "text")


def test_what_customers_wrote_is_not_shown_in_a_repr() -> None:
    (event,) = captured("text__plain")

    assert "colors" not in repr(event)
    assert "Ana" not in repr(event)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param({"id": "a|b", "status": "c"}, {"id": "a", "status": "b|c"}, id="bars"),
        pytest.param({"id": "a" * 600, "status": "c"}, {"id": "a" * 601, "status": "c"}, id="long"),
    ],
)
def test_odd_ids_do_not_share_a_key(one: dict[str, str], other: dict[str, str]) -> None:
    first, second = told({"statuses": [one, other]})

    assert first.key != second.key
    assert len(first.key) < 600
