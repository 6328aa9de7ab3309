"""Fields and pages of what Graph describes."""

from collections.abc import Sequence

from starlette.requests import Request

from gateway.sandbox.errors import INVALID, Refusal, no_such_object
from gateway.sandbox.wire import Json

PAGE = 25  # rows, as Graph has them if it is told nothing


def split_fields(fields: str) -> Sequence[str]:
    """Return the names in a parameter `fields`."""
    return [name.strip() for name in fields.split(",") if name.strip()]


def unknown_field(name: str, node: str = "WhatsAppBusinessPhoneNumber") -> Refusal:
    """Return the refusal of a field that a node does not have."""
    message = f"(#100) Tried accessing nonexisting field ({name[:80]}) on node type ({node})"
    return Refusal(INVALID, "", message=message)


def no_such_node(request: Request) -> Refusal:
    """Return the refusal of an id that is none, or that the token may not see."""
    return no_such_object(request.method, request.path_params["node"])


def page(rows: list[Json], params: Json) -> Json:
    """Return the rows of one page with its cursors; `after` is the cursor before it."""
    limit, after = str(params.get("limit", "")), str(params.get("after", ""))
    start = int(after) if after.isdecimal() else 0
    end = start + (int(limit) if limit.isdecimal() and int(limit) else PAGE)
    paging: Json = {"cursors": {"before": str(start), "after": str(end)}}
    if end < len(rows):
        paging["next"] = f"https://graph.facebook.com/?after={end}"
    return {"data": rows[start:end], "paging": paging}
