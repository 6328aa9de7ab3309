"""Whatever arrives is split without an exception, and however it is grouped, into the same keys."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.events import Delivery
from gateway.core.webhook.parser import split

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAMES = [
    "object",
    "entry",
    "changes",
    "value",
    "field",
    "metadata",
    "phone_number_id",
    "contacts",
    "messages",
    "statuses",
    "errors",
    "messaging",
    "standby",
    "history",
    "message_echoes",
    "calls",
    "user_preferences",
    "id",
    "type",
    "from",
    "wa_id",
    "timestamp",
    "text",
    "body",
    "interactive",
    "button_reply",
    "status",
    "code",
    "whatsapp_business_account",
    "page",
    "mid",
    "message",
]
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(NAMES)
)
ANYTHING = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(NAMES), inner),
    max_leaves=20,
)
ITEMS = st.lists(
    st.tuples(
        st.sampled_from([("messages", "messages"), ("messages", "statuses"), ("calls", "calls")]),
        st.sampled_from(["106540352242922", "106540352242923"]),
        st.fixed_dictionaries({"id": st.sampled_from("abc"), "status": st.sampled_from(NAMES)}),
    ),
    max_size=8,
)


def keys_of(body: bytes) -> set[str]:
    return {event.key for event in split(Delivery("0:1-0", NOW, body))}


def envelope(*changes: tuple[str, Any]) -> bytes:
    listed = [{"field": field, "value": value} for field, value in changes]
    entry = [{"id": "1", "changes": listed}]
    return json.dumps({"object": "whatsapp_business_account", "entry": entry}).encode()


def value(number: str, name: str, items: list[Any]) -> dict[str, Any]:
    return {"metadata": {"phone_number_id": number}, name: items}


@given(st.binary())
def test_no_bytes_at_all_raise(body: bytes) -> None:
    assert split(Delivery("0:1-0", NOW, body))


@given(ANYTHING | st.just("\ud800") | st.just(float("nan")) | st.just(10**400))
def test_no_json_at_all_raises(body: Any) -> None:
    assert split(Delivery("0:1-0", NOW, json.dumps(body).encode()))


@given(st.sampled_from(NAMES), ANYTHING)
@settings(max_examples=200)
def test_no_value_of_a_change_raises(field: str, said: Any) -> None:
    events = split(Delivery("0:1-0", NOW, envelope((field, said))))

    assert [event.item for event in events] == list(range(len(events)))


@given(ITEMS)
def test_regrouped_items_keep_their_keys(items: list[Any]) -> None:
    alone = [envelope((field, value(n, name, [item]))) for (field, name), n, item in items]
    grouped: dict[Any, list[Any]] = {}
    for group, number, item in items:
        grouped.setdefault((group, number), []).append(item)
    together = envelope(*((g[0], value(n, g[1], found)) for (g, n), found in grouped.items()))

    assert not items or keys_of(together) == set().union(*map(keys_of, alone))
