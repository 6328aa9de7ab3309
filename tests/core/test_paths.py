"""What Meta tells is read by its path, and what is odd is simply not there."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.events import Delivery, Event
from gateway.core.paths.path import OPEN
from gateway.core.paths.table import PATHS, find_path
from gateway.core.paths.values import MOST_VALUES, as_text, list_fields, read_values
from gateway.core.webhook.parser import split
from tests.support.factories import NOW, a_message, a_status, bytes_of

DELIVERIES = Path(__file__).parents[1] / "deliveries"


def told(event: Event, name: str) -> list[str]:
    path = find_path(name)
    assert path
    return [as_text(value) for value in read_values(event, path)]


def captured(name: str) -> Event:
    return split(Delivery("0:1-0", NOW, (DELIVERIES / f"{name}.json").read_bytes()))[0]


def of_type(kind: str, content: Any, **beside: Any) -> Event:
    return a_message(type=kind, raw={"type": kind, kind: content, **beside})


def flow(answers: str) -> Event:
    return of_type("interactive", {"type": "nfm_reply", "nfm_reply": {"response_json": answers}})


@pytest.mark.parametrize(
    ("delivery", "name", "values"),
    [
        ("order__two_products", "order.items", ["2 x PEN-RED", "1 x PEN-BLUE"]),
        ("order__two_products", "order.count", ["3"]),
        ("order__two_products", "order.total", ["10"]),
        ("order__two_products", "order.currency", ["EUR"]),
        ("order__two_products", "order.catalog_id", ["700000000000001"]),
        ("order__two_products", "order.text", []),
        ("order__two_products", "order.product_items.item_price", ["3.5", "3"]),
        ("edit__text", "edit.text", ["order 124, please"]),
        ("location__place", "location.latitude", ["38.7139"]),
        ("location__place", "location.name", ["Castle"]),
        ("document__pdf", "document.filename", ["plan of the wall.pdf"]),
        ("document__pdf", "image.mime_type", []),
        ("audio__voice", "audio.voice", ["yes"]),
        ("contacts__shared_card", "contacts.phones", ["+351 900 000 002"]),
        ("text__reply", "context.id", ["wamid.HBgMMTU1NTAwMDExMTEx0009QQ=="]),
        ("message_template_status_update__rejected", "notice.event", ["REJECTED"]),
        ("calls__ringing", "call.status", ["RINGING"]),
        ("status__failed", "errors.code", ["131047"]),
        ("future__unknown_type", "hologram.depth", ["3"]),
        ("future__unknown_field", "notice.hologram.depth", ["3"]),
    ],
)
def test_value_is_read_by_its_path(delivery: str, name: str, values: list[str]) -> None:
    assert told(captured(delivery), name) == values


@pytest.mark.parametrize(
    ("answers", "name", "values"),
    [
        ('{"size": "M", "flow_token": "t"}', "flow.size", ["M"]),
        ('{"size": "M", "count": 2, "flow_token": "t"}', "flow", ["size: M", "count: 2"]),
        ('{"colours": ["red", "blue"]}', "flow.colours", ["red", "blue"]),
        ('{"colours": ["red", "blue"]}', "flow", ["colours: red, blue"]),
        ('{"agrees": true}', "flow.agrees", ["yes"]),
        ('{"home": {"city": "Lisbon"}}', "flow.home.city", ["Lisbon"]),
        ('{"name": "half \\ud83d"}', "flow.name", ["half \ufffd"]),
        ('{"size": "M"', "flow.size", ["M"]),
        ('["size"]', "flow.size", []),
        ("", "flow", []),
        ("[" * 2_000, "flow", []),
    ],
)
def test_answer_of_a_flow_has_its_name(answers: str, name: str, values: list[str]) -> None:
    assert told(flow(answers), name) == values


@pytest.mark.parametrize(
    ("order", "name", "values"),
    [
        ({"product_items": "none"}, "order.items", []),
        ({"product_items": {"product_retailer_id": "a"}}, "order.items", ["a"]),
        ({"product_items": [{"quantity": 2}, None]}, "order.items", []),
        ({"product_items": [{"product_retailer_id": "a"}]}, "order.count", []),
        ({"product_items": [{"quantity": "2"}, {"quantity": 1}]}, "order.count", ["3"]),
        ({"product_items": [{"quantity": "9" * 50}]}, "order.count", []),
        ({"product_items": [{"quantity": True}]}, "order.product_items.quantity", []),
        (
            {"product_items": [{"quantity": 1, "item_price": 1, "currency": one} for one in "AB"]},
            "order.total",
            [],
        ),
        (
            {"product_items": [{"quantity": 3, "item_price": 0.1, "currency": "EUR"}]},
            "order.total",
            ["0.3"],
        ),
        ({"text": {"body": "x"}}, "order.text", []),
        ({"text": "  "}, "order.text", []),
        ("odd", "order.text", []),
    ],
)
def test_odd_order_has_what_can_be_read(order: Any, name: str, values: list[str]) -> None:
    assert told(of_type("order", order), name) == values


def test_path_belongs_to_its_type_only() -> None:
    assert told(a_message(type="text", raw={"order": {"text": "x"}}), "order.text") == []


def test_moment_may_be_in_the_future() -> None:
    value = {"event": "ACCOUNT_RESTRICTION", "restriction_info": [{"expiration": "1900000000"}]}
    body = bytes_of({"field": "account_update", "value": value})
    (event,) = split(Delivery("0:1-0", NOW, body))
    path = PATHS["notice.restriction_info.expiration"]

    assert read_values(event, path) == (datetime(2030, 3, 17, 17, 46, 40, tzinfo=UTC),)


def test_of_a_long_list_only_the_first_values_are_read() -> None:
    items = [{"product_retailer_id": "a", "quantity": 1}] * 5_000

    assert len(told(of_type("order", {"product_items": items}), "order.items")) == MOST_VALUES


def test_fields_of_an_event_stand_in_the_order_of_the_table() -> None:
    fields = [(path.name, text) for path, text in list_fields(captured("location__place"))]

    assert fields == [
        ("from_user_id", "PT.8401120458129931"),
        ("location.latitude", "38.7139"),
        ("location.longitude", "-9.1334"),
        ("location.name", "Castle"),
        ("location.address", "Castle street 1, Lisbon"),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, Event]:
    """Make an event that has a path, with anything at one of its steps."""
    path = draw(st.sampled_from(sorted(PATHS)))
    known = PATHS[path]
    node: Any = draw(JSON)
    for step in reversed(known.steps[: draw(st.integers(0, len(known.steps)))]):
        node = draw(st.sampled_from([{step: node}, [{step: node}]]))
    scope = draw(st.sampled_from(sorted(known.scopes)))
    if scope.startswith("notice:"):
        raw = {"value": node, "field": scope[7:]}
        return path, split(Delivery("0:1-0", NOW, bytes_of(raw)))[0]
    kind = scope.partition(":")[2] or "text"
    raw = node if isinstance(node, dict) else {}
    event: Event = a_message(type=kind, raw=raw)
    return path, a_status("wamid.1", "sent", raw=raw) if scope == "status" else event


@given(damaged())
def test_what_is_damaged_never_raises_and_has_the_kind_of_the_table(
    given: tuple[str, Event],
) -> None:
    name, event = given
    path = find_path(name.replace(OPEN, ".size"))
    assert path
    kinds: dict[str, type] = {"number": float, "yes or no": bool, "moment": datetime}

    values = read_values(event, path)

    assert all(type(value) is kinds.get(path.kind, str) for value in values)
    assert all(text.strip() for _, text in list_fields(event))


def test_what_is_nested_for_ever_is_absent() -> None:
    deep: Any = "S"
    for _ in range(900):
        deep = [deep]
    answers = f'{{"size": {"[" * 900}"S"{"]" * 900}}}'
    raw = {"interactive": {"nfm_reply": {"response_json": answers}}}
    path = find_path("flow.size")
    assert path

    assert read_values(a_message(type="interactive", raw=raw), path) == ()
    assert list_fields(a_message(type="novelty", raw={"novelty": deep})) == []


def test_every_name_stands_once_below_a_heading() -> None:
    assert all(path.scopes and path.description and path.steps[0] for path in PATHS.values())


@pytest.mark.parametrize(
    ("delivery", "fields"),
    [
        ("future__unknown_type", {"hologram.depth": "3"}),
        ("interactive__flow", {"flow": "color: blue"}),
        ("future__unknown_field", {"notice.hologram.depth": "3"}),
    ],
)
def test_fields_of_what_the_table_does_not_know_are_listed(
    delivery: str, fields: dict[str, str]
) -> None:
    listed = {path.name: text for path, text in list_fields(captured(delivery))}

    assert listed.items() >= fields.items()
