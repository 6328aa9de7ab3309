"""Sends as a plan would hold them, committed and looked at."""

import math
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.messages import text
from gateway.core.planning.batch import Plan
from gateway.core.sending.outcome import Outcome
from gateway.core.sending.send import REPLY, Send, StatusUpdate
from gateway.store import keys
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Store
from gateway.store.sending.lanes import Lanes
from tests.support.factories import ANA, NUMBER, a_message, a_status
from tests.support.store.raw import now_ms, raw

PREFIX = keys.number(NUMBER)
WEEK = timedelta(days=7)
FAST = 1_000  # a pace that never holds a test up


def a_send(name: str, lane: str = ANA, **others: Any) -> Send:
    """Make a send whose id is `name`, made as long as ids are."""
    given: dict[str, Any] = {
        "id": name.ljust(24, "x"), "lane": lane, "priority": REPLY, "body": text(name),
        "expires_at": datetime.now(UTC) + timedelta(hours=1), "rule": "r",
    }  # fmt: skip
    return Send(**(given | others))


def queue(store: Store, *sends: Send) -> None:
    """Commit sends, each as the effect of a message of its own."""
    for send in sends:
        queue_at_once(store, send)


def queue_at_once(store: Store, *sends: Send) -> None:
    """Commit sends as the effect of one message."""
    event = a_message(f"wamid.in.{sends[0].id}", sends[0].lane)
    plan = Plan(NUMBER, Contact(""), changed=False, events=(event,), sends=sends)
    assert commit(store, [plan], WEEK) == [True]


def tell(
    store: Store,
    status: str,
    send: Send | None = None,
    wamid: str = "wamid.out",
    attempt: int = 1,
    **more: Any,
) -> None:
    """Commit what a status webhook tells of a send, named by our data or else by its wamid."""
    event = a_status(f"{wamid}.{attempt}.{more.get('participant')}", status)
    error = {"code": 131026} if status == "failed" else None
    ours = (send.id, str(attempt)) if send else ("", "")
    news = StatusUpdate(*ours, wamid, status, event.at, error, **more)
    plan = Plan(NUMBER, Contact(ANA), changed=False, events=(event,), status_updates=(news,))
    assert commit(store, [plan], WEEK) == [True]


def lanes(store: Store, per_second: int = FAST) -> Lanes:
    return Lanes(store, NUMBER, per_second)


def take(store: Store, most: int = 50) -> list[str]:
    """Take what is ready, as a process of its own, and return the names."""
    return [attempt.send.rstrip("x") for attempt in lanes(store).pump([], most).attempts]


def settle(store: Store, send: Send, step: Any, attempt: int = 1, **others: Any) -> None:
    lanes(store).pump([Outcome(send.id, attempt, step, **others)], 0)


def row(store: Store, send: Send) -> dict[str, str]:
    """Return a send as it is stored."""
    found = raw(store).hgetall(f"{PREFIX}send:{send.id}")
    return {name.decode(): value.decode() for name, value in found.items()}


def stage(store: Store, send: Send) -> str:
    return row(store, send)["stage"]


def ready_in_s(store: Store, lane: str = ANA, rank: str = REPLY) -> int | None:
    """Return in how many seconds a lane may be worked, rounded up; None where it does not wait."""
    score = raw(store).zscore(f"{PREFIX}ready:{rank}", lane)
    return None if score is None else math.ceil((score - now_ms(store)) / 1000)


def about_s(seconds: int) -> Any:
    """Equal a wait of which up to a fifth has gone by: a busy machine may be slow to look."""
    return pytest.approx(0.9 * seconds, rel=0, abs=0.1 * seconds + 1e-6)


def make_ready(store: Store, lane: str = ANA, rank: str = REPLY) -> None:
    """Let the moment come for which a lane waits, and its customer be long without a message."""
    raw(store).delete(f"{PREFIX}pair:{lane}")
    raw(store).zadd(f"{PREFIX}ready:{rank}", {lane: now_ms(store)})


def counted(store: Store, name: str) -> int:
    return int(raw(store).hget(f"{PREFIX}count", name) or 0)


def dead_members(store: Store) -> list[str]:
    return [member.decode() for member in raw(store).zrange(f"{PREFIX}dead", 0, -1)]


def commit_statuses(store: Store, *updates: StatusUpdate) -> None:
    """Commit statuses as the effect of one webhook each."""
    for update in updates:
        event = a_status(f"{update.wamid}.{secrets.token_hex(4)}", update.stage)
        plan = Plan(NUMBER, Contact(ANA), changed=False, events=(event,), status_updates=(update,))
        assert commit(store, [plan], WEEK) == [True]
