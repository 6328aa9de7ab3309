"""Sending for clients of Meta's form: a request is stored, waited for, and taken back in time.

A request whose answer its client has not read is joined by the same request within two minutes, so
that a client that repeats it sends nothing twice.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from gateway.core.api.cloud_api.cloud_request import LIFETIME, CloudRequest, read_cloud_request
from gateway.core.api.cloud_api.graph_error import (
    NO_PERMISSION,
    GraphError,
    invalid_fields,
    no_such_object,
    refused_send,
    unknown_outcome,
    withdrawn_send,
)
from gateway.core.api.cloud_api.send_result import SendResult
from gateway.core.api.field_errors import FieldError
from gateway.core.api.keys import ApiKey
from gateway.core.api.template_uses import find_uses
from gateway.core.sending.outcome import THROUGHPUT
from gateway.store.api.pending_send import (
    AcceptedSend,
    Idempotency,
    KeyReusedError,
    RequestRefusedError,
    canonical,
    idempotency_of,
)
from gateway.store.api.send_writer import SendWriter
from gateway.store.api.sent_messages import find_message
from gateway.store.api.waiting.open_requests import OpenRequests
from gateway.store.api.waiting.send_results import SendResults
from gateway.store.redis.client import StoreUnavailableError
from gateway.web.api.messages.routes import MessageLookup
from gateway.web.api.messages.sending import MessageSending, check_idempotency_key
from gateway.web.api.problems import ApiError
from gateway.web.api.server.graph_errors import CloudApiError

MOST_WAITING = 200  # requests of a process that wait; health checks share its address
TEMPLATES_WITHIN_S = 0.5  # beyond it, the wait would outlast a client's
IN_FLIGHT_S = 0.5  # so long an attempt may go on beyond the end of the wait
# An answer is reported as read a moment after it was: who joins a request asks again after this.
READ_WITHIN_S = 0.1
LATER = {"retry-after": "1"}


@dataclass(frozen=True, slots=True)
class CloudAnswer:
    """The send that a request became, and what became of it until the answer."""

    number: str
    send: str
    result: SendResult
    error: GraphError | None  # None where Meta has it
    known: Idempotency | None = None  # of a request without an Idempotency-Key of its own


@dataclass(slots=True)
class CloudSending:
    """Sends what clients of Meta's form ask for, and waits for what becomes of it."""

    sending: MessageSending
    writer: SendWriter
    results: SendResults
    requests: OpenRequests
    lookup: MessageLookup
    wait_s: float
    _waiting: int = field(default=0, init=False)

    async def read(self, key: ApiKey, number: str, fields: Mapping[str, Any]) -> CloudRequest:
        """Return the request in a body. Raises CloudApiError or ApiError."""
        if not key.may_use(number):
            raise CloudApiError(GraphError(NO_PERMISSION, "The key is bound to other numbers."))
        if number != self.sending.default_number() and number not in (
            await self.sending.read_numbers()
        ):
            raise CloudApiError(no_such_object("post"))
        request = read_cloud_request(fields, self.sending.country_of(number))
        if not isinstance(request, CloudRequest):
            raise ApiError("invalid", errors=request)
        await self._check_templates(number, fields, request)
        return request

    async def _check_templates(
        self, number: str, fields: Mapping[str, Any], request: CloudRequest
    ) -> None:
        """Raise CloudApiError with Meta's code for a template that Meta would refuse.

        Where Meta's list cannot be read again soon, Meta judges the message itself.
        """
        uses = find_uses({"type": "text", **fields}, request.message)
        try:
            async with asyncio.timeout(TEMPLATES_WITHIN_S if uses else None):
                found = await self.sending.templates.find_mismatches(number, uses) if uses else []
        except TimeoutError:
            return
        if found:
            errors = [FieldError(one.pointer, one.detail) for one in found]
            raise CloudApiError(replace(invalid_fields(errors), code=found[0].code))

    async def send(
        self, key: ApiKey, number: str, fields: Mapping[str, Any], given: str | None
    ) -> tuple[CloudRequest, CloudAnswer]:
        """Send, and return what became of it. Raises CloudApiError or ApiError.

        After the kind `unavailable` the message may be stored; the same request finds out.
        """
        request = await self.read(key, number, fields)
        text = canonical(fields)
        known = _identify(f"{key.id} cloud {number}", request, text, check_idempotency_key(given))
        if self._waiting >= MOST_WAITING or not self.sending.is_ready():
            details = "The gateway takes no more requests now; send it later."
            raise CloudApiError(GraphError(THROUGHPUT, details), LATER)
        self._waiting += 1
        try:
            joinable = None if given or request.is_mark else known
            accepted = await self._accept(number, request, known, joinable, len(text))
            return request, await self._follow(number, accepted, known, joinable)
        except StoreUnavailableError:
            raise ApiError("unavailable", headers=LATER) from None
        finally:
            self._waiting -= 1

    async def _accept(
        self,
        number: str,
        request: CloudRequest,
        known: Idempotency | None,
        joinable: Idempotency | None,
        size: int,
    ) -> AcceptedSend:
        """Store the send, or join the one of the same request that nobody read the answer of."""
        if joinable:
            await self.requests.wait_for_end(number, joinable)
        try:
            accepted = await self._store(number, request, known, size)
            if joinable and accepted.is_replay and await self._was_read(number, joinable, accepted):
                accepted = await self._store(number, request, known, size)
        except RequestRefusedError as error:
            raise ApiError("invalid", errors=error.errors) from None
        except KeyReusedError:
            pointer = "#/Idempotency-Key"
            detail = "was used with another request"
            raise ApiError("invalid", errors=[FieldError(pointer, detail)]) from None
        return accepted

    async def _store(
        self, number: str, request: CloudRequest, known: Idempotency | None, size: int
    ) -> AcceptedSend:
        args = (number, request.message, known, size, self.results.waiter)
        return await self.writer.submit(*args)

    async def _was_read(self, number: str, known: Idempotency, accepted: AcceptedSend) -> bool:
        """Say whether the answer of the joined request was read just now, by its client."""
        if self.results.is_waited_for(accepted.id):
            return False
        await asyncio.sleep(READ_WITHIN_S)
        return not await self.requests.is_open(number, known, accepted.id)

    async def _follow(
        self,
        number: str,
        accepted: AcceptedSend,
        known: Idempotency | None,
        joinable: Idempotency | None,
    ) -> CloudAnswer:
        """Return what became of a send; take it back if it was not posted in time."""
        send, is_new, error = accepted.id, not accepted.is_replay, None
        result = await self.results.wait(number, send, self.wait_s, is_new=is_new)
        if not result.is_final and await self.requests.withdraw(number, send, known):
            result = await self.results.wait(number, send, 0)  # with a refusal of this moment
            return CloudAnswer(number, send, result, withdrawn_send(result))
        if not result.is_final:
            result = await self.results.wait(number, send, IN_FLIGHT_S, also_at_end=True)
        if not result.stage:
            result = await self._find_compacted(number, send)
        if not result.is_accepted:
            is_over = result.is_final and result.stage
            error = refused_send(result) if is_over else unknown_outcome(send)
        # Where the outcome is unknown, the same request is to find it out.
        is_known = error is None or result.is_final
        return CloudAnswer(number, send, result, error, joinable if is_known else None)

    async def _find_compacted(self, number: str, send: str) -> SendResult:
        """Return what is left of a send that an Idempotency-Key leads to after its row is gone."""
        bodies, store = self.lookup.bodies, self.lookup.store
        found = await asyncio.to_thread(find_message, store, bodies, [number], send)
        if found is None:
            return SendResult("")
        left = found.send
        return SendResult(left.stage, left.wamid, str(left.body.get("to", "")), error=left.error)


def _identify(scope: str, request: CloudRequest, text: bytes, given: str) -> Idempotency | None:
    """Return how the same request is known: by its Idempotency-Key, or else by its body."""
    if given:
        return idempotency_of(scope, given, text)
    if request.is_mark:
        return None  # Meta takes it for the same, however often it comes
    return idempotency_of(f"{scope} body", sha256(text).hexdigest(), text, LIFETIME)
