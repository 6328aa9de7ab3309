"""Meta raises a number's throughput with one of many notices."""

import pytest

from gateway.core.events import Delivery
from gateway.core.webhook.notice_readers import throughput_upgrade
from gateway.core.webhook.parser import split
from tests.support.factories import NOW, a_message, bytes_of


def told(field: str, event: object) -> int | None:
    """Return what a webhook of this field and event grants."""
    value = {
        "display_phone_number": "15550001111",
        "event": event,
        "current_limit": "TIER_UNLIMITED",
    }
    body = bytes_of({"field": field, "value": value})
    (only,) = split(Delivery("0:1-0", NOW, body))
    return throughput_upgrade(only)


@pytest.mark.parametrize(
    ("field", "event", "expected"),
    [
        ("phone_number_quality_update", "THROUGHPUT_UPGRADE", 1_000),
        ("phone_number_quality_update", "ONBOARDING", None),
        ("phone_number_quality_update", None, None),
        ("account_update", "THROUGHPUT_UPGRADE", None),
    ],
)
def test_only_an_upgrade_grants_more(field: str, event: object, expected: int | None) -> None:
    assert told(field, event) == expected


def test_a_message_grants_nothing() -> None:
    assert throughput_upgrade(a_message()) is None
