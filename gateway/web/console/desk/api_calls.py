"""Calls of the API from inside its own process: the console does only what the API can do.

A call takes the same way as a client's, except that the user's role stands in for a key.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope

from gateway.accounts.account import Accounts
from gateway.core.api.keys import ApiKey, bind_accounts
from gateway.core.console.users import ConsoleUser
from gateway.store.redis.client import StoreUnavailableError
from gateway.web.api.server.gate import needed_scope


class ApiRefusalError(Exception):
    """The API refuses a call; `detail` says why, and `errors` what is wrong where."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        """Take the answer."""
        detail = str(problem.get("detail", ""))
        super().__init__(detail)
        self.status, self.detail = status, detail
        self.errors: list[Mapping[str, str]] = list(problem.get("errors", ()))

    @property
    def sentence(self) -> str:
        """Return all that is wrong, in one line."""
        places = ((one["pointer"].lstrip("#/"), one["detail"]) for one in self.errors)
        return "; ".join(" ".join(filter(None, place)) for place in places) or self.detail


@dataclass(slots=True)
class _Answer:
    status: int = 500
    parts: list[bytes] = field(default_factory=list)

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.parts.append(message.get("body", b""))


@dataclass(slots=True)
class ApiCalls:
    """Calls the application that holds the routes of the API."""

    accounts: Callable[[], Accounts]
    app: ASGIApp | None = None  # set once it is built

    async def call(
        self,
        user: ConsoleUser,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        idempotency_key: str = "",
    ) -> Any:
        """Return the JSON of the answer. Raises ApiRefusalError or StoreUnavailableError."""
        content = b"" if body is None else orjson.dumps(body)

        async def receive() -> Message:
            return {"type": "http.request", "body": content, "more_body": False}

        headers = [(b"content-type", b"application/json")]
        if idempotency_key:
            headers.append((b"idempotency-key", idempotency_key.encode()))
        return await self._ask(user, method, path, query or {}, headers, receive)

    async def upload(
        self, user: ConsoleUser, path: str, query: Mapping[str, str], request: Request
    ) -> Any:
        """Pass the body of a request on, and return the JSON of the answer; raises like `call`."""
        names = ("content-type", "content-length")
        given = ((name, request.headers.get(name, "")) for name in names)
        headers = [(name.encode(), text.encode("latin-1")) for name, text in given if text]
        return await self._ask(user, "PUT", path, query, headers, request.receive)

    async def _ask(
        self,
        user: ConsoleUser,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: list[tuple[bytes, bytes]],
        receive: Receive,
    ) -> Any:
        key = bind_accounts(user.api_key(), self.accounts().numbers_of)
        if not key.may(needed_scope(method, path)):
            raise ApiRefusalError(403, {"detail": "Your role may not do this."})
        answer = _Answer()
        assert self.app is not None  # noqa: S101 - narrows the type
        scope = _scope(method, path, query, key)
        scope["headers"] += headers
        await self.app(scope, receive, answer.take)
        return _read(answer)


def _scope(method: str, path: str, query: Mapping[str, str], key: ApiKey) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": quote(path).encode(),
        "root_path": "",
        "query_string": urlencode(query).encode(),
        "headers": [(b"host", b"console")],
        "client": None,
        "server": None,
        "state": {"key": key},
    }


def _read(answer: _Answer) -> Any:
    content = b"".join(answer.parts)
    found = orjson.loads(content) if content else None
    if answer.status == 503:
        raise StoreUnavailableError(str(found.get("detail", "")) if found else "")
    if answer.status >= 400:
        raise ApiRefusalError(answer.status, found or {})
    return found
