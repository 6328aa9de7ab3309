"""What orchestrators and Prometheus are told."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.core.sending import canary
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.inbox.inbox import Inbox
from gateway.store.monitoring.canary import record_arrival
from gateway.store.number_list import add_number, increment_counter
from gateway.store.planning import rulebooks
from gateway.store.planning.planning_stop import stop_rules
from gateway.store.planning.rulebooks import InForce
from gateway.store.redis.client import Store
from gateway.store.sending import pauses
from tests.support.factories import NUMBER
from tests.support.servers import Server
from tests.support.store.inbox_state import late
from tests.support.web.web_app import Web, a_web, nowhere

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def careless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as it comes: nothing on disk, and what waits may be evicted."""
    options = {"appendonly": "no", "maxmemory": "64mb", "maxmemory-policy": "allkeys-lru"}
    running = Server(tmp_path_factory.mktemp("careless"), **options).start()
    yield running
    running.kill()


@pytest.fixture
async def web(server: Server, store: Store) -> AsyncIterator[Web]:
    async with a_web(server.url) as running:
        yield running


async def figures(web: Web) -> dict[tuple[str, str], float]:
    """Return every figure of /metrics by its name and label."""
    answer = await web.api.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, " ".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_a_process_is_up_whatever_the_store_does() -> None:
    async with a_web(nowhere()) as web:
        answer = await web.client.get("/healthz")

    assert (answer.status_code, answer.text) == (200, "ok")


@pytest.mark.store
async def test_whoever_asks_whether_it_is_ready_hears_what_is_held_and_paused(
    web: Web, store: Store
) -> None:
    add_number(store, NUMBER)
    pauses.hold(store, [NUMBER], "", "the shop burns")
    pauses.pause(store, [NUMBER], '{"code":190,"reason":"Renew the token."}', 0)

    answer = await web.api.get("/readyz")

    paused, held = answer.json()["warnings"]
    assert answer.status_code == 200
    assert paused.endswith("Renew the token. Sends wait, and go on by themselves.")
    assert "UTC: the shop burns." in held


@pytest.mark.store
async def test_whoever_asks_whether_it_is_ready_hears_of_broken_rules(
    web: Web, store: Store
) -> None:
    for process, problem in (("a:1", "r.yaml:4: wrong"), ("a:2", "r.yaml:4: wrong"), ("a:3", "")):
        rulebooks.report(store, process, InForce("v1", problem))

    answer = await web.api.get("/readyz")

    assert (answer.status_code, answer.json()["warnings"]) == (
        200,
        [
            "The rules as they are now cannot be used, so version v1 stays in force: "
            "r.yaml:4: wrong. Fix that line; gateway rules check tells all."
        ],
    )


@pytest.mark.store
async def test_a_process_is_ready_and_warns_while_the_rules_of_an_account_are_stopped(
    web: Web, store: Store
) -> None:
    stop_rules(store, "1.0/v1")

    answer = await web.api.get("/readyz")

    (warning,) = answer.json()["warnings"]
    assert answer.status_code == 200
    assert warning.startswith("Planning has stopped for the rules of some accounts")
    assert "(1.0/v1)" in warning


@pytest.mark.store
async def test_a_process_is_ready_while_the_store_keeps(web: Web) -> None:
    answer = await web.api.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "problems": [], "warnings": []}


async def test_a_store_that_is_away_is_a_problem_in_words() -> None:
    async with a_web(nowhere()) as web:
        answer = await web.api.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["problems"] == ["The store does not answer."]


@pytest.mark.store
async def test_a_full_store_is_a_problem_in_words(server: Server, store: Store) -> None:
    async with a_web(server.url, GATEWAY_STORE_BYTES="1") as web:
        answer = await web.api.get("/readyz")

    assert answer.status_code == 503
    (problem,) = answer.json()["problems"]
    assert problem.startswith("Redis has used more than 75 % of its memory limit, so deliveries")


@pytest.mark.store
async def test_a_store_that_refuses_to_write_is_a_problem_in_its_own_words(
    server: Server, store: Store
) -> None:
    store.redis.config_set("min-replicas-to-write", 1)
    try:
        async with a_web(server.url) as web:
            answer = await web.api.get("/readyz")
            delivered = await web.deliver()
    finally:
        store.redis.config_set("min-replicas-to-write", 0)

    assert (answer.status_code, delivered.status_code) == (503, 503)
    (told,) = answer.json()["problems"]
    assert told.startswith("Redis refuses to write, so deliveries are refused (NOREPLICAS")


@pytest.mark.store
async def test_a_store_of_another_layout_is_refused(web: Web, store: Store) -> None:
    store.redis.set(keys.LAYOUT_KEY, "0/4")

    answer = await web.api.get("/readyz")

    assert answer.json()["problems"] == ["The store has layout 0/4; this version needs 2/12."]
    assert (await web.deliver()).status_code == 503


@pytest.mark.store
async def test_a_careless_server_is_warned_about(careless: Server) -> None:
    async with a_web(careless.url) as web:
        answer = await web.api.get("/readyz")

    assert answer.status_code == 200
    lost, evicted = answer.json()["warnings"]
    assert "appendonly yes" in lost
    assert "noeviction" in evicted


@pytest.mark.store
async def test_figures_tell_what_was_kept_and_what_waits(web: Web, store: Store) -> None:
    for _ in range(3):
        await web.deliver()

    found = await figures(web)

    assert sorted(v for (name, _), v in found.items() if name == "gateway_deliveries_kept_total")[
        -2:
    ] == [0, 3]
    (place,) = (p for (name, p), v in found.items() if name == "gateway_deliveries_waiting" and v)
    assert found["gateway_deliveries_waiting", place] == 3
    assert 0 <= found["gateway_oldest_delivery_seconds", place] < 60
    assert found["gateway_deliveries_aside", place] == 0


@pytest.mark.store
async def test_figures_tell_what_was_set_aside(web: Web, store: Store) -> None:
    await web.deliver()
    with Inbox(store, Bodies()).lease() as held:
        held.close(late(held.next_batch().deliveries[0].id))

    found = await figures(web)

    aside = {name: v for (name, _), v in found.items() if v and name.startswith("gateway_deliv")}
    assert aside == {
        "gateway_deliveries_kept_total": 1,
        "gateway_deliveries_waiting": 1,
        "gateway_deliveries_aside": 1,
    }


@pytest.mark.store
async def test_figures_of_all_numbers_and_processes_are_added_up(web: Web, store: Store) -> None:
    for number in (NUMBER, "2"):
        add_number(store, number)
        increment_counter(store, keys.number(number), "events.message", 2)
        increment_counter(store, keys.number(number), "events.known", 1)
        increment_counter(store, keys.number(number), "sends.accepted", 5)
    for name in ("refused.signature_missing", "sweep.inbox", "workers.critical"):
        increment_counter(store, keys.SPACE, name)

    found = await figures(web)

    assert found["gateway_events_total", "message"] == 4
    assert found["gateway_events_total", "known"] == 2
    assert found["gateway_sends_total", "accepted"] == 10
    assert found["gateway_deliveries_refused_total", "signature_missing"] == 1
    assert found["gateway_sweep_rang_total", "inbox"] == 1
    assert found["gateway_workers_restarted_total", "critical"] == 1


@pytest.mark.store
async def test_figures_tell_what_waits_to_be_sent(web: Web, store: Store) -> None:
    add_number(store, NUMBER)
    now = int(store.redis.time()[0]) * 1000
    store.redis.zadd(f"{keys.number(NUMBER)}ready:reply", {"ana": now - 60_000, "bob": now})
    store.redis.zadd(f"{keys.number(NUMBER)}ready:notice", {"ana": now})
    store.redis.zadd(f"{keys.number(NUMBER)}dead", {"send:1": now})
    store.redis.zadd(f"{keys.number(NUMBER)}unconfirmed", {"2": now, "3": now})

    found = await figures(web)

    assert found["gateway_lanes_ready", "reply critical"] == 2
    assert found["gateway_lanes_ready", "notice critical"] == 1
    assert 59 <= found["gateway_oldest_lane_seconds", "reply critical"] <= 120
    assert found["gateway_lanes_ready", "bulk bulk"] == 0
    assert found["gateway_dead_letters", ""] == 1
    assert found["gateway_unconfirmed_sends", ""] == 2


@pytest.mark.store
async def test_figures_tell_of_the_canary_and_leave_its_number_out(web: Web, store: Store) -> None:
    add_number(store, canary.NUMBER)
    increment_counter(store, keys.number(canary.NUMBER), "sends.accepted", 5)
    before = await figures(web)
    record_arrival(store, int(store.redis.time()[0]) * 1000 - 30_000, timedelta(seconds=0.25))

    found = await figures(web)

    assert ("gateway_canary_seconds", "") not in before
    assert found["gateway_canary_seconds", ""] == 0.25
    assert 29 <= found["gateway_canary_age_seconds", ""] <= 90
    assert ("gateway_sends_total", "accepted") not in found
