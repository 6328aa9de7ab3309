"""Requested sends between their last byte and their answer, and how repeated requests are known."""

import asyncio
import base64
import concurrent.futures
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson

from gateway.core.api.field_errors import FieldError
from gateway.core.api.message_request import MessageRequest
from gateway.core.sending.send import ID_LENGTH, Send
from gateway.core.storage.timestamps import datetime_from_ms, ms_from_datetime

FINGERPRINT_CHARACTERS = 22
REMEMBERED_FOR = timedelta(hours=24)  # after a send is due


@dataclass(frozen=True, slots=True)
class Idempotency:
    """Name of a request that may be repeated, and what it asks for; both as digests.

    `lives` is how long after the send is due it is known.
    """

    name: str
    fingerprint: str
    lives: timedelta = REMEMBERED_FOR


def canonical(fields: Mapping[str, Any]) -> bytes:
    """Return the fields of a request in the one form in which equal requests are equal."""
    return orjson.dumps(dict(fields), option=orjson.OPT_SORT_KEYS)


def idempotency_of(
    scope: str, key: str, canonical: bytes, lives: timedelta = REMEMBERED_FOR
) -> Idempotency | None:
    """Return the digests of an idempotency key within its scope; None without a key."""
    if not key:
        return None
    name = sha256(f"{len(scope)}|{scope}|{key}".encode()).hexdigest()[:32]
    return Idempotency(name, _fingerprint(canonical), lives)


def idempotency_of_task(task: str, canonical: bytes = b"") -> Idempotency:
    """Return the digests of a Celery task: its id is the key, in a scope that no API key has."""
    known = idempotency_of("celery", task, canonical)
    assert known is not None  # noqa: S101 - a task has an id
    return known


def idempotency_of_notice(notice: str) -> Idempotency:
    """Return the digests of a notice of ours, which is sent once however often it is given."""
    known = idempotency_of("notice", notice, b"")
    assert known is not None  # noqa: S101 - a notice has an id
    return known


def _fingerprint(canonical: bytes) -> str:
    return base64.urlsafe_b64encode(sha256(canonical).digest()).decode()[:FINGERPRINT_CHARACTERS]


@dataclass(frozen=True, slots=True)
class AcceptedSend:
    """A send that is on disk, now or since an earlier request with the same idempotency key."""

    id: str
    due_at: datetime | None
    expires_at: datetime
    is_replay: bool = False


class KeyReusedError(Exception):
    """The idempotency key was used with another request."""


class RequestRefusedError(Exception):
    """A request cannot be planned now; `errors` names each field."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        """Store what is wrong."""
        super().__init__("refused")
        self.errors = tuple(errors)


@dataclass(slots=True)
class PendingSend:
    """A request between its last byte and its answer."""

    number: str
    request: MessageRequest
    idempotency: Idempotency | None
    size: int
    future: asyncio.Future[AcceptedSend] | concurrent.futures.Future[AcceptedSend]
    task: str = ""  # id of the Celery task that is owed the result
    waiter: str = ""  # the process that waits for the result
    send: Send | None = field(default=None, repr=False)  # as it was planned, or
    errors: Sequence[FieldError] = ()  # why it was not
    name: str = field(init=False, repr=False)  # under which the store finds the contact

    def __post_init__(self) -> None:
        """Note the name once."""
        self.name = self.request.recipient.name

    def answer(self, accepted: AcceptedSend) -> None:
        """Answer unless the client has gone."""
        if not self.future.done():
            self.future.set_result(accepted)

    def fail(self, error: Exception) -> None:
        """Answer with an error unless the client has gone."""
        if not self.future.done():
            self.future.set_exception(error)


def known_value(send: Send, known: Idempotency | None) -> str:
    """Return what is stored of an accepted request, for a repeated one."""
    due_ms = ms_from_datetime(send.due_at) if send.due_at else 0
    fingerprint = known.fingerprint if known else ""
    return f"{send.id}{fingerprint}{due_ms}:{ms_from_datetime(send.expires_at)}"


def answer_known(one: PendingSend, before: str) -> None:
    """Answer a repeated request as the first one was."""
    id_, rest = before[:ID_LENGTH], before[ID_LENGTH:]
    fingerprint, moments = rest[:FINGERPRINT_CHARACTERS], rest[FINGERPRINT_CHARACTERS:]
    due_ms, _, expires_ms = moments.partition(":")
    if one.idempotency and one.idempotency.fingerprint != fingerprint:
        one.fail(KeyReusedError())
        return
    due_at = datetime_from_ms(due_ms) if due_ms != "0" else None
    one.answer(AcceptedSend(id_, due_at, datetime_from_ms(expires_ms), is_replay=True))
