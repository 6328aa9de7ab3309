"""Bodies of template messages."""

from typing import Any

from gateway.core.messages.bodies import Body


def template(name: str, language: str, components: list[Any] | None = None) -> Body:
    """Build a template message."""
    # Meta's schema requires the policy, although there is only this one.
    inner: Body = {"name": name, "language": {"policy": "deterministic", "code": language}}
    if components:
        inner["components"] = components
    return {"type": "template", "template": inner}
