"""Messages that a client asked for: found by their id, cancelled, and moved to another time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from gateway.core.sending.send import ID_LENGTH
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.store import keys
from gateway.store.api.pending_send import idempotency_of_task
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import Call, Store
from gateway.store.sending.lookup import TracedSend, read_sends, run_commands

AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A send with the number that it goes out from."""

    number: str
    send: TracedSend


def find_message(
    store: Store, bodies: Bodies, numbers: Sequence[str], id_: str
) -> SentMessage | None:
    """Return the message of an id, of any of the numbers; None where it is unknown or forgotten.

    Of a damaged one only the id and the damage are known. Raises StoreUnavailableError or
    ScriptError.
    """
    for number in numbers:
        (send,) = read_sends(store, bodies, number, [id_])
        if send.stage or send.damage:
            return SentMessage(number, send)
    return None


def find_id_of_task(store: Store, numbers: Sequence[str], task: str) -> str:
    """Return the id of the send that a Celery task asked for, "" where it is unknown or forgotten.

    Raises StoreUnavailableError or ScriptError.
    """
    name = idempotency_of_task(task).name
    commands = [("GET", f"{keys.number(number)}idempotent:{name}") for number in numbers]
    found = [value for value in run_commands(store, *commands) if value]
    return found[0].decode()[:ID_LENGTH] if found else ""


def cancel(store: Store, number: str, id_: str) -> str:
    """Cancel a message; return "" if that is done, or the stage that forbids it.

    Raises StoreUnavailableError or ScriptError.
    """
    return _change(store, number, id_, "cancel", 0, 0)


def withdraw_all(store: Store, number: str, ids: Iterable[str]) -> int:
    """Cancel sends of which Meta has nothing, also after attempts that Meta refused.

    Return how many of them were. Raises StoreUnavailableError or ScriptError.
    """
    return _change_all(store, number, ids, "withdraw", 0, "")


def expire_all(store: Store, number: str, ids: Iterable[str]) -> int:
    """Let sends of which Meta has nothing expire before their time, as `withdraw_all` cancels them.

    Raises StoreUnavailableError or ScriptError.
    """
    return _change_all(store, number, ids, "expire", 0)


def prolong_all(store: Store, number: str, ids: Iterable[str], expires_at: datetime) -> int:
    """Let sends that are not over yet expire at another time; return how many of them do.

    Raises StoreUnavailableError or ScriptError.
    """
    return _change_all(store, number, ids, "prolong", ms_from_datetime(expires_at))


def move(store: Store, number: str, id_: str, due_at: datetime, expires_at: datetime) -> str:
    """Move a message that waits for its time; return "" if that is done, or what forbids it.

    Raises StoreUnavailableError or ScriptError.
    """
    moments = ms_from_datetime(due_at), ms_from_datetime(expires_at)
    return _change(store, number, id_, "move", *moments)


def _change(
    store: Store, number: str, id_: str, verb: str, due: int, expires: int, *more: str
) -> str:
    args = (id_, verb, due, expires, *more)
    reply = store.call("change_send", keys.number(number), *args).decode()
    return "" if reply == "done" else reply or "forgotten"


def _change_all(
    store: Store, number: str, ids: Iterable[str], verb: str, expires: int, *more: str
) -> int:
    """Change sends, a hundred in each round trip; return how many were changed."""
    done, left, prefix = 0, iter(ids), keys.number(number)
    while some := list(islice(left, AT_ONCE)):
        calls = [Call("change_send", prefix, [id_, verb, 0, expires, *more]) for id_ in some]
        for reply in store.call_many(calls):
            if isinstance(reply, Exception):
                raise reply
            done += reply == b"done"
    return done
