"""Nobody is left in an anonymous capture, and one person is one stand-in in all of it."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.capture.anonymize import Anonymizer
from gateway.core.events import Delivery, Message, Status
from gateway.core.webhook.parser import split
from tests.support.factories import NOW, bytes_of, delivery_body, message_item, status_item

BODIES = sorted(Path(__file__).parents[1].glob("deliveries/*.[jb]*"))
# Of country 1 there are only numbers of eleven digits.
PHONES = (
    st.integers(10**10, 10**15 - 1).map(str).filter(lambda said: said[0] != "1" or len(said) == 11)
)
# What stays as it is holds nobody's number, so it is left out here.
NAMES = st.sampled_from(["from", "wa_id", "body", "input", "title", "code", "type", "time", "name"])
SECRET = Anonymizer(b"a secret")


def wamid(phone: str) -> str:
    """Make the id of a message as Meta does, with the customer's number inside."""
    return "wamid." + base64.b64encode(b"\x1d\x0b" + phone.encode() + b"\x15\x02\x00").decode()


def anywhere(phone: str) -> st.SearchStrategy[Any]:
    """Return JSON with a phone number in all that a customer or Meta may write."""
    spelled = [phone, f"+{phone}", f"+{phone[:3]} {phone[3:6]}-{phone[6:]}", f"call {phone}!"]
    leaves = st.sampled_from([*spelled, int(phone), wamid(phone), True, None, 38.7, "", "hi"])
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.just(phone), inner, max_size=4)
        ),
        max_leaves=20,
    )


def decoded(body: bytes) -> bytes:
    """Return a body and behind it all that may be base64 in it, decoded."""
    texts = re.findall(rb"[A-Za-z0-9+/]{8,}", body)
    cuts = [text[start:] for text in texts for start in range(4)]
    return b"\n".join([body, *(base64.b64decode(cut[: len(cut) // 4 * 4]) for cut in cuts)])


@given(st.data(), PHONES)
def test_no_phone_number_remains_anywhere(data: st.DataObject, phone: str) -> None:
    found = data.draw(anywhere(phone))
    said = SECRET.body(bytes_of({"field": "messages", "value": found}))

    assert phone.encode() not in decoded(said).replace(b"-", b"").replace(b" ", b"")
    assert orjson.loads(said)["object"] == "whatsapp_business_account"


@pytest.mark.parametrize("file", BODIES, ids=[file.stem for file in BODIES])
def test_what_meta_posts_stays_what_it_is(file: Path) -> None:
    body = file.read_bytes()
    before, after = (split(Delivery("0:1-0", NOW, one)) for one in (body, SECRET.body(body)))

    assert [one.kind for one in before] == [one.kind for one in after]
    assert [one.number for one in before] == [one.number for one in after]
    assert [one.at for one in before] == [one.at for one in after]
    assert [bool(one.contact) for one in before] == [bool(one.contact) for one in after]
    # Who changed their number is still the same person by both.
    assert [len(one.also) for one in before] == [len(one.also) for one in after]


@pytest.mark.parametrize("file", BODIES, ids=[file.stem for file in BODIES])
def test_nothing_that_was_written_remains(file: Path) -> None:
    told = split(Delivery("0:1-0", NOW, body := file.read_bytes()))
    said = SECRET.body(body)

    for one in told:
        for private in (one.wa_id, one.user_id, getattr(one, "text", ""), getattr(one, "id", "")):
            assert not private or json.dumps(private).encode() not in said


def parsed(*bodies: bytes) -> list[Any]:
    return [split(SECRET.delivery(Delivery("0:1-0", NOW, body)))[0] for body in bodies]


def test_one_person_has_one_stand_in_however_their_number_is_written() -> None:
    one, same, other = parsed(
        delivery_body(message_item("wamid.1", sender="5511987654321")),
        delivery_body(message_item("wamid.2", sender="551187654321")),
        delivery_body(message_item("wamid.3", sender="351900000002")),
    )

    assert one.contact == same.contact != other.contact
    assert one.contact.startswith("999")
    assert one.name == other.name != "Ana"


def test_a_status_still_finds_its_message_and_messages_stay_apart() -> None:
    message, other, status = parsed(
        delivery_body(message_item(wamid("351900000001"))),
        delivery_body(message_item(wamid("351900000001") + "A")),
        delivery_body(statuses=[status_item(wamid("351900000001"), "read")]),
    )

    assert isinstance(message, Message)
    assert isinstance(status, Status)
    assert message.id == status.id != other.id
    assert status.status == "read"


def test_with_another_secret_everybody_is_somebody_else() -> None:
    body = delivery_body(message_item("wamid.1"))

    assert SECRET.body(body) == Anonymizer(b"a secret").body(body) != Anonymizer(b"x").body(body)


NO_JSON = {
    "empty": b"",
    "cut": b'{"from":"351900000001"',
    "no text": b"\xff351900000001",
    "too deep to write": b"[" * 300 + b'"351900000001"' + b"]" * 300,
}


@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_json_stays_none_and_as_long(body: bytes) -> None:
    said = SECRET.body(body)

    assert len(said) == len(body)
    assert b"351900000001" not in said
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(said)


KEPT = {
    "a moment": ({"messages": [{"timestamp": "1795375301"}]}, True),
    "a moment in milliseconds": ({"statuses": [{"timestamp": 1795375301552}]}, True),
    "a phone number for a moment": ({"messages": [{"timestamp": "15550001111"}]}, False),
    "a kind": ({"messages": [{"type": "text"}]}, True),
    "a customer's word for a kind": ({"messages": [{"type": "Maria Silva"}]}, False),
    "a word of a shared card": ({"messages": [{"contacts": [{"type": "maria"}]}]}, False),
    "an error": ({"errors": [{"code": 131047}]}, True),
    "an error's words": ({"errors": [{"title": "to 351900000001"}]}, False),
    "our number's id": ({"metadata": {"phone_number_id": "106540352242922"}}, True),
    "our number": ({"metadata": {"display_phone_number": "15550001111"}}, False),
    "where they are": ({"messages": [{"location": {"latitude": 38.71}}]}, False),
}


@pytest.mark.parametrize(("value", "stays"), KEPT.values(), ids=KEPT)
def test_only_what_is_harmless_stays(value: Any, stays: bool) -> None:
    said = orjson.loads(SECRET.body(bytes_of({"field": "messages", "value": value})))

    assert (said["entry"][0]["changes"][0]["value"] == value) is stays


def test_a_name_of_a_field_that_is_somebodys_is_replaced() -> None:
    assert b"Ana" not in SECRET.body(b'{"Ana": 1, "object": "page"}')
