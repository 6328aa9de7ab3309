"""Events tell by which names their customer goes, before and after a change."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from gateway.core.contacts.grouping import contact_keys
from gateway.core.events import Delivery, Event
from gateway.core.webhook.parser import split

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def the_event(value: Any, field: str = "messages") -> Event:
    changes = [{"field": field, "value": value}]
    body = {"object": "whatsapp_business_account", "entry": [{"changes": changes}]}
    (event,) = split(Delivery("3:1-0", NOW, orjson.dumps(body)))
    return event


@pytest.mark.parametrize(
    ("said", "called"),
    [
        pytest.param({"recipient_id": "1"}, ("1",), id="phone"),
        pytest.param({"recipient_user_id": "PT.1"}, ("PT.1",), id="user id"),
        pytest.param({"recipient_id": "1", "recipient_user_id": "PT.1"}, ("1", "PT.1"), id="both"),
        pytest.param({"recipient_id": "PT.1"}, ("PT.1",), id="user id in recipient_id"),
        pytest.param({"recipient_id": "5215512345678"}, ("525512345678",), id="one form"),
        pytest.param({"recipient_id": "group", "recipient_type": "group"}, (), id="group"),
        pytest.param({}, (), id="nobody"),
    ],
)
def test_a_status_is_about_its_recipient_however_named(
    said: dict[str, Any], called: tuple[str, ...]
) -> None:
    assert (
        contact_keys(the_event({"statuses": [{"id": "wamid.2", "status": "sent", **said}]}))
        == called
    )


CHANGED: Mapping[str, Any] = {"id": "wamid.1", "from": "351900000001", "type": "system"}


@pytest.mark.parametrize(
    ("said", "called", "now"),
    [
        pytest.param(
            {"system": {"type": "user_changed_number", "wa_id": "351900000009"}},
            ("351900000001", "351900000009"),
            ("351900000009", ""),
            id="number",
        ),
        pytest.param(
            {"system": {"type": "user_changed_number", "new_wa_id": "351900000009"}},
            ("351900000001", "351900000009"),
            ("351900000009", ""),
            id="number in the older spelling",
        ),
        pytest.param(
            {"system": {"type": "customer_changed_number", "wa_id": "351900000009"}},
            ("351900000001", "351900000009"),
            ("351900000009", ""),
            id="customer's number",
        ),
        pytest.param(
            {
                "from": "351900000009",
                "system": {
                    "type": "customer_changed_number", "customer": "351900000001",
                    "new_wa_id": "351900000009",
                },
            },
            ("351900000009", "351900000001"),
            ("351900000009", ""),
            id="former number beside the new one",
        ),
        pytest.param(
            {"system": {"type": "user_changed_number", "wa_id": "PT.9", "customer": "PT.1"}},
            ("351900000001", "PT.1", "PT.9"),
            ("351900000001", "PT.9"),
            id="user ids where numbers stand",
        ),
        pytest.param(
            {
                "from_user_id": "PT.1",
                "system": {
                    "type": "user_changed_number", "wa_id": "351900000009", "user_id": "PT.9",
                },
            },
            ("351900000001", "351900000009", "PT.1", "PT.9"),
            ("351900000009", "PT.9"),
            id="number and user id",
        ),
        pytest.param(
            {
                "system": {
                    "type": "user_changed_user_id", "user_id": "PT.9", "previous_user_id": "PT.1",
                }
            },
            ("351900000001", "PT.1", "PT.9"),
            ("351900000001", "PT.9"),
            id="user id",
        ),
        pytest.param(
            {
                "from": None,
                "from_user_id": "PT.9",
                "system": {
                    "type": "user_changed_user_id", "user_id": "PT.9", "previous_user_id": "PT.1",
                },
            },
            ("PT.9", "PT.1"),
            ("", "PT.9"),
            id="user id without a phone number",
        ),
        pytest.param(
            {"system": {"type": "customer_identity_changed", "wa_id": "351900000009"}},
            ("351900000001",),
            ("351900000001", ""),
            id="nothing changed",
        ),
        pytest.param(
            {"type": "text", "system": {"type": "user_changed_number", "wa_id": "351900000009"}},
            ("351900000001",),
            ("351900000001", ""),
            id="no system message",
        ),
        pytest.param({"system": "odd"}, ("351900000001",), ("351900000001", ""), id="odd"),
    ],
)  # fmt: skip
def test_a_system_message_tells_the_names_before_and_after(
    said: Mapping[str, Any], called: tuple[str, ...], now: tuple[str, str]
) -> None:
    message = the_event({"messages": [{**CHANGED, **said}]})

    assert contact_keys(message) == called
    assert (message.wa_id, message.user_id) == now


def test_a_preference_that_names_another_than_its_contacts_is_of_the_one_it_names() -> None:
    preference = {"wa_id": "2", "category": "marketing_messages", "value": "stop", "timestamp": 1}
    contacts = [{"wa_id": "1", "user_id": "PT.1"}]

    event = the_event({"contacts": contacts, "user_preferences": [preference]}, "user_preferences")

    assert contact_keys(event) == ("2",)
