"""Gate of the API: decides by a request's head whether it may go on, and only then reads its body.

The order is: key, scope, declared size, rate, body. A body is bounded in size and in time.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from starlette.datastructures import Headers, QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.core.api.keys import ADMIN, READ, SEND, ApiKey
from gateway.store.api.request_rate import RateDecision, burst
from gateway.store.redis.client import ScriptError, StoreFullError, StoreUnavailableError
from gateway.web.api.problems import ApiError
from gateway.web.api.server.graph_errors import error_response, is_cloud_path
from gateway.web.api.server.http_protocol import WHOLE

log = structlog.get_logger(__name__)

# Pages that show nothing of a customer need no key.
OPEN = frozenset({
    "/healthz", "/readyz", "/metrics", "/v1/openapi.json", "/v1/reference", "/v1/problems",
    "/v1/errors", "/console",
})  # fmt: skip
# The console has sign-ins of its own, and reads its own bodies.
OPEN_BELOW = ("/v1/problems/", "/v1/errors/", "/console/")
MOST_BYTES = 256 * 1024
MOST_BATCH_BYTES = 4 * 1024 * 1024
MOST_AUDIENCE_BYTES = 2 * 1024**3
BODY_WITHIN_S = 20.0
# Where a request for one of these addresses needs more than the scope of its method.
ADMIN_ONLY = ("/v1/numbers/", "/v1/forwards/")
# All that is stored of a customer, texts as well, is for the same few as its end.
CONTACTS = "/v1/contacts/"
EXPORTS = ("/export", "/export.csv")
IMPORT = "/v1/contacts/import"
CAMPAIGNS = "/v1/campaigns/"

FindKey = Callable[[str], Awaitable[ApiKey | None]]
TakeRequest = Callable[[ApiKey], Awaitable[RateDecision]]


@dataclass(frozen=True, slots=True)
class Gate:
    """ASGI middleware before every address of the API; `scope["state"]` gets key and body."""

    app: ASGIApp
    find_key: FindKey
    take_request: TakeRequest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request with a problem, or let it go on with its body."""
        if scope["type"] != "http" or is_open(scope["path"]):
            await self.app(scope, receive, send)
            return
        try:
            key, rate = await self._admit(scope)
            if not is_streamed(scope["method"], scope["path"]):
                body = await _read_body(scope, receive)
                scope.setdefault("state", {})["body"] = body
                receive = _replay(body, receive)
        except ApiError as error:
            refusal = error_response(error, scope["method"], scope["path"])
            await refusal(scope, receive, send)
            return
        scope.setdefault("state", {})["key"] = key
        await self.app(scope, receive, _with_rate(send, key, rate))

    async def _admit(self, scope: Scope) -> tuple[ApiKey, RateDecision]:
        headers = Headers(scope=scope)
        try:
            key = await self.find_key(_key_text(headers, scope))
            if key is None:
                raise _unauthorized("This key is unknown, expired or revoked.")
            if not key.may(wanted := needed_scope(scope["method"], scope["path"])):
                raise ApiError("forbidden", f"The key lacks the scope {wanted}.")
            _check_declared_size(headers, most_bytes(scope["method"], scope["path"]))
            rate = await self._take_request(key, wanted)
        except (StoreUnavailableError, ScriptError) as error:
            log.warning("api_key_unchecked", error=type(error).__name__)
            raise ApiError("unavailable", headers={"retry-after": "1"}) from None
        if not rate.is_allowed:
            raise ApiError("rate", headers=_rate_headers(key, rate))
        return key, rate

    async def _take_request(self, key: ApiKey, wanted: str) -> RateDecision:
        """Take a request of the key. Raises StoreUnavailableError or ScriptError.

        A full store cannot count, and whoever has to make room must see what is in it.
        """
        try:
            return await self.take_request(key)
        except StoreFullError:
            if wanted != READ:
                raise
            return RateDecision(True, burst(key))


def is_open(path: str) -> bool:
    """Say whether an address needs no key."""
    return path in OPEN or path.startswith(OPEN_BELOW)


def needed_scope(method: str, path: str) -> str:
    """Return the scope that a request needs."""
    if method in ("GET", "HEAD", "OPTIONS"):
        return ADMIN if path.startswith(CONTACTS) and path.endswith(EXPORTS) else READ
    is_erasure = method == "DELETE" and path.startswith(CONTACTS)
    # Whoever prepares a campaign need not be the one who lets it go to a million people.
    is_start = path.startswith(CAMPAIGNS) and path.endswith(("/start", "/resume"))
    return ADMIN if is_erasure or is_start or path.startswith(ADMIN_ONLY) else SEND


def is_streamed(method: str, path: str) -> bool:
    """Say whether an address reads its body itself, which may be larger than memory."""
    is_audience = method == "PUT" and path.startswith(CAMPAIGNS) and path.endswith("/audience")
    return is_audience or (method, path) == ("POST", IMPORT)


def most_bytes(method: str, path: str) -> int:
    """Return how large the body of a request may be."""
    if is_streamed(method, path):
        return MOST_AUDIENCE_BYTES
    return MOST_BATCH_BYTES if path == "/v1/messages/batch" else MOST_BYTES


def _key_text(headers: Headers, scope: Scope) -> str:
    """Return the key that a request names. Raises ApiError if it names none.

    Meta's clients may name it in the query.
    """
    scheme, _, text = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and text.strip():
        return text.strip()
    if text := headers.get("x-api-key", "").strip():
        return text
    if is_cloud_path(scope["path"]):
        given = QueryParams(scope["query_string"]).get("access_token", "").strip()
        if given:
            return given
    raise _unauthorized("The request names no key.")


def _unauthorized(detail: str) -> ApiError:
    return ApiError("unauthorized", detail, headers={"www-authenticate": "Bearer"})


def _check_declared_size(headers: Headers, most: int) -> None:
    declared = headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > most:
        raise _too_large(most)


def _too_large(most: int) -> ApiError:
    return ApiError("too-large", f"A body may have {most:,} bytes here.")


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    """Return the body. Raises ApiError if it is too large, too slow, or breaks off."""
    most = most_bytes(scope["method"], scope["path"])
    if WHOLE in scope.get("extensions", ()):
        return await _collect_body(receive, most)
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            return await _collect_body(receive, most)
    except TimeoutError:
        raise ApiError("timeout", headers={"connection": "close"}) from None


async def _collect_body(receive: Receive, most: int) -> bytes:
    parts, size, has_more = [], 0, True
    while has_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ApiError("malformed", "The request broke off.")
        parts.append(part := message.get("body", b""))
        has_more, size = message.get("more_body", False), size + len(part)
        if size > most:
            raise _too_large(most)
    return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body first, which was read already."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed


def _with_rate(send: Send, key: ApiKey, rate: RateDecision) -> Send:
    """Return a `send` that adds what is left of the key's rate to the answer."""

    headers = [(name.encode(), text.encode()) for name, text in _rate_headers(key, rate).items()]

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *headers]
        await send(message)

    return sent


def _rate_headers(key: ApiKey, rate: RateDecision) -> dict[str, str]:
    seconds = math.ceil(rate.retry_after_s)
    policy = f'"key";q={burst(key)};w={max(1, burst(key) // key.rate)}'
    headers = {"ratelimit-policy": policy, "ratelimit": f'"key";r={rate.remaining};t={seconds}'}
    return headers if rate.is_allowed else {**headers, "retry-after": str(max(1, seconds))}
