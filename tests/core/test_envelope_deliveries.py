"""Captured deliveries split into the events and keys that are written down beside them."""

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.core.events import Delivery
from gateway.core.webhook.parser import split

DELIVERIES = Path(__file__).parents[1] / "deliveries"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def expected_events() -> dict[str, list[tuple[str, str]]]:
    expected = defaultdict(list)
    for line in (DELIVERIES / "events.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, kind, key = line.split(" ")
            expected[name].append((kind, key))
    return dict(expected)


EXPECTED = expected_events()


@pytest.mark.parametrize(("name", "expected"), EXPECTED.items(), ids=EXPECTED)
def test_delivery_splits_as_written_down(name: str, expected: list[tuple[str, str]]) -> None:
    events = split(Delivery("0:1-0", NOW, (DELIVERIES / name).read_bytes()))

    assert [(event.kind, event.key) for event in events] == expected
    assert [event.item for event in events] == list(range(len(expected)))


def test_every_captured_delivery_is_written_down() -> None:
    captured = {path.name for path in DELIVERIES.iterdir() if path.suffix in {".json", ".bin"}}

    assert captured == set(EXPECTED)
