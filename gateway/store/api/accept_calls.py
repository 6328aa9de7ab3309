"""Calls by which requested sends are accepted: planned with what the first reads, then stored."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from gateway.core.api.message_request import plan_request
from gateway.core.contacts.contact import Contact
from gateway.core.sending.send import ID_LENGTH, Send
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.api.pending_send import (
    REMEMBERED_FOR,
    AcceptedSend,
    PendingSend,
    answer_known,
    known_value,
)
from gateway.store.planning.commit import send_args
from gateway.store.planning.contacts import parse_contacts
from gateway.store.redis.client import Call, ScriptError, StoreUnavailableError

log = structlog.get_logger(__name__)

# Each letter of base32 stands for eight of the 256 bytes.
_LETTERS = b"abcdefghijklmnopqrstuvwxyz234567" * 8


def new_id() -> str:
    """Return a random id in the form of all ids of sends."""
    return new_ids(1)[0]


def new_ids(count: int) -> Sequence[str]:
    """Return random ids in the form of all ids of sends."""
    drawn = secrets.token_bytes(count * ID_LENGTH).translate(_LETTERS).decode()
    return [drawn[i : i + ID_LENGTH] for i in range(0, len(drawn), ID_LENGTH)]


def load_call(number: str, group: Sequence[PendingSend]) -> Call:
    """Return the call that reads the contacts and the server's time."""
    names = list(dict.fromkeys([one.name for one in group]))
    return Call("load", keys.number(number), [len(names), *names])


def parse_loaded(
    reply: Any, group: Sequence[PendingSend]
) -> tuple[datetime, Mapping[str, Contact]]:
    """Return the server's time, and the contacts by the names in the requests."""
    now, rows, _ = reply
    names = list(dict.fromkeys([one.name for one in group]))
    contacts, unreadable = parse_contacts(names, rows)
    # A contact that cannot be read is no reason to refuse: the pump judges it before the post.
    return datetime_from_ms(now), {**{name: Contact(name) for name in unreadable}, **contacts}


def plan_group(group: Sequence[PendingSend], reply: Any) -> None:
    """Plan each request of a number; one that does not fit is answered now."""
    if isinstance(reply, Exception):
        for one in group:
            one.fail(_as_unavailable(reply))
        return
    now, contacts = parse_loaded(reply, group)
    for one, id_ in zip(group, new_ids(len(group)), strict=True):
        if one.errors:
            continue
        planned = plan_request(one.request, id_, contacts[one.name], now)
        if isinstance(planned, Send):
            one.send = planned
        else:
            one.errors = planned


def accept_call(number: str, group: Sequence[PendingSend]) -> Call:
    """Return the call that stores planned sends, each with what makes it known again."""
    args: list[Any] = []
    for one in group:
        assert one.send is not None  # noqa: S101 - the group holds planned ones only
        send, known = one.send, one.idempotency
        args += [*send_args(send)[:9], known.name if known else "", known_value(send, known)]
        lives = known.lives if known else REMEMBERED_FOR
        args += [int(lives.total_seconds() * 1000), one.task, send.reference]
        args.append(one.waiter)
    return Call("accept", keys.number(number), args)


def answer_group(group: Sequence[PendingSend], reply: Any) -> None:
    """Answer each request of a number by what the second call replied."""
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
