"""Uses of templates in a request: in the message itself, and in what goes in its place."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.core.api.message_request import MessageRequest
from gateway.core.templates.choice import TemplateUse, read_use


def find_uses(fields: Mapping[str, Any], request: MessageRequest) -> Sequence[TemplateUse]:
    """Return the templates of a request that was read from `fields`; most requests have none."""
    uses = []
    if request.body.get("type") == "template":
        params = _params(fields.get("template")) if fields.get("type") is None else None
        uses.append(read_use(request.body, "#/template", params))
    if request.instead:
        closed: Any = fields.get("when_closed")
        params = _params(closed.get("template"))
        uses.append(read_use(request.instead, "#/when_closed/template", params))
    return [use for use in uses if use]


def _params(template: Any) -> Any:
    return template.get("params", []) if isinstance(template, Mapping) else []
