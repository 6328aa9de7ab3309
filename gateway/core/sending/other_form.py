"""Other form of a recipient's number, which a test number may have on its list instead.

A test number writes only to the phones on its list, and Meta compares them letter by letter. In
some countries a mobile number has two forms, and the list may hold the one that Meta's webhooks do
not use. Code 131030 says that Meta sent nothing, so another attempt makes no duplicate.
"""

from collections.abc import Mapping
from typing import Any

from gateway.core.webhook.phone_numbers import other_form

NOT_LISTED = 131030


def with_other_form(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a request to the other form of its recipient's number, None if there is only one."""
    to = body.get("to")
    phone = other_form(to.removeprefix("+")) if isinstance(to, str) else ""
    return {**body, "to": f"+{phone}"} if phone else None
