"""Damage to one string of one item costs that item at most, and never a neighbour."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.core.events import Delivery, Event, Message, Status, Unreadable
from gateway.core.webhook import event_keys
from gateway.core.webhook.parser import split
from gateway.core.webhook.salvage import LOST, MOST_PARTS, salvage
from tests.support.factories import NUMBER, message_item, status_item

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MARK = "<<here>>"


def read(body: bytes) -> list[Event]:
    return split(Delivery("3:1-0", NOW, body))


def contact(sender: str, name: str = "Ana") -> Any:
    return {"profile": {"name": name}, "wa_id": sender}


def envelope(*values: Any, field_first: bool = False, indent: bool = False) -> bytes:
    """Make a body as Meta orders it, where the field stands behind the value, or the other way."""
    changes: list[Any] = [
        {"field": "messages", "value": one} if field_first else {"value": one, "field": "messages"}
        for one in values
    ]
    body = {
        "object": "whatsapp_business_account",
        "entry": [{"id": f"{n}", "changes": [one]} for n, one in enumerate(changes)],
    }
    return orjson.dumps(body, option=orjson.OPT_INDENT_2 if indent else 0)


def value(messages: list[Any], statuses: list[Any], number: str = NUMBER) -> dict[str, Any]:
    told: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550001111", "phone_number_id": number},
    }
    if messages:
        told["contacts"] = [contact(one["from"]) for one in messages]
        told["messages"] = messages
    return told | ({"statuses": statuses} if statuses else {})


TEXTS = st.text(max_size=30) | st.sampled_from(
    ['he said "hi", ok', '{"a":"b","c":[1]}', "},{", '"},"id":"x', "\\", 'a\\"', "]}]}", ","]
)
PLACES = ["name", "body", "id", "from", "timestamp", "type", "title", "status", "recipient_id"]


@st.composite
def envelopes(draw: st.DrawFn) -> tuple[bytes, int]:
    """Return a body with several items, in one of whose strings stands the mark, and which."""
    kinds = draw(st.lists(st.sampled_from(["text", "button", "status"]), min_size=2, max_size=6))
    found = [item(kind, n, draw(TEXTS)) for n, kind in enumerate(kinds)]
    hurt = draw(st.integers(0, len(found) - 1))
    name = draw(st.sampled_from(sorted(strings(found[hurt]))))
    mark(found[hurt], name)
    half = draw(st.integers(0, len(found)))
    order = found[:half], found[half:]
    values = [
        value([i for i in part if "from" in i], [i for i in part if "status" in i], f"{NUMBER}{n}")
        for n, part in enumerate(order)
        if part
    ]
    body = envelope(*values, field_first=draw(st.booleans()), indent=draw(st.booleans()))
    events = read(body)
    (place,) = [e.item for e in events if MARK in orjson.dumps(e.raw).decode()]
    return body, place


def item(kind: str, n: int, said: str) -> Any:
    if kind == "status":
        return status_item(f"wamid.s{n}", "delivered", said)
    made = message_item(f"wamid.m{n}", said, f"35190000000{n}")
    if kind == "button":
        reply = {"type": "button_reply", "button_reply": {"id": said, "title": said}}
        made |= {"type": "interactive", "interactive": reply}
        del made["text"]
    return made


def strings(holder: Any) -> set[str]:
    inner = [strings(said) for said in holder.values() if isinstance(said, dict)]
    return {name for name, said in holder.items() if isinstance(said, str)}.union(*inner)


def mark(holder: Any, name: str) -> None:
    for key, said in holder.items():
        if key == name and isinstance(said, str):
            middle = len(said) // 2
            holder[key] = said[:middle] + MARK + said[middle:]
            return
        if isinstance(said, dict) and MARK not in orjson.dumps(holder).decode():
            mark(said, name)


DAMAGES: dict[str, bytes] = {
    "a first half": b"\\ud83d",
    "a second half": b"\\ude00",
    "halves that do not belong together": b"\\ud83d\\ud83d\\ude00\\ude00",
    "a control character": b"\x07",
    "a line break": b"\r\n",
    "nothing": b"\x00",
    "no UTF-8": b"\xff\xfe",
    "a character cut": b"\xf0\x9f\x98",
    "half an escape": b"\\u12",
    "an escape that is none": b"\\x",
    "half an encoded": b"\xed\xa0\xbd",
}


def undamaged(body: bytes) -> list[Event]:
    return read(body.replace(MARK.encode(), b""))


def told_apart(events: list[Event], but: int) -> list[Any]:
    return [
        (type(e), e.item, e.key, e.number, e.contact, e.at, e.raw) for e in events if e.item != but
    ]


def holds_only(events: list[Event], before: list[Event], place: int) -> None:
    """Every other event is the same, and the one that was hurt is itself or unreadable."""
    assert told_apart(events, place) == told_apart(before, place)
    if not isinstance(events[place], Unreadable):
        assert events[place].key == before[place].key


@given(envelopes(), st.sampled_from(sorted(DAMAGES)))
@settings(max_examples=150, deadline=None)
def test_damage_to_one_string_costs_no_neighbour(hurt: tuple[bytes, int], damage: str) -> None:
    body, place = hurt
    damaged = body.replace(MARK.encode(), DAMAGES[damage])
    assume(b"\\" + DAMAGES[damage] not in damaged)

    holds_only(read(damaged), undamaged(body), place)


@given(envelopes(), st.binary(max_size=8))
@settings(max_examples=150, deadline=None)
def test_no_bytes_at_all_in_one_string_raise_or_write_what_cannot_be_written(
    hurt: tuple[bytes, int], noise: bytes
) -> None:
    events = read(hurt[0].replace(MARK.encode(), noise))

    for event in events:
        orjson.dumps(event.raw)
        event_keys.digest(event.key)
        event.contact.encode()


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity", b"1e999", b"01", b"nul", b"+", b"0x1F"])
@given(envelopes())
@settings(max_examples=30, deadline=None)
def test_a_value_that_is_none_costs_no_neighbour(number: bytes, hurt: tuple[bytes, int]) -> None:
    body, place = hurt
    begins = body.rindex(b'"', 0, body.index(MARK.encode()))
    ends = body.index(b'"', body.index(MARK.encode()))
    assume(b"\\" not in body[begins : ends + 1])

    holds_only(read(body[:begins] + number + body[ends + 1 :]), undamaged(body), place)


QUOTES: dict[str, Callable[[bytes], bytes]] = {
    "a quote too many": lambda text: text.replace(b"<<here>>", b'x"y'),
    "two quotes too many": lambda text: text.replace(b"<<here>>", b'so "he" said'),
    "a quote too few": lambda text: text.replace(b'<<here>>"', b"here"),
    "the last quote escaped": lambda text: text.replace(b'<<here>>"', b'here\\"'),
    "the first quote missing": lambda text: text.replace(b'"<<here>>', b"here"),
}


@pytest.mark.parametrize("damage", QUOTES.values(), ids=QUOTES)
@pytest.mark.parametrize("indent", [False, True], ids=["compact", "indented"])
@pytest.mark.parametrize("field_first", [False, True], ids=["value first", "field first"])
@pytest.mark.parametrize("hurt", [0, 1, 2])
@pytest.mark.parametrize("said", ["hi", "a, b} c]"])
def test_a_quote_too_many_or_too_few_costs_no_neighbour(
    damage: Callable[[bytes], bytes], hurt: int, said: str, indent: bool, field_first: bool
) -> None:
    messages = [message_item(f"wamid.{n}", said, f"35190000000{n}") for n in range(3)]
    messages[hurt]["text"]["body"] = MARK
    body = envelope(value(messages, []), field_first=field_first, indent=indent)
    damaged = damage(body)
    assert damaged != body

    holds_only(read(damaged), undamaged(body), hurt)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.text()
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_what_is_whole_is_read_as_it_is(said: Any, indent: bool) -> None:
    body = orjson.dumps(said, option=orjson.OPT_INDENT_2 if indent else 0)

    assert salvage(body) == [said]


def messages_of(body: bytes) -> list[str]:
    return [event.id for event in read(body) if isinstance(event, Message)]


WHOLE = envelope(value([message_item(f"wamid.{n}", "hi") for n in range(3)], []))


@pytest.mark.parametrize("field_first", [False, True], ids=["value first", "field first"])
def test_what_was_complete_before_the_cut_has_its_effect(field_first: bool) -> None:
    written = [message_item(f"wamid.{n}", "hi") for n in range(3)]
    body = envelope(value(written, []), field_first=field_first)
    before = {event.key for event in read(body)}
    for cut in range(0, len(body), 3):
        events = read(body[:cut])

        whole = sum(body[:cut].count(orjson.dumps(one)) for one in written)
        assert len([event for event in events if isinstance(event, Message)]) == whole
        assert any(isinstance(event, Unreadable) for event in events)
        assert {e.key for e in events if not isinstance(e, Unreadable)} <= before


def test_statuses_of_a_body_that_is_cut_have_their_effect() -> None:
    body = envelope(value([], [status_item(f"wamid.{n}", "read") for n in range(2)]))
    first, second = read(body[: body.index(b'"wamid.1"')])

    assert isinstance(first, Status)
    assert (first.key, second.kind) == (f"status|{NUMBER}|wamid.0|read", "unreadable")


def test_echoes_of_a_body_that_is_cut_are_never_taken_for_messages() -> None:
    echoes = {"metadata": {"phone_number_id": NUMBER}, "messages": [message_item("wamid.1")]}

    assert messages_of(envelope(echoes)[:-30]) == []


def test_what_is_lost_of_a_body_is_told_once() -> None:
    garbage = WHOLE + b"\x00 garbage"

    *messages, told = read(garbage)

    assert [event.item for event in messages] == [0, 1, 2]
    assert isinstance(told, Unreadable)
    assert (told.item, told.reason, told.source) == (3, "not_json", garbage)


def test_two_bodies_in_one_are_both_read() -> None:
    other = envelope(value([message_item("wamid.other")], []))

    assert messages_of(WHOLE + other) == ["wamid.0", "wamid.1", "wamid.2", "wamid.other"]


@pytest.mark.parametrize(
    ("gone", "left", "lost"),
    [
        pytest.param(b"}}]},", b"}}},", set(), id="a bracket"),
        pytest.param(b'"}}]', b'"}]', {"wamid.2"}, id="a brace"),
        pytest.param(b'"}},{', b'"},{', {"wamid.0"}, id="a brace between"),
        pytest.param(b'"}},{', b'"}}},{', set(), id="a brace too many"),
        pytest.param(b'"}},{', b'"}}{', set(), id="a comma"),
    ],
)
def test_a_bracket_or_comma_that_is_wrong_costs_one_item_at_most(
    gone: bytes, left: bytes, lost: set[str]
) -> None:
    body = WHOLE.replace(gone, left, 1)
    assert body != WHOLE

    assert {"wamid.0", "wamid.1", "wamid.2"} - set(messages_of(body)) == lost


def test_a_value_that_is_too_deep_costs_no_neighbour() -> None:
    deep = message_item("wamid.deep") | {"deep": MARK}
    body = envelope(value([message_item("wamid.0"), deep, message_item("wamid.2")], []))
    for levels in (260, 1_100):
        nested = b"[" * levels + b"]" * levels
        first, unread, last = read(body.replace(f'"{MARK}"'.encode(), nested))

        assert (first.kind, unread.kind, last.kind) == ("message", "unreadable", "message")


@pytest.mark.parametrize(
    ("place", "noise"),
    [(b'"messages":[', b'"mess\\ud83dages":['), (b'"field":"m', b'"field":"\\ud83dm'),
     (b'"field":"messages"', b'"field":NaN'), (b'"entry"', b'"entr\\ud83dy"'),
     (b'"object":"w', b'"object":"\\ud83dw'), (b'"phone_number_id":"', b'"phone_number_id":"\xff')],
)  # fmt: skip
def test_where_nobody_can_tell_what_the_items_are_a_person_is_told(
    place: bytes, noise: bytes
) -> None:
    events = read(WHOLE.replace(place, noise))

    assert {event.kind for event in events} == {"unreadable"}


def test_a_name_with_half_an_emoji_is_read_with_the_sign_for_what_is_lost() -> None:
    told = value(
        [message_item("wamid.1", "menu"), message_item("wamid.2", "menu", "351900000002")], []
    )
    told["contacts"] = [contact("351900000001", MARK), contact("351900000002")]
    first, second = read(envelope(told).replace(MARK.encode(), b"Ana \\ud83d"))

    assert isinstance(first, Message)
    assert isinstance(second, Message)
    assert (first.name, second.name) == (f"Ana {LOST}", "Ana")
    assert (first.text, first.key) == ("menu", f"message|{NUMBER}|wamid.1")


def test_whose_number_cannot_be_read_is_nobodys_other_name() -> None:
    told = value([message_item("wamid.1", sender="351900000001")], [])
    told["contacts"] = [contact(MARK)]
    (event,) = read(envelope(told).replace(MARK.encode(), b"35190\xff0001"))

    assert (event.kind, event.contact, event.also) == ("message", "351900000001", ())


@pytest.mark.parametrize(
    "part",
    [b"[", b"{", b'{"a":', b'"', b"}", b"]", b"{]", b"[}", b',"', b'"]', b'"}}', b'\\"', b"} ",
     b":", b'{"', b'"" ', b",[[", b"\xff", b"\\u", b"x "],
)  # fmt: skip
@pytest.mark.parametrize("before", [b"", b'{"a":"', b'["', b'{"a":' + b"[" * 150], ids=range(4))
def test_time_grows_no_faster_than_what_is_read(before: bytes, part: bytes) -> None:
    def took(parts: int) -> float:
        began = time.process_time()
        salvage(before + part * parts)
        return time.process_time() - began

    assert took(40_000) < 60 * took(4_000) + 0.05


def test_what_has_too_many_parts_is_lost_from_there_on() -> None:
    documents = salvage(b"[" + b"1 " * (MOST_PARTS + 9))

    assert len(documents[0]) < MOST_PARTS
    assert documents[-1] == LOST
