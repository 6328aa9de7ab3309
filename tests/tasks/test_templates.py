"""Templates in workers: told of by webhooks, and fetched when that is due."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.core.events import Delivery, Notice
from gateway.core.webhook.parser import split
from gateway.store import keys
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.templates import sync
from gateway.store.templates.registry import TemplateRegistry
from gateway.store.templates.sync import sync_templates
from tasks import inbound
from tasks.context import WorkerContext
from tasks.outgoing import templates
from tasks.receiving import template_news
from tests.support.factories import NOW
from tests.support.tasks.worker_state import Echo, keep, raw, take_effect, waiting
from tests.support.templates import MetaList, a_row

pytestmark = pytest.mark.store


def a_webhook(event: str, at: int = 1_795_348_050, waba: str = "102290129340398") -> bytes:
    value = {
        "event": event,
        "message_template_name": "order_sent",
        "message_template_language": "en-US",
        "reason": "NONE",
    }
    change = {"field": "message_template_status_update", "value": value}
    entry = {"id": waba, "time": at, "changes": [change]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def status_of(store: Store, waba: str = "") -> str:
    registry = TemplateRegistry(store, waba)
    return registry.read_words().get("order_sent en_US", "")


def test_a_webhook_changes_the_template_of_its_account(
    at_work: WorkerContext, store: Store
) -> None:
    keep(store, a_webhook("PAUSED"), a_webhook("REINSTATED", 1_795_348_060))
    inbound.drain()

    assert status_of(store) == "REINSTATED"
    assert waiting(at_work) == 0


def test_a_worker_that_dies_before_the_commit_loses_no_news(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(store, a_webhook("PAUSED"))

    def die(*_: Any) -> Any:
        raise StoreUnavailableError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(inbound, "_commit", die)
        with pytest.raises(StoreUnavailableError):
            take_effect(at_work, Echo())
    assert waiting(at_work) == 1
    registry = TemplateRegistry(store, "")
    version = registry.read_state()[0].version

    take_effect(at_work, Echo())

    assert (status_of(store), waiting(at_work)) == ("PAUSED", 0)
    assert registry.read_state()[0].version <= version + 1


def test_a_worker_that_dies_before_the_registry_is_written_commits_nothing(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(store, a_webhook("PAUSED"))

    def die(*_: Any) -> Any:
        raise StoreUnavailableError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(TemplateRegistry, "note_news", die)
        with pytest.raises(StoreUnavailableError):
            take_effect(at_work, Echo())
    assert (status_of(store), waiting(at_work)) == ("", 1)

    take_effect(at_work, Echo())

    assert (status_of(store), waiting(at_work)) == ("PAUSED", 0)


def test_a_registry_with_damaged_keys_stops_no_delivery(
    at_work: WorkerContext, store: Store
) -> None:
    raw(store).set(f"{keys.templates('')}news", "damaged")
    keep(store, a_webhook("PAUSED"))

    take_effect(at_work, Echo())

    assert waiting(at_work) == 0


class Fake:
    """Meta's client, by account."""

    lists: dict[str, MetaList]

    def __init__(self, *_: Any) -> None:
        self.closed = False

    def pages(self, waba: str) -> Iterator[list[dict[str, Any]]]:
        return self.lists[waba].pages(waba)

    def close(self) -> None:
        self.closed = True


def test_a_list_is_fetched_once_and_an_error_delays_no_other_account(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = {"1": MetaList(error="Meta is down."), "2": MetaList([a_row()])}
    accounts = at_work.accounts.current()
    credentials = next(iter(accounts)).numbers[0].credentials
    monkeypatch.setattr(Fake, "lists", lists, raising=False)
    monkeypatch.setattr(sync, "TemplateClient", Fake)
    monkeypatch.setattr(
        type(accounts), "credentials_by_waba", lambda _: dict.fromkeys(lists, credentials)
    )

    templates.fetch_due_lists(at_work)
    templates.fetch_due_lists(at_work)

    assert [one.asked for one in lists.values()] == [1, 1]
    assert TemplateRegistry(store, "1").read_state()[0].error == "Meta is down."
    assert status_of(store, "2") == "APPROVED"


def test_news_of_a_foreign_account_change_nothing(at_work: WorkerContext, store: Store) -> None:
    sync_templates(TemplateRegistry(store, ""), MetaList([a_row()]))
    (event,) = _events(a_webhook("PAUSED"))

    template_news.apply_news_of(at_work, "another", event)

    assert status_of(store) == "APPROVED"


def _events(body: bytes) -> list[Notice]:
    return [one for one in split(Delivery("0:1-0", NOW, body)) if isinstance(one, Notice)]


def test_a_list_that_was_not_renewed_for_days_is_an_alert(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = at_work.accounts.current()
    credentials = next(iter(accounts)).numbers[0].credentials
    monkeypatch.setattr(Fake, "lists", {"1": MetaList(error="Meta is down.")}, raising=False)
    monkeypatch.setattr(sync, "TemplateClient", Fake)
    monkeypatch.setattr(type(accounts), "credentials_by_waba", lambda _: {"1": credentials})
    raw(store).hset(f"{keys.templates('1')}state", mapping={"fetched_at": 1_000, "count": 1})

    templates.fetch_due_lists(at_work)

    assert b"templates_old" in b" ".join(raw(store).hgetall(keys.NOTED).values())


def test_an_approval_asks_for_another_list_and_a_pause_does_not(
    at_work: WorkerContext, store: Store
) -> None:
    registry = TemplateRegistry(store, "")
    keep(store, a_webhook("PAUSED"))
    take_effect(at_work, Echo())
    before = registry.read_state()[0].wanted_at
    keep(store, a_webhook("APPROVED", 1_795_348_060))
    take_effect(at_work, Echo())

    assert before is None
    assert registry.read_state()[0].wanted_at is not None


def test_a_task_leaves_what_is_left_after_its_time_to_the_next(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = {"1": MetaList([a_row()])}
    accounts = at_work.accounts.current()
    credentials = next(iter(accounts)).numbers[0].credentials
    monkeypatch.setattr(Fake, "lists", lists, raising=False)
    monkeypatch.setattr(sync, "TemplateClient", Fake)
    monkeypatch.setattr(type(accounts), "credentials_by_waba", lambda _: {"1": credentials})
    monkeypatch.setattr(templates, "SLICE_S", -1.0)

    templates.fetch_due_lists(at_work)

    assert lists["1"].asked == 0


def test_a_webhook_of_a_whatsapp_account_that_is_not_ours_makes_no_registry(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = at_work.accounts.current()
    owner = next(iter(accounts))
    known = replace(owner, wabas=("77",))
    monkeypatch.setattr(type(accounts), "owner_of_waba", lambda *_: known)
    (event,) = _events(a_webhook("PAUSED"))

    template_news.apply_news_of(at_work, owner.name, event)
    template_news.apply_news_of(at_work, owner.name, replace(event, waba="77"))

    assert [status_of(store, waba) for waba in ("", event.waba, "77")] == ["", "", "PAUSED"]
