"""Sending through the API: a request is read, planned and stored; what every address shares."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from starlette.requests import Request

from gateway.core.api.field_errors import FieldError
from gateway.core.api.keys import ApiKey
from gateway.core.api.message_request import UNKNOWN_NUMBER, MessageRequest, read_from_number
from gateway.core.contacts.contact import Contact
from gateway.core.sending.send import Send
from gateway.store.api.pending_send import (
    AcceptedSend,
    Idempotency,
    KeyReusedError,
    RequestRefusedError,
    canonical,
    idempotency_of,
)
from gateway.store.redis.client import StoreUnavailableError
from gateway.web.api.messages.template_check import TemplateCheck
from gateway.web.api.problems import ApiError

MESSAGES, TASKS = "/v1/messages", "/v1/tasks"
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class SendKeeper(Protocol):
    """The part of the send writer that the API needs."""

    def submit(
        self,
        number: str,
        request: MessageRequest,
        idempotency: Idempotency | None,
        size: int,
        *,
        errors: Sequence[FieldError] = (),
    ) -> asyncio.Future[AcceptedSend]:
        """Return what is done once a send is on disk."""

    async def plan(self, number: str, request: MessageRequest) -> tuple[Send, Contact, datetime]:
        """Return what would be stored, the contact, and the server's time."""


@dataclass(frozen=True, slots=True)
class MessageSending:
    """Accepts messages for all addresses that send."""

    keeper: SendKeeper
    default_number: Callable[[], str]
    country_of: Callable[[str], str]
    read_numbers: Callable[[], Awaitable[Sequence[str]]]
    is_ready: Callable[[], bool]
    templates: TemplateCheck

    async def accept(
        self,
        key: ApiKey,
        fields: Mapping[str, Any],
        idempotency_key: str | None,
        path: str = MESSAGES,
    ) -> AcceptedSend:
        """Store a message. Raises ApiError; after the kind `unavailable` it may be stored."""
        return await answer_of(await self.submit(key, fields, idempotency_key, path))

    async def submit(
        self, key: ApiKey, fields: Mapping[str, Any], idempotency_key: str | None, path: str
    ) -> asyncio.Future[AcceptedSend]:
        """Let a message be stored with others, for `answer_of`. Raises ApiError."""
        number, request = await self.read(key, fields)
        if not self.is_ready():
            raise _unavailable()
        text = canonical(fields)
        known = idempotency_of(f"{key.id} {path}", check_idempotency_key(idempotency_key), text)
        # A request that was accepted before is answered as then, whatever its template is by now.
        errors = await self.templates.find_errors(number, fields, request)
        if errors and not known:
            raise ApiError("invalid", errors=errors)
        try:
            return self.keeper.submit(number, request, known, len(text), errors=errors)
        except StoreUnavailableError:
            raise _unavailable() from None

    async def plan(
        self, key: ApiKey, fields: Mapping[str, Any]
    ) -> tuple[str, Send, Contact, datetime]:
        """Return what would be stored now. Raises ApiError or StoreUnavailableError."""
        number, request = await self.read(key, fields)
        await self.templates.check(number, fields, request)
        try:
            return number, *await self.keeper.plan(number, request)
        except RequestRefusedError as error:
            raise ApiError("invalid", errors=error.errors) from None

    async def read(self, key: ApiKey, fields: Mapping[str, Any]) -> tuple[str, MessageRequest]:
        """Return the number to send from, and the request. Raises ApiError."""
        default = self.default_of(key)
        read = read_from_number(fields, default, self.country_of)
        if isinstance(read, list):
            raise ApiError("invalid", errors=read)
        number, request = read
        if not key.may_use(number):
            raise ApiError("forbidden", "The key is bound to other numbers.")
        if number != self.default_number() and number not in await self.read_numbers():
            raise ApiError("invalid", errors=[UNKNOWN_NUMBER])
        return number, request

    def default_of(self, key: ApiKey) -> str:
        """Return the number of a message that names none: a bound key's own, if it has just one."""
        default = self.default_number()
        return key.numbers[0] if len(key.numbers) == 1 and not key.may_use(default) else default


async def answer_of(submitted: asyncio.Future[AcceptedSend]) -> AcceptedSend:
    """Return the answer to a message that was submitted. Raises ApiError."""
    try:
        return await submitted
    except RequestRefusedError as error:
        raise ApiError("invalid", errors=error.errors) from None
    except KeyReusedError:
        raise ApiError("key-reused") from None
    except StoreUnavailableError:
        raise _unavailable() from None


def read_idempotency_key(request: Request) -> str | None:
    """Return the key in a request's header, None without one. Raises ApiError for several."""
    given = request.headers.getlist("idempotency-key")
    if len(given) > 1:
        raise ApiError("malformed", "A request has one Idempotency-Key.")
    return given[0] if given else None


def check_idempotency_key(text: str | None) -> str:
    """Return an idempotency key, "" for none. Raises ApiError for one in another form.

    An empty one is refused: its client believes that the request may be repeated.
    """
    if text is not None and not _IDEMPOTENCY_KEY.fullmatch(text):
        detail = "An Idempotency-Key has 1 to 255 visible ASCII characters."
        raise ApiError("malformed", detail)
    return text or ""


def view_accepted(accepted: AcceptedSend) -> dict[str, Any]:
    """Return the answer to an accepted message."""
    return {
        "id": accepted.id,
        "status": "scheduled" if accepted.due_at else "queued",
        "task_id": accepted.id,
        "check_status": f"{TASKS}/{accepted.id}",
        "send_at": accepted.due_at,
        "expires_at": accepted.expires_at,
    }


def _unavailable() -> ApiError:
    return ApiError("unavailable", headers={"retry-after": "1"})
