"""Uses of templates in a request: in the message itself, and in what goes in its place."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.core.api.message_request import MessageRequest
from gateway.core.templates.choice import TemplateUse, read_use


def find_uses(fields: Mapping[str, Any], request: MessageRequest) -> Iterator[TemplateUse]:
    """Yield each template of a request that was read from `fields`."""
    given = fields.get("template")
    is_short = fields.get("type") is None
    if use := read_use(request.body, "#/template", _params(given) if is_short else None):
        yield use
    if request.instead:
        closed: Any = fields.get("when_closed")
        params = _params(closed.get("template"))
        if use := read_use(request.instead, "#/when_closed/template", params):
            yield use


def _params(template: Any) -> Any:
    return template.get("params", []) if isinstance(template, Mapping) else []
