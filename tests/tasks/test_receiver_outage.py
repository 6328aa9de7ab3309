"""A receiver that is down for a day gets what waited: in order, and never much at once."""

import base64
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing

import orjson
import pytest

from gateway.core.forwards.receiver_health import FIRST_WINDOW, MOST_WINDOW
from gateway.rules.rulebook import Rulebook
from gateway.store.outgoing.forwards import FAILURES_IN_A_ROW
from gateway.store.redis.client import Store
from gateway.store.server.clock import let_clock_move, set_ahead_ms
from tasks.context import WorkerContext
from tasks.outgoing import forwards as outgoing
from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.rules.rulebooks import book
from tests.support.servers import Server, wait_until
from tests.support.tasks.receiving_application import Application, an_application
from tests.support.tasks.worker_state import PREFIX, counted, for_all, keep, raw, take_effect

pytestmark = pytest.mark.store
SECRET = f"whsec_{base64.b64encode(b's' * 32).decode()}"
PEOPLE = [f"3519000000{n:02}" for n in range(40)]
TEXTS = ["first", "second", "third"]
HOUR_MS = 3_600_000


@pytest.fixture
def crm() -> Iterator[Application]:
    with an_application() as running:
        yield running


@pytest.fixture
def rulebook(crm: Application) -> Rulebook:
    return book(
        "version: 1\nforwards:\n  - to: crm\n    secret: CRM\n    events: message\n"
        f"    url: http://127.0.0.1:{crm.port}/\nrules: []\n"
    )


@pytest.fixture
def worker(
    at_work: WorkerContext, server: Server, rulebook: Rulebook, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkerContext]:
    """Hold what a worker holds, with a store whose clock can be moved."""
    monkeypatch.setenv("CRM", SECRET)
    monkeypatch.setattr(at_work.rules, "_in_force", for_all(at_work, rulebook))
    with closing(Store(f"{server.url}?clock=movable")) as movable:
        let_clock_move(movable)
        monkeypatch.setattr(at_work.store, "redis", movable.redis)
        yield at_work


def failures(store: Store) -> int:
    return int(raw(store).hget(f"{PREFIX}forwards:crm", "failures") or 0)


def waits(store: Store) -> int:
    return int(raw(store).zcard(f"{PREFIX}forwards:crm:waiting"))


def try_at(ahead_ms: float, worker: WorkerContext, crm: Application) -> None:
    """Let it be so much later, and wait until the worker has recorded that a post failed then."""
    before = len(crm.posts)
    set_ahead_ms(worker.store, int(ahead_ms))
    outgoing.forward(NUMBER)
    wait_until(lambda: len(crm.posts) > before, "it is tried")
    wait_until(lambda: failures(worker.store) == len(crm.posts), "all that was tried failed")


def test_a_receiver_that_is_down_for_a_day_gets_all_in_order_and_little_at_once(
    worker: WorkerContext, crm: Application, rulebook: Rulebook
) -> None:
    crm.status = 503
    for text in TEXTS:
        items = [message_item(f"wamid.{one}.{text}", text, one) for one in PEOPLE]
        keep(worker.store, delivery_body(*items))
    assert not take_effect(worker, rulebook)
    for third in range(72):
        try_at(third * HOUR_MS / 3, worker, crm)
    assert len(crm.posts) <= FAILURES_IN_A_ROW + FIRST_WINDOW + 72, "one at a time tries it"

    crm.status = 204
    for hour in range(25, 27):
        set_ahead_ms(worker.store, hour * HOUR_MS)
        outgoing.forward(NUMBER)
        wait_until(lambda: not failures(worker.store), "it is well")
    wait_until(lambda: not waits(worker.store), "all is received")

    assert crm.most_at_once <= MOST_WINDOW
    arrived, ids = defaultdict(list), defaultdict(set)
    for headers, body in crm.posts:
        event = orjson.loads(body)
        arrived[event["contact"]["wa_id"]].append(event["data"]["text"])
        ids[event["contact"]["wa_id"], event["data"]["text"]].add(headers["webhook-id"])
    assert {one: list(dict.fromkeys(texts)) for one, texts in arrived.items()} == dict.fromkeys(
        PEOPLE, TEXTS
    )
    assert all(texts == sorted(texts, key=TEXTS.index) for texts in arrived.values())
    assert {len(one) for one in ids.values()} == {1}
    delivered, dead = (counted(worker.store, f"forwards.{how}") for how in ("delivered", "dead"))
    assert (delivered, dead) == (len(PEOPLE) * len(TEXTS), 0)
