"""The Meta-shaped address: a request waits for its attempt, is taken back, joined, refused."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from gateway.core.sending.outcome import Attempt, Outcome, Step
from gateway.store.api.waiting.send_results import SendResults
from gateway.store.redis.client import Store
from tests.support.factories import NUMBER
from tests.support.servers import Server
from tests.support.store.compacted_sends import compact
from tests.support.store.raw import raw
from tests.support.store.sends import PREFIX, a_send, lanes, tell
from tests.support.web.web_app import Web, a_web

pytestmark = [pytest.mark.store, pytest.mark.anyio]
GIVEN = "a-key-of-the-environment"
PATH = f"/v23.0/{NUMBER}/messages"
HELLO = {
    "messaging_product": "whatsapp", "to": "351912345678", "type": "text", "text": {"body": "Hi"},
}  # fmt: skip


@asynccontextmanager
async def cloud(url: str, wait: str = "4s") -> AsyncIterator[Web]:
    env = {"GATEWAY_API_KEYS": GIVEN, "GATEWAY_CLOUD_API_WAIT": wait}
    async with a_web(url, lambda: None, **env) as web:
        web.api.headers.update({"authorization": f"Bearer {GIVEN}"})
        yield web


async def take(store: Store, count: int = 1) -> list[Attempt]:
    """Take what is ready, as a worker does, once there is so much."""
    taken: list[Attempt] = []
    async with asyncio.timeout(60):
        while len(taken) < count:
            taken += (await asyncio.to_thread(lanes(store).pump, [], 1_000)).attempts
            await asyncio.sleep(0.005)
    return taken


async def settle(store: Store, attempt: Attempt, step: Step, **others: Any) -> None:
    outcome = Outcome(attempt.send, attempt.ordinal, step, **others)
    await asyncio.to_thread(lanes(store).pump, [outcome], 0)


async def accept(store: Store, wamid: str = "wamid.real") -> Attempt:
    (attempt,) = await take(store)
    await settle(store, attempt, "accepted", wamid=wamid)
    return attempt


def post(web: Web, body: dict[str, Any] = HELLO, **headers: str) -> "asyncio.Task[httpx.Response]":
    return asyncio.create_task(web.api.post(PATH, json=body, headers=headers))


def code(answer: httpx.Response) -> tuple[int, int]:
    """Return the HTTP status and Meta's code of an error."""
    return answer.status_code, answer.json()["error"]["code"]


async def until_waiting(store: Store, count: int) -> None:
    """Wait until so many sends are ready to be taken."""
    async with asyncio.timeout(60):
        while raw(store).zcard(f"{PREFIX}ready:notice") < count:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)


async def test_the_answer_is_metas_with_the_real_wamid(server: Server, store: Store) -> None:
    async with cloud(server.url) as web:
        asked = post(web)
        attempt = await accept(store)
        answer = await asked

    assert answer.status_code == 200
    assert answer.json() == {
        "messaging_product": "whatsapp",
        "contacts": [{"input": "351912345678", "wa_id": "351912345678"}],
        "messages": [{"id": "wamid.real"}],
    }
    assert answer.headers["gateway-message-id"] == attempt.send


async def test_a_request_is_woken_and_does_not_poll(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.api.waiting.send_results.LOOK_EVERY_S", 3_600)
    async with cloud(server.url, wait="1h") as web:
        asked = post(web)
        await accept(store)
        assert (await asyncio.wait_for(asked, 90)).status_code == 200


async def test_a_lost_wake_up_costs_no_more_than_the_next_look(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.api.waiting.send_results.LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(SendResults, "_wake", lambda *_: None)
    async with cloud(server.url, wait="1h") as web:
        asked = post(web)
        await accept(store)
        assert (await asyncio.wait_for(asked, 90)).status_code == 200


async def test_what_was_not_attempted_in_time_is_taken_back(server: Server, store: Store) -> None:
    async with cloud(server.url, wait="0s") as web:
        answer = await post(web)
        again = await post(web)

    assert code(answer) == (400, 130429)
    assert answer.headers["retry-after"] == "1"
    assert (await asyncio.to_thread(lanes(store).pump, [], 1_000)).attempts == []
    assert again.headers["gateway-message-id"] != answer.headers["gateway-message-id"]


async def test_one_in_flight_at_the_end_of_the_wait_is_waited_for(
    server: Server, store: Store
) -> None:
    async with cloud(server.url, wait="1h") as web:
        asked = post(web)
        (attempt,) = await take(store)
        web.app.state.answer_all()
        await settle(store, attempt, "accepted", wamid="wamid.late")
        assert (await asked).json()["messages"] == [{"id": "wamid.late"}]


async def test_an_unknown_outcome_is_said_and_the_same_body_joins_it(
    server: Server, store: Store
) -> None:
    async with cloud(server.url, wait="1h") as web:
        asked = post(web)
        (attempt,) = await take(store)
        web.app.state.answer_all()
        answer = await asked
        again = post(web)
        await settle(store, attempt, "accepted", wamid="wamid.real")
        second = await again

    assert code(answer) == (500, 131000)
    assert answer.headers["gateway-message-id"] == attempt.send
    assert second.json()["messages"] == [{"id": "wamid.real"}]
    assert (await asyncio.to_thread(lanes(store).pump, [], 1_000)).attempts == []


async def test_a_doubt_that_a_status_ends_in_time_gives_the_wamid(
    server: Server, store: Store
) -> None:
    async with cloud(server.url, wait="1m") as web:
        asked = post(web)
        (attempt,) = await take(store)
        await settle(store, attempt, "unconfirmed", wait_ms=9_999_999_999_999)
        send = a_send(attempt.send, attempt.contact.key)
        await asyncio.to_thread(tell, store, "sent", send, "wamid.told")
        assert (await asyncio.wait_for(asked, 90)).json()["messages"] == [{"id": "wamid.told"}]


async def test_the_same_text_again_is_another_message_once_the_first_was_answered(
    server: Server, store: Store
) -> None:
    async with cloud(server.url) as web:
        for wamid in ("wamid.first", "wamid.second"):
            asked = post(web)
            await accept(store, wamid)
            assert (await asked).json()["messages"] == [{"id": wamid}]


async def test_equal_requests_at_once_are_one(server: Server, store: Store) -> None:
    async with cloud(server.url) as web:
        asked = [post(web) for _ in range(5)]
        await accept(store)
        answers = await asyncio.gather(*asked)

    assert {one.text for one in answers} == {answers[0].text}
    assert (await asyncio.to_thread(lanes(store).pump, [], 1_000)).attempts == []


async def test_metas_refusal_is_passed_on(server: Server, store: Store) -> None:
    error = {"code": 131009, "reason": "Correct the value.", "details": "Too odd (fbtrace_id AxY)"}
    async with cloud(server.url) as web:
        asked = post(web)
        (attempt,) = await take(store)
        await settle(store, attempt, "dead", error_json=json.dumps(error))
        told = (await asked).json()["error"]

    assert told == {
        "message": "(#131009) Correct the value.", "type": "OAuthException", "code": 131009,
        "error_data": {"messaging_product": "whatsapp", "details": "Too odd"}, "fbtrace_id": "AxY",
    }  # fmt: skip


async def test_one_that_meta_refused_for_now_is_taken_back_with_metas_reason(
    server: Server, store: Store
) -> None:
    error = {"code": 131056, "reason": "Write more slowly.", "details": "Pair rate"}
    async with cloud(server.url, wait="1h") as web:
        asked = post(web)
        (attempt,) = await take(store)
        await settle(store, attempt, "later", wait_ms=30_000, error_json=json.dumps(error))
        web.app.state.answer_all()
        answer = await asked

    assert code(answer) == (400, 131056)
    assert raw(store).hget(f"{PREFIX}send:{attempt.send}", "stage") == b"cancelled"


async def test_one_that_would_wait_for_its_template_is_taken_back_at_once(
    server: Server, store: Store
) -> None:
    error = {"code": 132015, "reason": "Improve the template.", "details": ""}
    async with cloud(server.url, wait="1h") as web:
        asked = post(web)
        (attempt,) = await take(store)
        await settle(store, attempt, "parked", error_json=json.dumps(error))
        answer = await asyncio.wait_for(asked, 90)

    assert code(answer) == (400, 132015)
    assert raw(store).hget(f"{PREFIX}send:{attempt.send}", "stage") == b"cancelled"


async def test_a_token_that_meta_refuses_is_no_error_of_the_clients_key(
    server: Server, store: Store
) -> None:
    error = {"code": 190, "reason": "Renew the access token.", "details": ""}
    async with cloud(server.url, wait="1h") as web:
        asked = post(web)
        (attempt,) = await take(store)
        await settle(store, attempt, "paused", wait_ms=30_000, error_json=json.dumps(error))
        web.app.state.answer_all()
        assert code(await asked) == (500, 131016)


@pytest.mark.parametrize("typing", [{}, {"typing_indicator": {"type": "text"}}])
async def test_a_mark_is_repeatable_and_answered_with_success(
    server: Server, store: Store, typing: dict[str, Any]
) -> None:
    mark = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.in", **typing}
    async with cloud(server.url) as web:
        asked = post(web, mark)
        attempt = await accept(store, wamid="")
        answer = await asked

    assert answer.json() == {"success": True}
    assert (attempt.body, attempt.repeatable) == (mark, True)


async def test_an_idempotency_key_gives_the_same_message_also_later(
    server: Server, store: Store
) -> None:
    key = {"idempotency-key": "order-17"}
    async with cloud(server.url) as web:
        asked = post(web, HELLO, **key)
        await accept(store)
        first, again = await asked, await post(web, HELLO, **key)
        await asyncio.to_thread(compact, store)
        compacted = await post(web, HELLO, **key)
        other = await post(web, HELLO | {"text": {"body": "Bye"}}, **key)

    assert again.json() == compacted.json() == first.json()
    assert code(other) == (400, 100)


async def test_those_that_wait_are_answered_at_the_end_of_the_process(
    server: Server, store: Store
) -> None:
    async with cloud(server.url, wait="1h") as web:
        taken = post(web)
        (attempt,) = await take(store)
        waiting = [post(web, HELLO | {"to": f"35191234567{i}"}) for i in range(5)]
        await until_waiting(store, 5)
        web.app.state.answer_all()
        await settle(store, attempt, "accepted", wamid="wamid.real")
        answers = await asyncio.wait_for(asyncio.gather(taken, *waiting), 90)

    assert [one.status_code for one in answers] == [200] + [400] * 5
