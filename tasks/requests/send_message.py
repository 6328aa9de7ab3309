"""Requests to send from other Celery applications, which call this task by its name."""

import contextlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import orjson
import structlog
from celery import Task
from celery.exceptions import Ignore
from kombu.exceptions import OperationalError

from gateway.core.api.field_errors import FieldError
from gateway.core.api.message_request import UNKNOWN_NUMBER, MessageRequest, read_from_number
from gateway.core.api.recipe import name_place, read_recipe
from gateway.core.sending.send import QUEUE_OF
from gateway.store import number_list
from gateway.store.api.accept_now import accept_now
from gateway.store.api.pending_send import (
    KeyReusedError,
    RequestRefusedError,
    canonical,
    idempotency_of_task,
)
from gateway.store.redis.client import ScriptError, StoreUnavailableError
from tasks.app import app
from tasks.context import WorkerContext, worker_context
from tasks.outbound import serve
from tasks.processes.ending import is_stopping
from tasks.wakeup import is_full, ring_number

log = structlog.get_logger(__name__)

NAME, QUEUE = "tasks.send_whatsapp_message", "critical"
PARAMETERS = ("phone_number", "message")
MOST_BYTES = 256 * 1024  # as of a request to the API
# An unavailable store is asked again, after pauses that double; then the broker gets the task back.
FIRST_PAUSE_S, MOST_PAUSE_S, PATIENCE_S = 0.1, 5.0, 12.0
_TASK_ID = re.compile(r"[\x21-\x7e]{1,255}")


class InvalidRequestError(ValueError):
    """The arguments cannot be sent; the message names each place, and repeats no value."""


@app.task(name=NAME, bind=True, ignore_result=False, throws=(InvalidRequestError,))
def send_whatsapp_message(self: Task[Any, Any], *args: Any, **kwargs: Any) -> NoReturn:
    """Store a message to be sent; its result is written once it is sent, or has failed for good.

    Raises Ignore where it is stored, so that Celery writes no result now, or InvalidRequestError.
    """
    try:
        fields = read_arguments(str(self.request.id), args, kwargs)
        _insist(self, lambda: _accept(self, fields))
    except InvalidRequestError:
        log.warning("task_invalid", task=self.request.id)
        raise
    except KeyReusedError:
        # The result of this id is that of the first request.
        log.warning("task_id_reused", task=self.request.id)
    raise Ignore


def read_arguments(
    task_id: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return the fields of a request to send. Raises InvalidRequestError."""
    if not _TASK_ID.fullmatch(task_id):
        raise InvalidRequestError("the id of the task must have 1 to 255 visible ASCII characters")
    if len(args) > len(PARAMETERS):
        raise InvalidRequestError("the task takes phone_number and message")
    named = dict(zip(PARAMETERS, args, strict=False)) | dict(kwargs)
    try:
        # Celery makes times and ids of what it reads; here they are texts, as in other JSON.
        text = orjson.dumps(named)
    except TypeError:
        raise InvalidRequestError("the arguments must be plain JSON") from None
    if len(text) > MOST_BYTES:
        raise InvalidRequestError(f"the arguments have more than {MOST_BYTES // 1024} KB")
    fields = read_recipe(orjson.loads(text))
    if not isinstance(fields, Mapping):
        raise _refuse(fields)
    return fields


def _accept(task: Task[Any, Any], fields: Mapping[str, Any]) -> None:
    """Store the send, and wake a worker for it.

    Raises InvalidRequestError, KeyReusedError or StoreUnavailableError.
    """
    ctx = worker_context()
    number, request = _read_request(ctx, fields)
    _check_room(ctx, number)
    id_ = str(task.request.id)
    is_owed = not task.request.ignore_result and app.conf.result_backend
    try:
        known = idempotency_of_task(id_, canonical(fields))
        _, priority = accept_now(ctx.store, number, request, known, id_ if is_owed else "")
    except RequestRefusedError as error:
        raise _refuse(error.errors) from None
    with contextlib.suppress(StoreUnavailableError, ScriptError, OperationalError):
        _wake(ctx, number, priority)


def _read_request(ctx: WorkerContext, fields: Mapping[str, Any]) -> tuple[str, MessageRequest]:
    """Return the number to send from, and the request.

    Raises InvalidRequestError, StoreUnavailableError or ScriptError.
    """
    accounts = ctx.accounts.current()
    read = read_from_number(fields, accounts.default_number, accounts.country_of)
    if isinstance(read, list):
        raise _refuse(read)
    number, request = read
    is_default = number == accounts.default_number
    if not is_default and number not in accounts.numbers_among(number_list.numbers(ctx.store)):
        raise _refuse([UNKNOWN_NUMBER])
    return number, request


def _check_room(ctx: WorkerContext, number: str) -> None:
    """Raise StoreUnavailableError where the store, or its list of numbers, is full."""
    if ctx.room.is_full(ctx.store, ctx.settings.gateway_store_bytes):
        raise StoreUnavailableError("the store is full")
    # Before anything of the number is stored, so that ticks and sweeps read it.
    if number not in ctx.listed_numbers and not number_list.add_number(ctx.store, number):
        raise StoreUnavailableError("the list of numbers is full")
    ctx.listed_numbers.add(number)


def _refuse(errors: Sequence[FieldError]) -> InvalidRequestError:
    return InvalidRequestError("; ".join(f"{name_place(one)}: {one.detail}" for one in errors))


def _wake(ctx: WorkerContext, number: str, priority: str) -> None:
    """Let this process send if it does already, or if such tasks hold up wake-ups; else wake one.

    Raises StoreUnavailableError, ScriptError or OperationalError; the sweep wakes workers then.
    """
    is_ours = QUEUE_OF.get(priority) == QUEUE
    if not (is_ours and ctx.sender.is_relieved):
        if not priority or ring_number(ctx.store, number, priority):
            return
        if not (is_ours and is_full(app, QUEUE)):
            return
    if ctx.sender.hand_over(number, priority):
        serve(ctx)


def _insist(task: Task[Any, Any], work: Callable[[], None]) -> None:
    """Repeat the work until the store does it, or the broker has the task again."""
    since, pause_s = time.monotonic(), FIRST_PAUSE_S
    while True:
        try:
            return work()
        except (StoreUnavailableError, ScriptError) as error:
            if pause_s == FIRST_PAUSE_S:
                log.warning("task_waits", task=task.request.id, error=str(error))
        is_late = time.monotonic() - since > PATIENCE_S
        # A child of a pool does not learn that its worker is to stop.
        if (is_late or is_stopping()) and _give_back(task):
            return None
        time.sleep(pause_s)
        pause_s = min(MOST_PAUSE_S, pause_s * 2)


def _give_back(task: Task[Any, Any]) -> bool:
    """Publish the task anew, with the same id; false if the broker is unavailable as well."""
    request = task.request
    try:
        task.apply_async(
            tuple(request.args or ()),
            dict(request.kwargs or {}),
            task_id=request.id,
            queue=QUEUE,
            ignore_result=request.ignore_result,
            retry=False,
        )
    except (OperationalError, OSError):
        return False
    return True
