"""The registry of templates: fetched whole, told news, and never left half done."""

from datetime import timedelta
from typing import Any

import pytest

from gateway.core.templates.news import TemplateNews
from gateway.core.templates.sync_schedule import RegistryState
from gateway.core.templates.template import MetaTemplate
from gateway.store import keys
from gateway.store.redis.client import ScriptError, Store
from gateway.store.templates.registry import TemplateRegistry
from gateway.store.templates.sync import sync_templates
from tests.support.store.raw import raw
from tests.support.templates import WABA, MetaList, a_row

pytestmark = pytest.mark.store
PREFIX = keys.templates(WABA)


def a_registry(store: Store, *rows: dict[str, Any]) -> TemplateRegistry:
    registry = TemplateRegistry(store, WABA)
    if rows:
        assert sync_templates(registry, MetaList(list(rows))).step == "fetched"
    return registry


def a_minute_later(store: Store) -> None:
    """Let the latest fetch be a minute old."""
    for field in ("tried_at", "began", "fetched_at"):
        if at := raw(store).hget(f"{PREFIX}state", field):
            raw(store).hset(f"{PREFIX}state", field, int(at) - 61_000)


def state_of(registry: TemplateRegistry) -> RegistryState:
    return registry.read_state()[0]


def read(registry: TemplateRegistry, key: str = "order_sent en_US") -> MetaTemplate | None:
    found = registry.read([key], state_of(registry))
    return found[0] if found else None


def news(registry: TemplateRegistry, word: str, *, after_s: int = 0, **more: Any) -> TemplateNews:
    at = registry.read_state()[1] + timedelta(seconds=after_s)
    fields: dict[str, Any] = {"fact": "status", "value": word, "at": at} | more
    return TemplateNews("order_sent", "en_US", **fields)


def test_a_list_in_pages_is_read_back_as_it_was(store: Store) -> None:
    pages = [[a_row(f"t{page}_{i}") for i in range(3)] for page in range(4)]
    registry = TemplateRegistry(store, WABA)

    found = sync_templates(registry, MetaList(*pages))

    assert (found.step, found.state.count, found.state.is_filled) == ("fetched", 12, True)
    assert len(registry.read_words()) == 12
    template = read(registry, "t3_2 en_US")
    assert template
    assert template.components == tuple(a_row()["components"])
    assert template.seen_at == found.state.fetched_at


def test_an_error_half_way_keeps_the_old_list_and_is_shown(store: Store) -> None:
    registry = a_registry(store, a_row())
    before = state_of(registry)
    a_minute_later(store)

    found = sync_templates(registry, MetaList([a_row("new")], error="Meta is down."))

    assert (found.step, found.error) == ("failed", "Meta is down.")
    assert registry.read_words() == {"order_sent en_US": "APPROVED"}
    assert (found.state.error, found.state.version) == ("Meta is down.", before.version)


def test_a_template_that_meta_has_no_more_is_gone(store: Store) -> None:
    registry = a_registry(store, a_row(), a_row("old"))
    a_minute_later(store)
    sync_templates(registry, MetaList([a_row()]))

    assert registry.read_words() == {"order_sent en_US": "APPROVED"}
    assert read(registry, "old en_US") is None


def test_an_empty_list_says_nothing_of_any_template(store: Store) -> None:
    registry = TemplateRegistry(store, WABA)
    found = sync_templates(registry, MetaList([]))

    assert (found.step, found.state.is_filled) == ("fetched", False)


def test_two_fetches_at_once_are_one(store: Store) -> None:
    registry, inner = TemplateRegistry(store, WABA), MetaList([a_row("other")])

    class Slow(MetaList):
        def pages(self, waba: str) -> Any:
            seen.append(sync_templates(registry, inner).step)
            yield from super().pages(waba)

    seen: list[str] = []
    sync_templates(registry, Slow([a_row()]))

    assert (seen, inner.asked) == (["running"], 0)
    assert registry.read_words() == {"order_sent en_US": "APPROVED"}


def test_who_waits_for_another_fetch_sees_what_it_found(store: Store) -> None:
    registry = TemplateRegistry(store, WABA)
    assert registry.begin_fetch("another", 60_000)

    def finish(_: float) -> None:
        registry.clear_staged()
        registry.replace("another", registry.read_state()[1], 0, [])

    found = sync_templates(registry, MetaList([a_row()]), wait_s=5, sleep=finish)

    assert found.step == "fetched"
    assert found.state.fetched_at is not None


def test_a_second_fetch_within_a_minute_asks_meta_nothing(store: Store) -> None:
    registry, again = a_registry(store, a_row()), MetaList([a_row("new")])

    assert sync_templates(registry, again).step == "too_soon"
    assert again.asked == 0


def test_a_fetch_that_another_process_took_over_changes_nothing(store: Store) -> None:
    registry = TemplateRegistry(store, WABA)

    class TakenOver(MetaList):
        def pages(self, waba: str) -> Any:
            yield from super().pages(waba)
            raw(store).set(f"{PREFIX}fetching", "another")

    assert sync_templates(registry, TakenOver([a_row()])).step == "running"
    assert registry.read_words() == {}
    assert raw(store).get(f"{PREFIX}fetching") == b"another"


def test_news_change_a_template_until_the_next_list(store: Store) -> None:
    registry = a_registry(store, a_row())
    version = state_of(registry).version

    assert registry.note_news(news(registry, "PAUSED"))
    paused = read(registry)
    assert paused
    assert (paused.status, paused.source, paused.category) == ("PAUSED", "webhook", "UTILITY")
    assert registry.read_stopped() == {"order_sent en_US": None}
    assert state_of(registry).version == version + 1

    a_minute_later(store)
    for field, value in raw(store).hgetall(f"{PREFIX}news").items():
        at, seen, rest = value.split(b"|", 2)
        raw(store).hset(f"{PREFIX}news", field, b"%d|%d|%s" % (int(at), int(seen) - 61_000, rest))
    sync_templates(registry, MetaList([a_row()]))
    template = read(registry)
    assert template
    assert (template.status, registry.read_stopped()) == ("APPROVED", {})


def test_news_that_come_while_the_list_is_fetched_are_newer(store: Store) -> None:
    registry = TemplateRegistry(store, WABA)

    class Paused(MetaList):
        def pages(self, waba: str) -> Any:
            yield from super().pages(waba)
            registry.note_news(news(registry, "PAUSED"))

    sync_templates(registry, Paused([a_row()]))

    template = read(registry)
    assert template
    assert template.status == "PAUSED"
    assert registry.read_stopped() == {"order_sent en_US": None}
    assert registry.read_words() == {"order_sent en_US": "PAUSED"}


def test_older_news_change_nothing_and_the_same_twice_does_no_harm(store: Store) -> None:
    registry = a_registry(store, a_row())

    assert registry.note_news(news(registry, "REINSTATED", after_s=5))
    assert not registry.note_news(news(registry, "PAUSED"))
    assert not registry.note_news(news(registry, "PAUSED", after_s=-120))
    again = news(registry, "FLAGGED", after_s=9)
    assert registry.note_news(again)
    assert registry.note_news(again)

    template = read(registry)
    assert template
    assert (template.status, registry.read_stopped()) == ("FLAGGED", {})


def test_a_stop_that_only_a_refusal_told_ends_by_itself(store: Store) -> None:
    registry = TemplateRegistry(store, WABA)
    refused = news(registry, "PAUSED", source="refusal")
    registry.note_news(refused, lasts=timedelta(hours=1))
    now = registry.read_state()[1]

    (till,) = registry.read_stopped().values()
    assert till
    assert timedelta(minutes=59) < till - now <= timedelta(hours=1)
    template = read(registry)
    assert template
    assert (template.components, template.status) == (None, "PAUSED")


def test_news_have_bounded_room(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.store.templates.registry.MOST_NEWS", 1)
    registry = TemplateRegistry(store, WABA)

    assert registry.note_news(news(registry, "PAUSED"))
    assert not registry.note_news(news(registry, "RED", fact="quality"))


def test_a_damaged_row_costs_that_template_only(store: Store) -> None:
    registry = a_registry(store, a_row(), a_row("other"))
    raw(store).hset(f"{PREFIX}rows", "other en_US", b"\xff{")
    raw(store).hset(f"{PREFIX}news", "status order_sent en_US", b"odd")

    found = registry.read(["order_sent en_US", "other en_US"], state_of(registry))

    assert [one.name for one in found] == ["order_sent"]


def test_damaged_values_of_the_list_are_unknown_ones(store: Store) -> None:
    registry = a_registry(store)
    damaged = {"version": "x", "count": "-", "fetched_at": "9" * 30, "tried_at": "soon"}
    raw(store).hset(f"{registry.prefix}state", mapping=damaged)
    raw(store).hset(f"{registry.prefix}stopped", mapping={"one en": "x", "two en": "0"})

    assert registry.read_state()[0] == RegistryState()
    assert registry.read_stopped() == {"two en": None}


def test_a_list_that_is_wanted_is_noted(store: Store) -> None:
    registry = a_registry(store, a_row())
    registry.want()
    state = state_of(registry)

    assert state.wanted_at
    assert state.fetched_at
    assert state.wanted_at >= state.fetched_at


def test_a_webhook_of_the_same_moment_counts_after_a_refusal(store: Store) -> None:
    registry = a_registry(store, a_row())

    registry.note_news(news(registry, "PAUSED", source="refusal"), lasts=timedelta(hours=1))
    assert registry.note_news(news(registry, "REINSTATED", after_s=-30))
    assert registry.read_stopped() == {}

    registry.note_news(news(registry, "PAUSED", source="refusal"), lasts=timedelta(hours=1))
    assert len(registry.read_stopped()) == 1


def test_a_page_that_cannot_be_stored_ends_the_fetch_and_the_old_list_stays(store: Store) -> None:
    registry = a_registry(store, a_row())
    a_minute_later(store)

    class Broken(MetaList):
        def pages(self, waba: str) -> Any:
            raw(store).set(f"{PREFIX}incoming:rows", "damaged")
            yield from super().pages(waba)

    with pytest.raises(ScriptError):
        sync_templates(registry, Broken([a_row("new")]))

    assert registry.read_words() == {"order_sent en_US": "APPROVED"}
    assert not raw(store).exists(f"{PREFIX}fetching")


def test_a_list_of_which_a_part_was_lost_is_not_put_in_force(store: Store) -> None:
    registry = a_registry(store, a_row())
    a_minute_later(store)

    class Lost(MetaList):
        def pages(self, waba: str) -> Any:
            yield from super().pages(waba)
            raw(store).delete(f"{PREFIX}incoming:rows")

    assert sync_templates(registry, Lost([a_row("new")])).step == "running"
    assert registry.read_words() == {"order_sent en_US": "APPROVED"}


@pytest.mark.parametrize("late", [["PAUSED", "REINSTATED"], ["REINSTATED", "PAUSED"]])
def test_of_two_statuses_of_one_second_the_one_counts_with_which_it_is_sent(
    store: Store, late: list[str]
) -> None:
    registry = a_registry(store, a_row())
    at = registry.read_state()[1]

    for word in [*late, late[0]]:
        registry.note_news(TemplateNews("order_sent", "en_US", "status", word, at))

    # The first came once more, since its worker died before the commit.
    template = read(registry)
    assert template
    assert (template.status, registry.read_stopped()) == ("REINSTATED", {})
