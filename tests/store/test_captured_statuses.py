"""What each captured status does to the send that became its message; by table."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.core.events import Delivery, Event, Status
from gateway.core.webhook.parser import split
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Store
from tests.support.factories import NOW, NUMBER
from tests.support.store.plans import planned
from tests.support.store.raw import raw
from tests.support.store.sends import PREFIX, WEEK, a_send, counted, queue, row, settle, take

pytestmark = pytest.mark.store
DELIVERIES = Path(__file__).parents[1] / "deliveries"
SAMPLES = Path(__file__).parents[3] / "shared/meta/pywa-updates/message_status.json"
ONE = a_send("one")
LADDER = ("stage", "final", "pricing", "error")


def received(body: bytes) -> list[Event]:
    return split(Delivery(f"3:{int(NOW.timestamp()) * 1000}-0", NOW, body))


def effect_of(store: Store, body: bytes) -> dict[str, Any]:
    """Let a send become the first message that a body tells of; return what its row tells then."""
    events = received(body)
    wamid = next(event.id for event in events if isinstance(event, Status))
    queue(store, ONE)
    take(store)
    settle(store, ONE, "accepted", wamid=wamid)
    for plan in planned(store, *events):
        assert commit(store, [plan], WEEK) == [True]
    found = row(store, ONE)
    told = {name: found[name] for name in LADDER if name in found}
    members = raw(store).hvals(f"{PREFIX}members:{ONE.id}")
    return told | ({"members": [one.split()[1] for one in members]} if members else {})


FAILED = {
    "code": 131047, "title": "Re-engagement message",
    "details": "More than 24 hours have passed since the recipient last replied.",
    "source": "status",
}  # fmt: skip
PRICE = '{"pricing_model":"PMP","type":"regular","category":"utility","billable":true}'
CAPTURED: dict[str, dict[str, Any]] = {
    "status__sent": {"stage": "sent", "pricing": PRICE},
    "status__failed": {"stage": "failed", "final": "1", "error": FAILED},
    "status__group": {"stage": "read", "members": [b"read", b"read"]},
    "status__no_phone_number": {"stage": "read"},
    "status__unknown_message": {"stage": "delivered"},
    "status__without_status": {"stage": "read"},
    "batch__messages_and_statuses": {"stage": "read"},
}


def told(found: dict[str, Any]) -> dict[str, Any]:
    return found | ({"error": orjson.loads(found["error"])} if "error" in found else {})


@pytest.mark.parametrize(("name", "after"), CAPTURED.items(), ids=CAPTURED)
def test_a_captured_status_moves_its_send(store: Store, name: str, after: dict[str, Any]) -> None:
    body = (DELIVERIES / f"{name}.json").read_bytes()

    assert told(effect_of(store, body)) == after


def test_every_captured_status_is_in_the_table() -> None:
    assert {path.stem for path in DELIVERIES.glob("status__*")} <= set(CAPTURED)


@pytest.mark.parametrize("word", ["deleted", "warning"])
def test_a_word_without_a_step_is_known_and_moves_nothing(store: Store, word: str) -> None:
    body = (DELIVERIES / "status__sent.json").read_bytes().replace(b'"sent"', f'"{word}"'.encode())

    assert effect_of(store, body) == {"stage": "accepted"}
    assert not planned(store, *received(body))
    assert counted(store, "events.status") == 1


OLD_PRICE = '{"pricing_model":"CBP","category":"service","billable":true}'
EXPERIMENT = {
    "code": 130472, "title": "User's number is part of an experiment", "source": "status",
    "details": "Failed to send message because this user's phone number is part of an experiment",
}  # fmt: skip
SAMPLED: dict[str, dict[str, Any]] = {
    "sent": {"stage": "sent", "pricing": OLD_PRICE},
    "delivered": {"stage": "delivered", "pricing": OLD_PRICE},
    "read": {"stage": "read", "pricing": OLD_PRICE},
    "played": {"stage": "played", "pricing": OLD_PRICE},
    "failed": {"stage": "failed", "final": "1", "error": EXPERIMENT},
    "with_tracker": {"stage": "sent", "pricing": OLD_PRICE},
    "group": {"stage": "read", "members": [b"read"]},
}


def samples() -> Iterator[tuple[str, bytes]]:
    found = json.loads(SAMPLES.read_text(encoding="utf-8"))
    for name, envelope in found.items():
        for change in envelope["entry"][0]["changes"]:
            change["value"]["metadata"]["phone_number_id"] = NUMBER
        yield name, json.dumps(envelope).encode()


@pytest.mark.skipif(not SAMPLES.is_file(), reason="the samples do not lie beside this checkout")
@pytest.mark.parametrize("name", SAMPLED)
def test_a_sampled_status_moves_its_send(store: Store, name: str) -> None:
    assert told(effect_of(store, dict(samples())[name])) == SAMPLED[name]


@pytest.mark.skipif(not SAMPLES.is_file(), reason="the samples do not lie beside this checkout")
def test_every_sample_is_in_the_table() -> None:
    assert set(dict(samples())) == set(SAMPLED)
