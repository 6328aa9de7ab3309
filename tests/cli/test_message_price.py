"""The price of a message, as the operator and a client of the API see it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway.cli.operate.messages.show import print_message
from gateway.core.messages.price_list import PriceList
from gateway.store.api.sent_messages import SentMessage
from gateway.store.sending.lookup import TracedSend
from gateway.web.api.descriptions import MessageOut
from gateway.web.api.messages.view import view_message

ANA = "351900000001"
PRICES = PriceList(date(2026, 10, 1), "EUR", {("PT", "marketing"): Decimal("0.05")})
NOW = datetime(2026, 11, 30, tzinfo=UTC)
PAID = {"category": "marketing", "billable": True}


def message(**pricing: Any) -> SentMessage:
    send = TracedSend("a", stage="sent", lane=ANA, planned_at=NOW, pricing=pricing)
    return SentMessage("1", send)


@pytest.mark.parametrize(
    ("pricing", "line"),
    [
        (PAID, "marketing, PT, billed, 0.05 EUR (prices of 2026-10-01)"),
        (PAID | {"category": "utility"}, "utility, PT, billed, amount unknown"),
        ({"category": "service", "billable": False}, "service, PT, free"),
        ({"billable": True}, "category unknown, PT, billed, amount unknown"),
        (
            {"category": "marketing"},
            "marketing, PT, billed or not is unknown, amount unknown",
        ),
    ],
)
def test_a_price_is_said_in_words_and_the_unknown_is_called_so(
    capsys: pytest.CaptureFixture[str], pricing: dict[str, Any], line: str
) -> None:
    print_message(message(**pricing), PRICES, json=False)

    assert f"  price: {line}\n" in capsys.readouterr().out


def test_a_message_without_a_price_has_no_line_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_message(message(), PRICES, json=False)

    assert "price" not in capsys.readouterr().out


def test_the_answer_of_the_api_is_as_it_is_described() -> None:
    shown = view_message(message(**PAID), NOW, PRICES)

    described = MessageOut.model_validate(shown | {"expires_at": NOW}).price
    assert described
    assert described.amount == shown["price"]["amount"] == "0.05"
    assert view_message(message(), NOW, PRICES)["price"] is None
