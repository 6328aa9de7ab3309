"""The schema of what receivers get, held to what is built for each captured delivery."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema
import orjson
import pytest

from gateway.core.campaigns.notices.notice import CampaignNotice
from gateway.core.campaigns.recipient_state import Funnel
from gateway.core.contacts.contact import Contact
from gateway.core.events import CallOutcome, Delivery
from gateway.core.forwards.notice import build_notice
from gateway.core.forwards.payload import TEST, build_payload, build_test_payload
from gateway.core.sending.notifications.notification import build_notification
from gateway.core.webhook.parser import split
from gateway.rules.event_kinds import EVENTS, kind_of
from tests.support.factories import NOW, a_message

ROOT = Path(__file__).parents[2]
SCHEMA = orjson.loads((ROOT / "docs/forwards.schema.json").read_bytes())
DELIVERIES = ROOT / "tests/deliveries"


def closed(schema: Any) -> Any:
    """Return the schema so that each object may have only the fields that it names."""
    found = copy.deepcopy(schema)
    for one in (found, *found["$defs"].values()):
        if one.get("type") == "object":
            one["additionalProperties"] = False
            one.setdefault("properties", {})
    return found


def payloads() -> Iterator[tuple[str, Any]]:
    """Yield what is built for each event of each captured delivery, and of a test."""
    for path in sorted(DELIVERIES.glob("*__*.*")):
        delivery = Delivery("3:1-0", NOW, path.read_bytes(), account="shop")
        for event in split(delivery):
            if kind := kind_of(event):
                built = build_payload(event, kind, delivery, "crm", {})
                yield f"{path.stem} {event.item}", orjson.loads(built)
    for phase in ("completed", "expired", "paused"):
        notice = CampaignNotice("c1", "1", "spring", phase, "stop_rule", "many", NOW, Funnel({}))
        _, body = notice.as_forward("crm", "shop")
        yield phase, orjson.loads(body)
    for contact in (Contact("1", wa_id="1"), Contact("")):
        notified = build_notification("n1", "a rule", "Hi", a_message(), contact, NOW, "crm")
        yield f"rule {contact.key}", orjson.loads(build_notice(notified))
    yield TEST, orjson.loads(build_test_payload("a-test", NOW))


@pytest.fixture(scope="module")
def built() -> dict[str, Any]:
    return dict(payloads())


def test_what_is_posted_has_the_fields_of_the_schema_and_no_others(built: dict[str, Any]) -> None:
    strict = jsonschema.Draft202012Validator(closed(SCHEMA))

    wrong = {name: [str(error) for error in strict.iter_errors(one)] for name, one in built.items()}

    assert wrong == {name: [] for name in built}


def test_the_schema_names_each_kind_and_each_is_tried(built: dict[str, Any]) -> None:
    told = {f"campaign.{phase}" for phase in ("completed", "expired", "paused")}
    kinds = {*EVENTS, *told, "rule.notified", TEST}

    assert set(SCHEMA["properties"]["type"]["enum"]) == kinds
    assert {payload["type"] for payload in built.values()} == kinds
    assert SCHEMA["$defs"]["Call"]["properties"]["outcome"]["enum"] == list(get_args(CallOutcome))


def test_a_payload_with_a_field_too_few_is_no_event(
    built: dict[str, Any],
) -> None:
    lenient = jsonschema.Draft202012Validator(SCHEMA)
    for payload in {one["type"]: one for one in built.values()}.values():
        assert lenient.is_valid({**payload, "added": 1})
        for name in payload:
            assert not lenient.is_valid({key: payload[key] for key in payload if key != name})
        if payload["type"] != TEST:
            assert not lenient.is_valid({**payload, "data": {}})
