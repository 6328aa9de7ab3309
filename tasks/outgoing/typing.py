"""Typing that is kept up while a service is asked: Meta shows it for 25 seconds at most."""

import contextlib
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from gateway.core import messages
from gateway.core.contacts.contact import Contact
from gateway.core.messages import with_recipient
from gateway.core.sending.send import REPLY, Send, send_id
from gateway.store.outgoing.calls import CallAttempt
from gateway.store.outgoing.typing_signals import queue_signal
from gateway.store.redis.client import ScriptError, StoreUnavailableError
from tasks.context import WorkerContext
from tasks.wakeup import ring_number

EVERY_S = 20.0
MOST_RENEWALS = 2  # with the first, which the rule shows, it lasts for a minute


@contextlib.contextmanager
def keep_typing(
    ctx: WorkerContext, number: str, attempt: CallAttempt, now: datetime, *, lasts: timedelta
) -> Iterator[None]:
    """Show the customer every 20 seconds that an answer is being written, for a minute at most.

    Only where the rule showed it before the call, and the call may last for so long. Nothing is
    shown once this ends, so that no typing follows the answer.
    """
    message = str(attempt.payload.get("typing", ""))
    if not message or lasts.total_seconds() <= EVERY_S:
        yield
        return
    over = threading.Event()
    began = time.monotonic()

    def renew() -> None:
        for turn in range(1, MOST_RENEWALS + 1):
            if over.wait(EVERY_S):
                return
            moment = now + timedelta(seconds=time.monotonic() - began)
            with contextlib.suppress(StoreUnavailableError, ScriptError):
                _show(ctx, number, attempt, message, moment, turn)

    thread = threading.Thread(target=renew, name="typing", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _show(
    ctx: WorkerContext, number: str, attempt: CallAttempt, message: str, now: datetime, turn: int
) -> None:
    payload = attempt.payload
    contact = Contact(payload["contact"], wa_id=payload["wa_id"], user_id=payload["user_id"])
    rule = str(payload["rule"])
    send = Send(
        id=send_id(f"typing|{attempt.id}|{attempt.attempt}", rule, turn),
        lane=contact.key,
        priority=REPLY,
        body=with_recipient(messages.typing(message), contact),
        expires_at=now + timedelta(seconds=EVERY_S),
        repeatable=True,
        rule=rule,
    )
    queue_signal(ctx.store, number, send, ctx.settings.gateway_retention)
    ring_number(ctx.store, number, REPLY)
