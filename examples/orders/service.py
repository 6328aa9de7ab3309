"""A service for the rules beside it."""

import hmac

import uvicorn
from starlette.applications import Starlette
from starlette.config import Config
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TOKEN: str = Config()("ORDERS_TOKEN")
ORDERS = {"123456": {"status": "on its way", "due": "2026-12-05T10:00:00Z"}}


def is_ours(request: Request) -> bool:
    given = request.headers.get("authorization", "")
    return hmac.compare_digest(given.encode(), f"Bearer {TOKEN}".encode())


async def track(request: Request) -> Response:
    order = ORDERS.get(request.path_params["no"])
    if not is_ours(request):
        return Response(status_code=401)
    return JSONResponse(order) if order else Response(status_code=404)


async def cancel(request: Request) -> Response:
    if not is_ours(request):
        return Response(status_code=401)
    # A repeated request finds it gone already, and answers the same.
    if request.path_params["no"] not in ORDERS:
        return Response(status_code=404)
    ORDERS[request.path_params["no"]]["status"] = "cancelled"
    return Response(status_code=204)


async def reply(request: Request) -> Response:
    if not is_ours(request):
        return Response(status_code=401)
    asked = await request.json()
    return JSONResponse({"messages": [f"You wrote: {asked['text']}", "Write *order 123456*."]})


app = Starlette(
    routes=[
        Route("/orders/{no}", track),
        Route("/orders/{no}/cancel", cancel, methods=["POST"]),
        Route("/reply", reply, methods=["POST"]),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, port=9300)
