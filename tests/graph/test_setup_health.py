"""What Meta says of its own health is read, and what is malformed in it is left out; by table."""

from typing import Any

import pytest

from gateway.graph.admin.models import EntityHealth, health

UNPAID = {
    "entity_type": "WABA",
    "can_send_message": "BLOCKED",
    "errors": [
        {"error_code": 141006, "error_description": "No payment.", "possible_solution": "Pay."}
    ],
}
CASES: dict[str, tuple[Any, tuple[EntityHealth, ...]]] = {
    "nothing": (None, ()),
    "no entities": ({"can_send_message": "AVAILABLE"}, ()),
    "well": (
        {"entities": [{"entity_type": "APP", "can_send_message": "AVAILABLE"}]},
        (EntityHealth("APP", "AVAILABLE"),),
    ),
    "unpaid": (
        {"entities": [UNPAID]},
        (EntityHealth("WABA", "BLOCKED", "No payment. Pay. (code 141006)"),),
    ),
    "limited": (
        {
            "entities": [
                {
                    "entity_type": "PHONE_NUMBER", "can_send_message": "LIMITED",
                    "additional_info": ["The name of +351 900 000 001 is not approved.", 7],
                }
            ]
        },
        (EntityHealth("PHONE_NUMBER", "LIMITED", "The name of … is not approved."),),
    ),
    "malformed": (
        {"entities": ["x", {"errors": "y", "additional_info": {}}, {"errors": [1, {}]}]},
        (EntityHealth("", ""), EntityHealth("", "")),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("status", "read"), CASES.values(), ids=CASES)
def test_what_keeps_messages_from_being_sent_is_read(
    status: Any, read: tuple[EntityHealth, ...]
) -> None:
    assert health({"health_status": status}) == read
