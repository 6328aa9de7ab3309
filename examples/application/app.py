"""An application behind the gateway: it gets messages as forwards, and answers through the API.

pip install starlette uvicorn httpx
APP_SECRET=whsec_... GATEWAY_API_KEY=... uvicorn --app-dir examples/application app:app --port 9000
"""

import base64
import hashlib
import hmac
import json
import os
import re
import time
from collections.abc import Mapping

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

SECRETS = [base64.b64decode(one.removeprefix("whsec_")) for one in os.environ["APP_SECRET"].split()]
GATEWAY = httpx.AsyncClient(
    base_url=os.environ.get("GATEWAY_API", "http://127.0.0.1:8001"),
    headers={"Authorization": f"Bearer {os.environ['GATEWAY_API_KEY']}"},
)
ORDERS = {"123456": "is on its way", "123457": "is ready in the shop"}


def is_signed(headers: Mapping[str, str], body: bytes) -> bool:
    """Say whether the gateway posted these bytes within the last five minutes."""
    sent_at = headers.get("webhook-timestamp", "")
    if not sent_at.isdecimal() or abs(time.time() - int(sent_at)) > 300:
        return False
    signed = f"{headers['webhook-id']}.{sent_at}.".encode() + body
    digests = [hmac.digest(secret, signed, hashlib.sha256) for secret in SECRETS]
    ours = [f"v1,{base64.b64encode(digest).decode()}" for digest in digests]
    given = headers["webhook-signature"].split()
    return any(hmac.compare_digest(one, other) for one in ours for other in given)


def find_answer(text: str) -> str:
    """Return what is said of the order that a text names."""
    no = re.findall(r"\d{6}", text)[0]
    return f"Order {no} {ORDERS.get(no, 'is unknown to me')}."


async def receive(request: Request) -> Response:
    """Answer a message, and only then say that it was received: else it comes again."""
    body = await request.body()
    if not is_signed(request.headers, body):
        return Response(status_code=401)
    event = json.loads(body)
    if event["type"] == "message":  # not the test of `gateway forwards test`
        message = {
            "from": event["number"],
            "to": event["contact"]["wa_id"],
            "text": find_answer(event["data"]["text"]),
            "reply_to": event["data"]["id"],
        }
        # With the event's id as key, an event that comes twice is answered once.
        key = {"Idempotency-Key": event["id"]}
        answer = await GATEWAY.post("/v1/messages", json=message, headers=key)
        answer.raise_for_status()
    return Response(status_code=204)


app = Starlette(routes=[Route("/events", receive, methods=["POST"])])
