"""Sample envelopes of another library split into the kinds that their fields promise."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.core.events import Delivery, Event
from gateway.core.webhook.parser import split

SAMPLES = Path(__file__).parents[3] / "shared/meta/pywa-updates"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the sample envelopes do not lie beside this checkout"
)


def envelopes(found: Any) -> Iterator[dict[str, Any]]:
    if "object" in found:
        yield found
    else:
        for inner in found.values():
            yield from envelopes(inner)


def split_samples(name: str) -> list[Event]:
    found = json.loads((SAMPLES / name).read_text(encoding="utf-8"))
    bodies = [json.dumps(envelope).encode() for envelope in envelopes(found)]
    return [event for body in bodies for event in split(Delivery("0:1-0", NOW, body))]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("account_update.json", {"account_update"}),
        ("call_connect.json", {"calls"}),
        ("call_permission_update.json", {"message"}),
        ("call_status.json", {"calls"}),
        ("call_terminate.json", {"calls", "errors"}),
        ("callback_button.json", {"message"}),
        ("callback_selection.json", {"message"}),
        ("deleted_message.json", {"message"}),
        ("edited_message.json", {"message"}),
        ("flow_completion.json", {"message"}),
        ("message.json", {"message", "errors"}),
        ("message_status.json", {"status"}),
        ("outgoing_message.json", {"smb_message_echoes"}),
        ("system.json", {"message"}),
        ("template_category_update.json", {"template_category_update"}),
        ("template_components_update.json", {"message_template_components_update"}),
        ("template_quality_update.json", {"message_template_quality_update"}),
        ("template_status_update.json", {"message_template_status_update"}),
        ("user_marketing_preferences.json", {"user_preferences"}),
    ],
)
def test_samples_split_into_the_kinds_of_their_fields(name: str, expected: set[str]) -> None:
    assert {getattr(event, "field", event.kind) for event in split_samples(name)} == expected


def test_every_sample_is_looked_at_and_none_is_unreadable() -> None:
    kinds = [event.kind for path in SAMPLES.glob("*.json") for event in split_samples(path.name)]

    assert len(kinds) >= 74
    assert "unreadable" not in kinds
