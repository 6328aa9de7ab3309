"""Bodies of template messages."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.core.messages.bodies import Body


def template(name: str, language: str, components: list[Any] | None = None) -> Body:
    """Build a template message."""
    # Meta's schema requires the policy, although there is only this one.
    inner: Body = {"name": name, "language": {"policy": "deterministic", "code": language}}
    if components:
        inner["components"] = components
    return {"type": "template", "template": inner}


def parameters(values: Mapping[str, str] | Sequence[str]) -> list[Any]:
    """Build the components of a template whose text has parameters, in order or by name."""
    if isinstance(values, Mapping):
        items = [
            {"type": "text", "parameter_name": name, "text": value}
            for name, value in values.items()
        ]
    else:
        items = [{"type": "text", "text": value} for value in values]
    return [{"type": "body", "parameters": items}]
