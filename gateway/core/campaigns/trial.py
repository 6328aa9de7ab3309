"""Trial of a campaign: its message to one number, with the values of a recipient."""

from collections.abc import Mapping
from typing import Any

from gateway.core.campaigns.definition import Definition, render


def trial_fields(
    definition: Definition, number: str, to: str, values: Mapping[str, str]
) -> dict[str, Any] | None:
    """Return the request that sends it, in the form of the API; None where a text is empty."""
    body = render(definition.prepare(), values)
    return None if body is None else {"to": to, "from": number, **body}
