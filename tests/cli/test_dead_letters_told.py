"""What is private in a dead letter is hidden, and what a person has to know is not."""

from typing import Any

import pytest

from gateway.cli.operate.dead_letters.view import mask_contact, mask_values

BODIES = {
    "text": (
        {"to": "+351900000001", "type": "text", "text": {"body": "hello"}},
        {"to": "…0001", "type": "text", "text": {"body": "(5 characters)"}},
    ),
    "template": (
        {
            "type": "template",
            "template": {
                "name": "order_ready",
                "language": {"policy": "deterministic", "code": "pt_PT"},
                "components": [{"type": "body", "parameters": [{"type": "text", "text": "Ana"}]}],
            },
        },
        {
            "type": "template",
            "template": {
                "name": "order_ready",
                "language": {"policy": "deterministic", "code": "pt_PT"},
                "components": [
                    {"type": "body", "parameters": [{"type": "text", "text": "(3 characters)"}]}
                ],
            },
        },
    ),
    "a customer's name": (
        {"profile": {"name": "Ana"}, "wa_id": "351900000001"},
        {"profile": {"name": "(3 characters)"}, "wa_id": "…0001"},
    ),
    "where a customer is": (
        {"latitude": 38.7, "live": True, "near": None},
        {"latitude": "(4 characters)", "live": True, "near": None},
    ),
    "no object": ("bytes that are no JSON", "(22 characters)"),
}


@pytest.mark.parametrize(("body", "shown"), BODIES.values(), ids=BODIES)
def test_the_shape_is_kept_and_what_is_private_is_hidden(body: Any, shown: Any) -> None:
    assert mask_values(body) == shown


@pytest.mark.parametrize(
    ("contact", "shown"), [("351900000001", "…0001"), ("12345678", "…"), ("", "…")]
)
def test_a_customer_is_named_by_the_last_digits_of_a_long_number(contact: str, shown: str) -> None:
    assert mask_contact(contact) == shown
