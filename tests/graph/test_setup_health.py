"""What Meta says of its own health is read, and what is malformed in it is left out; by table."""

from typing import Any

import pytest

from gateway.graph.admin.models import Health, health

UNPAID = {
    "entity_type": "WABA",
    "can_send_message": "BLOCKED",
    "errors": [
        {"error_code": 141006, "error_description": "No payment.", "possible_solution": "Pay."}
    ],
}
CASES: dict[str, tuple[Any, tuple[Health, ...]]] = {
    "nothing": (None, ()),
    "no entities": ({"can_send_message": "AVAILABLE"}, ()),
    "well": (
        {"entities": [{"entity_type": "APP", "can_send_message": "AVAILABLE"}]},
        (Health("APP", "AVAILABLE"),),
    ),
    "unpaid": (
        {"entities": [UNPAID]}, (Health("WABA", "BLOCKED", "No payment. Pay. (code 141006)"),),
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
        (Health("PHONE_NUMBER", "LIMITED", "The name of … is not approved."),),
    ),
    "malformed": (
        {"entities": ["x", {"errors": "y", "additional_info": {}}, {"errors": [1, {}]}]},
        (Health("", ""), Health("", "")),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("status", "read"), CASES.values(), ids=CASES)
def test_what_keeps_messages_from_being_sent_is_read(status: Any, read: tuple[Health, ...]) -> None:
    assert health({"health_status": status}) == read
