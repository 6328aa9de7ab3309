"""Reading request bodies within a limit, and writing JSON answers."""

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_BODY_MAX = 1 << 20  # bytes


async def read_body(request: Request) -> bytes:
    """Give the whole body; one over the limit is answered with 413."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_MAX:
            raise HTTPException(413)
    return bytes(body)


def as_json(value: object, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(orjson.dumps(value), status, media_type="application/json")
