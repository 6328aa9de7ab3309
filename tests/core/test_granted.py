"""Of many notices, those that raise a number's throughput and those that flag its quality."""

import pytest

from gateway.core.events import Delivery, Event
from gateway.core.webhook.notice_readers import quality_flag, throughput_upgrade
from gateway.core.webhook.parser import split
from tests.support.factories import NOW, a_message, bytes_of


def a_notice(field: str, event: object) -> Event:
    """Return the event of a webhook of this field."""
    value = {
        "display_phone_number": "15550001111",
        "event": event,
        "current_limit": "TIER_UNLIMITED",
    }
    body = bytes_of({"field": field, "value": value})
    (only,) = split(Delivery("0:1-0", NOW, body))
    return only


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
    assert throughput_upgrade(a_notice(field, event)) == expected


@pytest.mark.parametrize(
    ("event", "expected"),
    [("FLAGGED", True), ("UNFLAGGED", False), ("DOWNGRADE", None), (["FLAGGED"], None)],
)
def test_only_a_flag_and_its_end_are_news_of_quality(event: object, expected: bool | None) -> None:
    assert quality_flag(a_notice("phone_number_quality_update", event)) is expected
    assert quality_flag(a_notice("account_update", event)) is None


def test_a_message_grants_nothing() -> None:
    assert throughput_upgrade(a_message()) is None
