"""A person is found by all of their names, and nobody else is."""

import base64

import pytest

from gateway.core.contacts.person import Person

ZOE = Person(frozenset({"351987650001", "PT.9876500011"}))
BRAZILIAN = Person(frozenset({"551187650001"}))  # in the form without the digit that came later


@pytest.mark.parametrize(
    "before", [b"", b"\x1c", b"\x1c\x18", b"\x1c\x18\x0c", b"\x1c\x18\x0c\x01"]
)
@pytest.mark.parametrize("after", [b"", b"\x15", b"\x15\x02\x00"])
def test_a_name_is_found_within_an_id_of_a_message(before: bytes, after: bytes) -> None:
    wamid = b"wamid." + base64.b64encode(before + b"351987650001" + after)

    assert ZOE.is_mentioned(b'{"id":"' + wamid + b'"}')


@pytest.mark.parametrize(
    ("person", "content", "is_mentioned"),
    [
        (ZOE, '"from":"351987650001"', True),
        (ZOE, '"text":"call +351987650001 now"', True),
        (ZOE, '"user_id":"PT.9876500011"', True),
        (ZOE, '"from":"3519876500012"', False),
        (ZOE, '"from":"1351987650001"', False),
        (ZOE, '"user_id":"PT.98765000112"', False),
        (BRAZILIAN, '"from":"5511987650001"', True),
        (BRAZILIAN, '"from":"551187650001"', True),
    ],
)
def test_a_name_is_found_in_any_form_and_not_as_a_part_of_another(
    person: Person, content: str, is_mentioned: bool
) -> None:
    assert person.is_mentioned(content.encode()) is is_mentioned


@pytest.mark.parametrize(
    ("item", "is_hers"),
    [
        ({"from": "351987650001", "type": "text"}, True),
        ({"recipient_id": 351987650001}, True),
        ({"to": "+351987650001"}, True),
        ({"to": {"user_id": "PT.9876500011"}}, True),
        ({"type": "contact", "contact": {"phone_number": "351987650001"}}, True),
        ({"from": "351900000002", "context": {"from": "351987650001"}}, False),
        ({"from": "351900000002", "text": {"body": "351987650001"}}, False),
        (["351987650001"], False),
        (None, False),
    ],
)
def test_an_item_is_of_whom_its_own_fields_name(item: object, is_hers: bool) -> None:
    assert ZOE.has(item) is is_hers
