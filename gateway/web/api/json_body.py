"""JSON of requests and answers."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway.web.api.problems import ApiError


async def read_object(request: Request) -> dict[str, Any]:
    """Return the JSON object in a body. Raises ApiError."""
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    if media_type.strip().lower() != "application/json":
        raise ApiError("media-type")
    if "charset" in parameters.lower() and "utf-8" not in parameters.lower():
        raise ApiError("media-type")
    try:
        value = orjson.loads(await read_body(request))
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ApiError("malformed", f"The body is no JSON ({where}).") from None
    if not isinstance(value, dict):
        raise ApiError("malformed", "The body must be a JSON object.")
    return value


async def read_body(request: Request) -> bytes:
    """Return the body as the gate of the API has read it, which the console does not pass."""
    read: bytes | None = request.scope.get("state", {}).get("body")
    return await request.body() if read is None else read


def json_response(value: Any, status: int = 200, **headers: str) -> Response:
    """Return a value as JSON; header names are written with _ for -."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(
        orjson.dumps(value, option=orjson.OPT_UTC_Z),
        status_code=status,
        headers=named,
        media_type="application/json",
    )
