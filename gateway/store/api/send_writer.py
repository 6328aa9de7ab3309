"""Send writer: stores requested sends that wait at the same moment together, then answers them.

A batch costs two round trips: one reads the contacts and the server's time, one writes. What was
answered is on disk, in the lane that replies use.
"""

import asyncio
import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from gateway.core.api.message_request import MessageRequest, plan_request
from gateway.core.contacts.contact import Contact
from gateway.core.sending.send import Send
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys, number_list
from gateway.store.api.pending_send import (
    AcceptedSend,
    Idempotency,
    PendingSend,
    RequestRefusedError,
    answer_known,
    known_value,
)
from gateway.store.inbox.batching import Batcher
from gateway.store.planning.commit import send_args
from gateway.store.planning.contacts import parse_contacts
from gateway.store.redis.async_scripts import run_call, run_calls
from gateway.store.redis.client import Call, ScriptError, StoreUnavailableError
from gateway.store.redis.driver import AsyncClient

log = structlog.get_logger(__name__)

REMEMBERED_FOR = timedelta(hours=24)  # after a send is due
WAITING_BYTES = 32 * 1024 * 1024
PLANS_AT_ONCE = 16  # each holds a connection


class SendWriter:
    """Stores requested sends, all that wait at once."""

    def __init__(self, client: AsyncClient, ring: Callable[[str, str], None]) -> None:
        """Take the client; `ring` wakes a worker for a number and priority, and returns at once."""
        self._redis = client
        self._ring = ring
        self._batcher = Batcher[PendingSend](self._store)
        self._listed: set[str] = set()
        self._closing = False
        self._may_plan = asyncio.Semaphore(PLANS_AT_ONCE)

    async def accept(
        self, number: str, request: MessageRequest, idempotency: Idempotency | None, size: int
    ) -> AcceptedSend:
        """Return once the send is on disk.

        Raises RequestRefusedError, KeyReusedError, or StoreUnavailableError, after which it is
        unknown whether it is stored: a repeated request with the same idempotency key finds out.
        """
        if self._closing or self._batcher.waiting_bytes > WAITING_BYTES:
            raise StoreUnavailableError("closing" if self._closing else "too much waits")
        future: asyncio.Future[AcceptedSend] = asyncio.get_running_loop().create_future()
        self._batcher.add(PendingSend(number, request, idempotency, size, future))
        # A client that hangs up loses only the answer.
        return await asyncio.shield(future)

    async def plan(self, number: str, request: MessageRequest) -> tuple[Send, Contact, datetime]:
        """Return what `accept` would store now, the contact, and the server's time.

        Raises RequestRefusedError, StoreUnavailableError or ScriptError.
        """
        future: asyncio.Future[AcceptedSend] = asyncio.get_running_loop().create_future()
        pending = PendingSend(number, request, None, 0, future)
        async with self._may_plan:
            reply = await run_call(self._redis, _load_call(number, [pending]))
        now, contacts = _parse_loaded(reply, [pending])
        contact = contacts[request.recipient.name]
        planned = plan_request(request, _new_id(), contact, now)
        if not isinstance(planned, Send):
            raise RequestRefusedError(planned)
        return planned, contact, now

    def start(self) -> None:
        """Start to store sends; call it inside the event loop."""
        self._batcher.start()

    async def close(self) -> None:
        """Store what still waits, then end."""
        self._closing = True
        await self._batcher.close()

    async def _store(self, batch: Sequence[PendingSend]) -> None:
        groups: dict[str, list[PendingSend]] = {}
        for one in batch:
            groups.setdefault(one.number, []).append(one)
        await self._list_numbers(groups)
        calls = [_load_call(number, group) for number, group in groups.items()]
        for group, reply in zip(groups.values(), await run_calls(self._redis, calls), strict=True):
            _plan_group(group, reply)
        await self._answer_refused([one for one in batch if one.errors])
        await self._write(groups)

    async def _answer_refused(self, refused: Sequence[PendingSend]) -> None:
        """Answer requests that do not fit now; one that was accepted before is answered as then."""
        if not refused:
            return
        pipe = self._redis.pipeline(transaction=False)
        for one in refused:
            name = one.idempotency.name if one.idempotency else ""
            pipe.get(f"{keys.number(one.number)}idempotent:{name}")
        for one, before in zip(refused, await pipe.answers(), strict=True):
            if isinstance(before, bytes):
                answer_known(one, before.decode())
            elif isinstance(before, Exception):
                one.fail(StoreUnavailableError(type(before).__name__))
            else:
                one.fail(RequestRefusedError(one.errors))

    async def _list_numbers(self, groups: Mapping[str, object]) -> None:
        """List numbers, so that ticks and sweeps read them, before anything of them is stored."""
        new = [number for number in groups if number not in self._listed]
        calls = [number_list.list_call(number) for number in new]
        for number, reply in zip(new, await run_calls(self._redis, calls), strict=True):
            if reply == 1:
                self._listed.add(number)

    async def _write(self, groups: Mapping[str, Sequence[PendingSend]]) -> None:
        planned = {number: [one for one in group if one.send] for number, group in groups.items()}
        planned = {
            number: group if number in self._listed else _refuse_unlisted(group)
            for number, group in planned.items()
        }
        planned = {number: group for number, group in planned.items() if group}
        calls = [_accept_call(number, group) for number, group in planned.items()]
        replies = await run_calls(self._redis, calls, self._redis.replicas)
        for (number, group), reply in zip(planned.items(), replies, strict=True):
            _answer_group(group, reply)
            for priority in {one.send.priority for one in group if one.send}:
                self._ring(number, priority)


def _new_id() -> str:
    """Return a random id in the form of all ids of sends."""
    return base64.b32encode(secrets.token_bytes(15)).decode().lower()


def _refuse_unlisted(group: Sequence[PendingSend]) -> list[PendingSend]:
    for one in group:
        one.fail(StoreUnavailableError("the list of numbers is full"))
    return []


def _load_call(number: str, group: Sequence[PendingSend]) -> Call:
    names = list(dict.fromkeys(one.request.recipient.name for one in group))
    return Call("load", keys.number(number), [len(names), *names])


def _parse_loaded(
    reply: Any, group: Sequence[PendingSend]
) -> tuple[datetime, Mapping[str, Contact]]:
    now, rows, _ = reply
    names = list(dict.fromkeys(one.request.recipient.name for one in group))
    contacts, unreadable = parse_contacts(names, rows)
    # A contact that cannot be read is no reason to refuse: the pump judges it before the post.
    return datetime_from_ms(now), {**{name: Contact(name) for name in unreadable}, **contacts}


def _plan_group(group: Sequence[PendingSend], reply: Any) -> None:
    """Plan each request of a number; one that does not fit is answered now."""
    if isinstance(reply, Exception):
        for one in group:
            one.fail(_as_unavailable(reply))
        return
    now, contacts = _parse_loaded(reply, group)
    for one in group:
        contact = contacts[one.request.recipient.name]
        planned = plan_request(one.request, _new_id(), contact, now)
        if isinstance(planned, Send):
            one.send = planned
        else:
            one.errors = planned


def _accept_call(number: str, group: Sequence[PendingSend]) -> Call:
    args: list[Any] = []
    for one in group:
        assert one.send is not None  # noqa: S101 - the group holds planned ones only
        send, known = one.send, one.idempotency
        args += [*send_args(send)[:9], known.name if known else "", known_value(send, known)]
        args.append(int(REMEMBERED_FOR.total_seconds() * 1000))
    return Call("accept", keys.number(number), args)


def _answer_group(group: Sequence[PendingSend], reply: Any) -> None:
    if isinstance(reply, Exception):
        for one in group:
            one.fail(_as_unavailable(reply))
        return
    for one, before in zip(group, reply, strict=True):
        assert one.send is not None  # noqa: S101 - the group holds planned ones only
        if before is None:
            one.answer(AcceptedSend(one.send.id, one.send.due_at, one.send.expires_at))
        else:
            answer_known(one, before.decode())


def _as_unavailable(error: Exception) -> Exception:
    """Return the error that a client gets; a script's error is one of ours, and is logged."""
    if isinstance(error, ScriptError):
        log.error("accept_failed", error=str(error))
        return StoreUnavailableError("a script failed")
    return error
