"""Every value that the sample envelopes of another library hold can be named by a path."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.core.events import Delivery, Event
from gateway.core.paths.table import find_path
from gateway.core.paths.values import read_values
from gateway.core.webhook.parser import split

SAMPLES = Path(__file__).parents[3] / "shared/meta/pywa-updates"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
# Values that have another name in rules, or that no rule needs.
OMITTED = {
    "from": "the placeholder and condition `from`",
    "id": "the placeholder `id`",
    "type": "the placeholder and condition `type`",
    "status": "the placeholder and condition `status`",
    "timestamp": "the condition `age`",
}

pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the sample envelopes do not lie beside this checkout"
)


def envelopes(found: Any) -> Iterator[dict[str, Any]]:
    if "object" in found:
        yield found
    else:
        for inner in found.values():
            yield from envelopes(inner)


def leaves(node: Any, steps: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    match node:
        case dict():
            for key, inner in node.items():
                yield from leaves(inner, (*steps, key))
        case list():
            for inner in node:
                yield from leaves(inner, steps)
        case _:
            yield ".".join(steps), node


def is_named(event: Event, leaf: str) -> bool:
    names = (leaf, f"notice.{leaf}", f"call.{leaf}")
    paths = [path for name in names if (path := find_path(name)) and path.description]
    return any(read_values(event, path) for path in paths)


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_every_value_of_a_sample_has_a_path(sample: Path) -> None:
    found = json.loads(sample.read_text(encoding="utf-8"))
    bodies = [json.dumps(envelope).encode() for envelope in envelopes(found)]
    events = [event for body in bodies for event in split(Delivery("0:1-0", NOW, body))]

    unnamed = {
        (event.kind, leaf)
        for event in events
        for leaf, value in leaves(event.raw)
        if leaf not in OMITTED and value not in (None, "") and not is_named(event, leaf)
    }

    assert unnamed == set()
