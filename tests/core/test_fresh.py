"""A delivery that is made new has new messages, sent as long ago as they were when it came."""

from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from gateway.core.capture.refresh import refresh_messages
from gateway.core.events import Delivery, Message
from gateway.core.webhook.parser import split
from tests.support.factories import NOW, delivery_body, message_item, status_item

BODIES = sorted(Path(__file__).parents[1].glob("deliveries/*.[jb]*"))
DAYS = timedelta(days=3, seconds=7, milliseconds=500)
SENT = int(NOW.timestamp()) - 2


def events(body: bytes) -> list[object]:
    """Return the events of a body, without what is new in those of a message."""
    found = split(Delivery("0:1-0", NOW + 2 * DAYS, body))
    return [(one.kind, one.number, one.contact, getattr(one, "text", "")) for one in found]


@pytest.mark.parametrize("file", BODIES, ids=[file.stem for file in BODIES])
def test_only_messages_become_new(file: Path) -> None:
    body = file.read_bytes()
    old, new = (
        split(Delivery("0:1-0", NOW, one)) for one in (body, refresh_messages(body, b"s", DAYS))
    )

    assert events(refresh_messages(body, b"s", DAYS)) == events(body)
    for one, other in zip(old, new, strict=True):
        # An error beside messages is known by what it stands beside.
        is_new = isinstance(one, Message) or getattr(one, "field", "") == "errors"
        assert (one.key != other.key) is (is_new and b'"messages":' in body)


def test_what_holds_no_message_keeps_its_bytes() -> None:
    body = b'{"object": "whatsapp_business_account",\n "entry": []}'

    assert refresh_messages(body, b"s", DAYS) is body


@pytest.mark.parametrize(
    ("stamp", "moved"),
    [
        (SENT, SENT + 3 * 86400 + 7),
        (str(SENT), str(SENT + 3 * 86400 + 7)),
        (str(SENT * 1000), str(SENT * 1000 + 3 * 86_400_000 + 7_500)),
        ("soon", "soon"),
    ],
)
def test_a_message_is_as_old_as_it_was_when_it_came(stamp: object, moved: object) -> None:
    item = message_item("wamid.1") | {"timestamp": stamp}
    made = orjson.loads(refresh_messages(delivery_body(item), b"s", DAYS))

    assert made["entry"][0]["changes"][0]["value"]["messages"][0]["timestamp"] == moved


def test_the_same_seed_gives_the_same_ids_and_another_gives_others() -> None:
    body = delivery_body(message_item("wamid.1"), message_item("wamid.2"))

    assert (
        refresh_messages(body, b"s", DAYS)
        == refresh_messages(body, b"s", DAYS)
        != refresh_messages(body, b"t", DAYS)
    )
    assert (
        len({one.key for one in split(Delivery("", NOW, refresh_messages(body, b"s", DAYS)))}) == 2
    )


def test_a_status_keeps_the_message_that_it_is_about() -> None:
    body = delivery_body(message_item("wamid.1"), statuses=[status_item("wamid.2", "read")])

    assert b"wamid.2" in refresh_messages(body, b"s", DAYS)
    assert b'"wamid.1"' not in refresh_messages(body, b"s", DAYS)


def test_what_is_too_deep_to_be_written_stays_as_it_is() -> None:
    deep = b"[" * 300 + b"]" * 300
    body = delivery_body(message_item("wamid.1")).replace(b'"contacts"', b'"x":' + deep + b',"y"')

    assert refresh_messages(body, b"s", DAYS) == body
