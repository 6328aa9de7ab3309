"""Rules test and tell what Meta tells, by its path."""

from pathlib import Path
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.events import Delivery, Event
from gateway.core.webhook.parser import split
from gateway.rules.explain import explain
from tests.support.factories import ANA, NOW, a_message, a_status, bytes_of
from tests.support.rules.rulebooks import answer, book, decided, planned

ORDER = {
    "catalog_id": "7",
    "text": "A GIFT, please",
    "product_items": [
        {"product_retailer_id": "pizza-9", "quantity": 2, "item_price": 9.5, "currency": "EUR"},
        {"product_retailer_id": "cola", "quantity": 1, "item_price": 2, "currency": "EUR"},
    ],
}


def fires(test: str, **message: Any) -> bool:
    given = {"type": "order", "raw": {"type": "order", "order": ORDER}} | message
    return bool(decided(f"- {{name: it, when: {{data: {test}}}, then: x}}", **given).fired)


@pytest.mark.parametrize(
    ("test", "holds"),
    [
        ("{order.catalog_id: 7}", True),
        ("{order.catalog_id: [8, 7]}", True),
        ("{order.catalog_id: 8}", False),
        ("{order.text: {contains: gift}}", True),
        ("{order.text: {word: please, starts_with: a}}", True),
        ("{order.text: {word: please, starts_with: b}}", False),
        ("{order.items: {matches: '^2 x pizza-\\d$'}}", True),
        ("{order.items: 1 x cola}", True),
        ("{order.count: 3}", True),
        ("{order.count: {at_least: 3}}", True),
        ("{order.count: {at_least: 4}}", False),
        ("{order.total: {at_least: 20, at_most: 21}}", True),
        ("{order.total: {at_most: 20.99}}", False),
        ("{order.product_items.quantity: {any_of: [1, 9]}}", True),
        ("{order.catalog_id: 7, order.count: 4}", False),
        ("{order.count: {equals: 3, any_of: [3, 4]}}", True),
        ("{order.count: {equals: 3, any_of: [4, 5]}}", False),
        ("{context.id: {present: no}}", True),
        ("{context.id: {present: yes}}", False),
        ("{flow.size: {present: no}}", True),
    ],
)
def test_order_is_tested_by_its_paths(test: str, holds: bool) -> None:
    assert fires(test) is holds


@pytest.mark.parametrize(
    ("test", "kind", "content", "holds"),
    [
        ("{audio.voice: yes}", "audio", {"voice": True}, True),
        ("{audio.voice: false}", "audio", {"voice": True}, False),
        ("{audio.voice: no}", "audio", {}, False),
        ("{reaction.emoji: 👍}", "reaction", {"emoji": "👍"}, True),
        ("{contacts.phones: +351 900-000-002}", "contacts",
         [{"phones": [{"phone": "351900000002"}]}], True),
        ("{location.latitude: {at_least: 38, at_most: 39}}", "location", {"latitude": 38.7}, True),
        ("{flow.age: {at_least: 18}}", "interactive",
         {"nfm_reply": {"response_json": '{"age": "21"}'}}, True),
        ("{system.wa_id: {present: yes}}", "system", {"wa_id": "1"}, True),
        ("{poll.name: lunch}", "poll", {"name": "Lunch"}, True),
    ],
)  # fmt: skip
def test_value_is_tested_by_its_kind(test: str, kind: str, content: Any, holds: bool) -> None:
    rule = f"- {{name: it, when: {{type: {kind}, data: {test}}}, then: {{tag: a}}}}"

    assert bool(decided(rule, type=kind, raw={"type": kind, kind: content}).fired) is holds


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("{any: [{data: {order.count: 9}}, {data: {order.count: 3}}]}", True),
        ("{all: [{data: {order.count: 9}}, {data: {order.count: 3}}]}", False),
        ("{not: {data: {order.count: 9}}}", True),
        ("{not: {data: {order.count: 3}}}", False),
    ],
)
def test_data_stands_in_any_all_and_not(when: str, holds: bool) -> None:
    rule = f"- {{name: it, when: {when}, then: x}}"

    assert bool(decided(rule, type="order", raw={"order": ORDER}).fired) is holds


def notice(value: Any, field: str = "message_template_status_update") -> Event:
    return split(Delivery("0:1-0", NOW, bytes_of({"field": field, "value": value})))[0]


PAUSED = {"event": "PAUSED", "message_template_name": "order_shipped", "reason": "LOW_QUALITY"}


@pytest.mark.parametrize(("event", "fired"), [("PAUSED", True), ("APPROVED", False)])
def test_rule_tells_a_paused_template_from_an_approved_one(event: str, fired: bool) -> None:
    rules = book(
        "- {name: it, when: {field: message_template_status_update, data: {notice.event: PAUSED}},"
        " then: {alert: '{{ notice.message_template_name }}: {{ notice.reason }}'}}"
    )

    decision = rules.decide(notice(PAUSED | {"event": event}), Contact(""), NOW)

    assert [one.actions[0].body for one in decision.fired] == (
        [{"alert": "order_shipped: LOW_QUALITY"}] if fired else []
    )


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{ order.items }}", "2 x pizza-9, 1 x cola"),
        ("{{ order.text }} {{ order.total }} {{ order.currency }}", "A GIFT, please 21 EUR"),
        ("{{ order.product_items.quantity }} of {{ order.count }}", "2, 1 of 3"),
        ("{{ context.id | default('no answer') }}", "no answer"),
        ("{{ order.items | upper | truncate(5) }}", "2 X …"),
    ],
)
def test_placeholder_is_filled_by_its_path(text: str, filled: str) -> None:
    rule = f"- {{name: it, when: {{type: order}}, then: {text!r}}}"

    assert answer(rule, type="order", raw={"order": ORDER}) == filled


def test_moment_of_meta_is_told_through_a_filter() -> None:
    rule = (
        "- {name: it, when: {field: calls}, then: {alert: '{{ call.start_time | time }}"
        "{{ call.end_time | when }}'}}"
    )
    call = {"calls": [{"id": "c", "event": "terminate", "start_time": "1795348000"}]}

    decision = book(rule).decide(notice(call, "calls"), Contact(""), NOW)

    assert decision.fired[0].actions[0].body == {"alert": "11:46"}


def test_group_of_a_pattern_goes_before_a_path_of_its_name() -> None:
    rule = "- {name: it, when: {text: {matches: '(?P<flow>.+)'}}, then: '{{ flow }}'}"

    assert answer(rule, text="hi") == "hi"


def test_values_of_a_customer_are_no_placeholders() -> None:
    order = ORDER | {"text": "{{ name }}"}

    said = answer("- {name: it, then: '{{ order.text }}'}", type="order", raw={"order": order})

    assert said == "{{ name }}"


def test_long_value_is_cut() -> None:
    order = ORDER | {"text": "x" * 9_000}

    made = planned(
        "- {name: it, then: {set: {note: '{{ order.text | truncate(4096) }}'}}}",
        a_message(type="order", raw={"order": order}),
    )

    assert len(made.contact.vars["note"]) == 4_096


def test_reasons_name_the_path_and_the_words_of_the_rule() -> None:
    rules = book(
        "- {name: a, when: {data: {order.catalog_id: 8}}, then: x}\n"
        "- {name: b, when: {data: {order.count: {at_least: 9}}}, then: x}\n"
        "- {name: c, when: {data: {contacts.phones: '351900000002'}}, then: x}\n"
        "- {name: d, when: {data: {order.text: {present: yes}, order.total: 21}}, then: x}"
    )
    event = a_message(type="order", raw={"order": ORDER})

    assert [str(one) for one in explain(rules, event, Contact(ANA), NOW)] == [
        '✗ a: order.catalog_id is not "8"',
        "✗ b: order.count is not at least 9",
        "✗ c: contacts.phones is none the rule names",
        '✓ d: there is order.text and order.total is "21"',
    ]


def test_status_is_tested_by_its_price() -> None:
    rules = book(
        "- {name: it, when: {event: status, data: {pricing.billable: yes}}, then: {tag: paid}}"
    )
    status = a_status("wamid.1", "sent", raw={"pricing": {"billable": True}})

    assert rules.decide(status, Contact(ANA), NOW).fired


FOUND = Path(__file__).parents[3] / "shared/found-turn2"


@pytest.mark.skipif(not FOUND.is_dir(), reason="the inputs do not lie beside this checkout")
@pytest.mark.parametrize(
    ("name", "text", "filled"),
    [
        ("order-with-note", "{{ order.items }}: {{ order.text }}", "2 x P-1: please before noon"),
        ("flow-answer", "{{ flow.size }}/{{ flow }}", "M/size: M, colour: blue"),
        ("from-an-ad", "{{ referral.ctwa_clid }}", "ARexample"),
        ("edit-corrects-an-order", "{{ edit.text }}", "order 124"),
        ("notice-template-paused", "{{ notice.message_template_name }}: {{ notice.event }}",
         "order_shipped: PAUSED"),
    ],
)  # fmt: skip
def test_input_of_a_user_can_be_told(name: str, text: str, filled: str) -> None:
    when = "{type: edit}" if "edit" in text else "{}"
    when = "{field: message_template_status_update}" if "notice" in text else when
    rules = book(f"- {{name: it, when: {when}, then: {{alert: {text!r}}}}}")
    *_, event = split(Delivery("0:1-0", NOW, (FOUND / f"{name}.json").read_bytes()))

    (fired,) = rules.decide(event, Contact(event.contact), event.at).fired

    assert fired.actions[0].body == {"alert": filled}
