"""Webhook endpoint: Meta's handshake, and deliveries acknowledged only once verified and kept."""

import hmac
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gateway.core.webhook import signature
from gateway.web.request_limits import MOST_BODY_BYTES

MOST_CHALLENGE = 512
HEADER = b"x-hub-signature-256"


class TooLargeError(Exception):
    """The body is larger than anything Meta sends."""


class HandshakeError(Exception):
    """The verify token of a handshake is wrong."""


class DeliveryKeeper(Protocol):
    """The part of the inbox that the endpoint needs."""

    async def keep(self, body: bytes, *, secret: str) -> None:
        """Return once the body is on disk. Raises StoreUnavailableError."""


class Webhook:
    """Endpoint for Meta's two requests."""

    def __init__(self, keeper: DeliveryKeeper, secrets: Sequence[bytes], verify_token: str) -> None:
        """Take the active app secrets, newest first, and the token of the handshake."""
        self._keeper = keeper
        self._secrets = tuple(secrets)
        self._verify_token = verify_token.encode()

    async def receive(self, request: Request) -> Response:
        """Verify one delivery, keep it, and only then answer 200.

        After 200 Meta never sends it again, so the answer waits until the store has the bytes on
        disk, together with every other delivery that waited at that moment.

        Raises TooLargeError (413), SignatureError (401), StoreUnavailableError (503), and
        ClientDisconnect if the body is incomplete: the table in app.py maps them to answers.
        """
        body = await read_body(request)
        signed_by = signature.verify(body, _signature_header(request), self._secrets)
        await self._keeper.keep(body, secret=str(signed_by))
        return Response(status_code=200)

    async def answer_handshake(self, request: Request) -> Response:
        """Answer Meta's challenge byte for byte. Raises HandshakeError (403)."""
        query = _query(request)
        challenge = query.get("hub.challenge", b"")
        is_known = hmac.compare_digest(query.get("hub.verify_token", b""), self._verify_token)
        if not is_known or query.get("hub.mode") != b"subscribe" or len(challenge) > MOST_CHALLENGE:
            raise HandshakeError
        # The answer repeats what a stranger wrote, so no browser may take it for a page.
        return PlainTextResponse(challenge, headers={"x-content-type-options": "nosniff"})


async def read_body(request: Request) -> bytes:
    """Return the body, counted while it arrives: Starlette's own reading has no limit.

    Raises TooLargeError, and ClientDisconnect if the client leaves before the end.
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > MOST_BODY_BYTES:
        raise TooLargeError
    parts = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BODY_BYTES:
            raise TooLargeError
        parts.append(part)
    return b"".join(parts)


def _query(request: Request) -> dict[str, bytes]:
    """Return the query's values as bytes: Starlette replaces bytes that are not UTF-8."""
    query = request.scope["query_string"].decode("latin-1")
    pairs = parse_qsl(query, keep_blank_values=True, encoding="latin-1")
    return {name: value.encode("latin-1") for name, value in pairs}


def _signature_header(request: Request) -> bytes | None:
    """Return the signature header; if there are two, there is none."""
    values = [value for name, value in request.scope["headers"] if name == HEADER]
    return values[0] if len(values) == 1 else None
