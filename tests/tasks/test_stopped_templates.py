"""A template that Meta stops while sends of it wait: none is lost, and none goes twice."""

import itertools
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.messages import template, with_recipient
from gateway.core.sending.send import REPLY
from gateway.store import number_list
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.templates.cache import TemplateCache
from gateway.store.templates.registry import TemplateRegistry
from gateway.store.templates.sync import sync_templates
from tasks import inbound, outbound
from tasks.context import WorkerContext
from tasks.scheduled import jobs
from tasks.scheduled.templates import resume_templates
from tests.support.factories import NUMBER
from tests.support.store.sends import PREFIX, a_send, dead_members, queue
from tests.support.tasks.deaths import deaths_of
from tests.support.tasks.fake_graph import Meta, Reply
from tests.support.tasks.worker_state import keep, raw
from tests.support.templates import MetaList, a_row
from tests.tasks.test_templates import a_webhook

pytestmark = pytest.mark.store
TEMPLATE = "order_sent en_US"
LATE = 1_900_000_000  # a moment of Meta's that is after that of every list here


@pytest.fixture
def sender(sender: WorkerContext, meta: Meta, monkeypatch: pytest.MonkeyPatch) -> WorkerContext:
    """Hold what a worker holds, with Meta there, and look at the registry each time."""
    seconds = itertools.count(0, 10)
    monkeypatch.setattr(sender, "templates", TemplateCache(sender.store, lambda: next(seconds)))
    meta.answer = Templates().answer
    number_list.add_number(sender.store, NUMBER)
    return sender


class Templates:
    """Meta's answers to templates: those that it has stopped are refused."""

    def __init__(self) -> None:
        self.code = 0

    def answer(self, body: Any) -> Reply:
        if self.code and body["type"] == "template":
            return 400, {"error": {"code": self.code, "message": "refused"}}
        return 200, {"messages": [{"id": f"wamid.{body['to']}"}]}


def stop_at_meta(meta: Meta, code: int) -> None:
    meta.answer.__self__.code = code  # type: ignore[attr-defined]


def owe(store: Store, *people: str) -> None:
    """Let a template be owed to some people."""
    for person in people:
        body = with_recipient(template("order_sent", "en_US"), Contact(person, wa_id=person))
        queue(store, a_send(person, person, body=body))


def told(sender: WorkerContext, event: str, at: int) -> None:
    keep(sender.store, a_webhook(event, LATE + at))
    inbound.drain()


def pump_and_tick(sender: WorkerContext) -> None:
    outbound.pump(NUMBER, REPLY)
    raw(sender.store).delete("gw:ticked")
    jobs.run_tick(sender)
    outbound.pump(NUMBER, REPLY)


def stages(store: Store) -> list[str]:
    names = sorted(raw(store).keys(f"{PREFIX}send:*"))
    return [raw(store).hget(name, "stage").decode() for name in names]


def test_sends_wait_from_the_webhook_on_and_each_goes_once_it_is_reinstated(
    sender: WorkerContext, meta: Meta
) -> None:
    owe(sender.store, "351900000001")
    pump_and_tick(sender)
    told(sender, "PAUSED", 0)
    owe(sender.store, "351900000002", "351900000003")
    pump_and_tick(sender)
    during = [one["to"] for one in meta.posted]

    assert during == ["+351900000001"]
    assert stages(sender.store) == ["accepted", "parked", "parked"]

    told(sender, "REINSTATED", 60)
    pump_and_tick(sender)

    assert sorted(one["to"] for one in meta.posted) == [f"+35190000000{i}" for i in (1, 2, 3)]
    assert stages(sender.store) == ["accepted"] * 3


@pytest.mark.parametrize("code", [132015, 132016])
def test_a_refusal_of_meta_tells_it_to_all_and_the_send_waits_too(
    sender: WorkerContext, meta: Meta, code: int
) -> None:
    stop_at_meta(meta, code)
    owe(sender.store, "351900000001")
    outbound.pump(NUMBER, REPLY)
    owe(sender.store, "351900000002")
    pump_and_tick(sender)

    assert len(meta.posted) == 1
    assert stages(sender.store) == ["parked", "parked"]
    assert dead_members(sender.store) == []

    stop_at_meta(meta, 0)
    told(sender, "REINSTATED", 0)
    pump_and_tick(sender)

    assert stages(sender.store) == ["accepted", "accepted"]
    assert len(meta.posted) == 3


def test_a_worker_that_dies_before_it_notes_the_refusal_loses_nothing(
    sender: WorkerContext, meta: Meta, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at_meta(meta, 132015)
    monkeypatch.setattr(TemplateRegistry, "note_news", _fail)
    owe(sender.store, "351900000001")
    outbound.pump(NUMBER, REPLY)

    assert stages(sender.store) == ["parked"]  # the next tick lets it go on, and Meta decides
    stop_at_meta(meta, 0)
    pump_and_tick(sender)
    assert stages(sender.store) == ["accepted"]


def test_a_list_that_has_it_again_lets_sends_go_on_without_a_webhook(
    sender: WorkerContext, meta: Meta
) -> None:
    told(sender, "PAUSED", 0)
    owe(sender.store, "351900000001")
    pump_and_tick(sender)
    assert stages(sender.store) == ["parked"]
    registry = TemplateRegistry(sender.store, "")
    for field in raw(sender.store).hkeys(f"{registry.prefix}news"):
        raw(sender.store).hset(f"{registry.prefix}news", field, '1|1|{"value":"PAUSED"}')

    sync_templates(registry, MetaList([a_row()]))
    pump_and_tick(sender)

    assert stages(sender.store) == ["accepted"]


def test_a_text_goes_on_while_a_template_waits(sender: WorkerContext, meta: Meta) -> None:
    told(sender, "PAUSED", 0)
    owe(sender.store, "351900000001")
    body = {"messaging_product": "whatsapp", "to": "+351900000001", "status": "read"}
    queue(sender.store, a_send("tick", "351900000001", body=body, repeatable=True))

    pump_and_tick(sender)

    assert [one.get("status") for one in meta.posted] == ["read"]


def _fail(*_: Any, **__: Any) -> Any:
    raise StoreUnavailableError("gone")


def test_damaged_keys_of_one_template_stop_neither_others_nor_other_work(
    sender: WorkerContext, meta: Meta
) -> None:
    told(sender, "PAUSED", 0)
    owe(sender.store, "351900000001")
    pump_and_tick(sender)
    raw(sender.store).sadd(f"{PREFIX}templates", "broken en")
    raw(sender.store).set(f"{PREFIX}template:broken en", "damaged")

    told(sender, "REINSTATED", 60)
    pump_and_tick(sender)

    assert stages(sender.store) == ["accepted"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_death_at_any_call_of_the_tick_lets_each_send_go_on_once(
    sender: WorkerContext, meta: Meta, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    deaths = deaths_of(monkeypatch)
    people = ["351900000001", "351900000002"]
    deaths.after, calls = after, 0
    while deaths.left < 0:
        sender.store.redis.flushdb()
        meta.posted.clear()
        number_list.add_number(sender.store, NUMBER)
        told(sender, "PAUSED", 0)
        owe(sender.store, *people)
        outbound.pump(NUMBER, REPLY)
        assert stages(sender.store) == ["parked"] * 2, calls
        told(sender, "REINSTATED", 60)
        deaths.left = calls
        for _ in range(2):
            deaths.insist(lambda: resume_templates(sender, NUMBER, [TEMPLATE]))
        outbound.pump(NUMBER, REPLY)
        assert sorted(one["to"] for one in meta.posted) == [f"+{one}" for one in people], calls
        assert stages(sender.store) == ["accepted"] * 2, calls
        calls += 1
    assert calls > 2
