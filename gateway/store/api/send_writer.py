"""Send writer: stores requested sends that wait at the same moment together, then answers them.

A batch costs two round trips: one reads the contacts and the server's time, one writes. The next
batch is read and planned while the server writes the last. What was answered is on disk, in the
lane that replies use.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from redis.exceptions import RedisError

from gateway.core.api.field_errors import FieldError
from gateway.core.api.message_request import MessageRequest, plan_request
from gateway.core.contacts.contact import Contact
from gateway.core.sending.send import Send
from gateway.store import keys, number_list
from gateway.store.api.accept_calls import (
    accept_call,
    answer_group,
    load_call,
    new_id,
    parse_loaded,
    plan_group,
)
from gateway.store.api.pending_send import (
    AcceptedSend,
    Idempotency,
    PendingSend,
    RequestRefusedError,
    answer_known,
)
from gateway.store.inbox.batching import Batcher, fail
from gateway.store.redis.async_scripts import run_call, run_calls
from gateway.store.redis.client import StoreUnavailableError
from gateway.store.redis.driver import AsyncClient

WAITING_BYTES = 32 * 1024 * 1024
UNREACHABLE = (RedisError, StoreUnavailableError)
PLANS_AT_ONCE = 16  # each holds a connection


class SendWriter:
    """Stores requested sends, all that wait at once."""

    def __init__(self, client: AsyncClient, ring: Callable[[str, str], None]) -> None:
        """Take the client; `ring` wakes a worker for a number and priority, and returns at once."""
        self._redis = client
        self._ring = ring
        self._batcher = Batcher[PendingSend](self._store)
        self._writing: asyncio.Task[None] | None = None  # of the last batch
        self._listed: set[str] = set()
        self._closing = False
        self._may_plan = asyncio.Semaphore(PLANS_AT_ONCE)

    def submit(
        self,
        number: str,
        request: MessageRequest,
        idempotency: Idempotency | None,
        size: int,
        waiter: str = "",
        *,
        errors: Sequence[FieldError] = (),
    ) -> asyncio.Future[AcceptedSend]:
        """Return what is done once the send is on disk; whoever cancels it loses only the answer.

        The process `waiter` is woken when the send is over. With `errors` it is refused, unless it
        was accepted before.

        It raises RequestRefusedError, KeyReusedError, or StoreUnavailableError, after which it is
        unknown whether it is stored: a repeated request with the same idempotency key finds out.
        Raises StoreUnavailableError where no more may wait.
        """
        if self._closing or self._batcher.waiting_bytes > WAITING_BYTES:
            raise StoreUnavailableError("closing" if self._closing else "too much waits")
        future: asyncio.Future[AcceptedSend] = asyncio.get_running_loop().create_future()
        pending = PendingSend(
            number, request, idempotency, size, future, waiter=waiter, errors=errors
        )
        self._batcher.add(pending)
        return future

    async def plan(self, number: str, request: MessageRequest) -> tuple[Send, Contact, datetime]:
        """Return what `accept` would store now, the contact, and the server's time.

        Raises RequestRefusedError, StoreUnavailableError or ScriptError.
        """
        future: asyncio.Future[AcceptedSend] = asyncio.get_running_loop().create_future()
        pending = PendingSend(number, request, None, 0, future)
        async with self._may_plan:
            reply = await run_call(self._redis, load_call(number, [pending]))
        now, contacts = parse_loaded(reply, [pending])
        contact = contacts[pending.name]
        planned = plan_request(request, new_id(), contact, now)
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
        with contextlib.suppress(*UNREACHABLE):
            await self._finish_writing()

    async def _store(self, batch: Sequence[PendingSend]) -> None:
        """Plan a batch, and begin to write it once the last one is written: they stay in order."""
        groups: dict[str, list[PendingSend]] = {}
        for one in batch:
            groups.setdefault(one.number, []).append(one)
        await self._list_numbers(groups)
        calls = [load_call(number, group) for number, group in groups.items()]
        for group, reply in zip(groups.values(), await run_calls(self._redis, calls), strict=True):
            plan_group(group, reply)
        await self._answer_refused([one for one in batch if one.errors])
        await self._finish_writing()
        self._writing = asyncio.create_task(self._write(groups), name="write")
        self._writing.add_done_callback(asyncio.Task.exception)  # it was the answer already

    async def _finish_writing(self) -> None:
        """Wait for the last batch. Raises its error, for which all that wait fail too."""
        if self._writing and not self._writing.done():
            await self._writing

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
        """Store what was planned, and answer it. Raises the error that was the answer to all."""
        try:
            await self._write_planned(groups)
        except Exception as error:
            for group in groups.values():
                fail(group, error)
            if isinstance(error, UNREACHABLE):
                raise

    async def _write_planned(self, groups: Mapping[str, Sequence[PendingSend]]) -> None:
        planned = {number: [one for one in group if one.send] for number, group in groups.items()}
        planned = {
            number: group if number in self._listed else _refuse_unlisted(group)
            for number, group in planned.items()
        }
        planned = {number: group for number, group in planned.items() if group}
        calls = [accept_call(number, group) for number, group in planned.items()]
        replies = await run_calls(self._redis, calls, self._redis.replicas)
        for (number, group), reply in zip(planned.items(), replies, strict=True):
            answer_group(group, reply)
            for priority in {one.send.priority for one in group if one.send}:
                self._ring(number, priority)


def _refuse_unlisted(group: Sequence[PendingSend]) -> list[PendingSend]:
    for one in group:
        one.fail(StoreUnavailableError("the list of numbers is full"))
    return []
