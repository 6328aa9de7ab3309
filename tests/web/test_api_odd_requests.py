"""Odd requests to the API: refused with a reason, never sent by mistake."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from gateway.core.api.keys import hash_key
from gateway.store.api import request_rate
from gateway.store.api.pending_send import idempotency_of
from gateway.store.api.waiting.stage_watch import StageWatch
from gateway.store.redis import async_scripts
from gateway.store.redis.client import Store
from gateway.web.api.messages.routes import READ_AT_ONCE
from gateway.web.api.problems import MOST_ERRORS
from tests.support.accounts import CLINIC, SHOP, write_accounts
from tests.support.servers import Server
from tests.support.stack import MOST_ASKED
from tests.support.store.sends import PREFIX
from tests.web.test_api_messages import AUTH, GIVEN, HELLO, api, take

pytestmark = [pytest.mark.store, pytest.mark.anyio]
IMAGE = {"to": "351912345678", "type": "image", "image": {"id": "1"}}
NINES = "9" * 5_000  # more digits than Python makes a number of
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("depth", [1, 300, 900])
async def test_content_beside_that_of_the_type_is_refused(
    server: Server, store: Store, depth: int
) -> None:
    body = orjson.dumps(IMAGE)[:-1] + b',"text":' + b"[" * depth + b"]" * depth + b"}"
    async with api(server.url) as client:
        answer = await client.post("/v1/messages", content=body, headers=JSON)
        batch = b'{"messages":[' + body + b"]}"
        answers = await client.post("/v1/messages/batch", content=batch, headers=JSON)

    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == ["#/text"]
    assert answers.json()["results"][0]["problem"]["status"] == 422
    assert take(store) == []


async def test_a_text_of_spaces_is_refused(server: Server) -> None:
    async with api(server.url) as client:
        answer = await client.post("/v1/messages", json=HELLO | {"text": " \n "})

    assert answer.json()["errors"] == [{"pointer": "#/text", "detail": "is empty"}]


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("/v1/messages?dry_run=on", HELLO),
        ("/v1/messages?dry_run", HELLO),
        ("/v1/messages?dryrun=true", HELLO),
        ("/v1/messages/batch?dry_run=true", {"messages": [HELLO]}),
        ("/v1/messages/batch", {"messages": [HELLO], "dry_run": True}),
        ("/send-message?dry_run=true", {
            "phone_number": HELLO["to"], "message": {"type": "text", "text": {"body": "Hello"}}}),
    ],
)  # fmt: skip
async def test_a_dry_run_that_is_not_understood_sends_nothing(
    server: Server, store: Store, address: str, body: Any
) -> None:
    async with api(server.url) as client:
        answer = await client.post(address, json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] in ("#/dry_run", "#/dryrun")
    assert take(store) == []


async def test_a_batch_with_a_key_in_its_header_is_refused(server: Server, store: Store) -> None:
    async with api(server.url) as client:
        answer = await client.post(
            "/v1/messages/batch", json={"messages": [HELLO]}, headers={"idempotency-key": "one"}
        )

    assert answer.status_code == 400
    assert "key" in answer.json()["detail"]
    assert take(store) == []


@pytest.mark.parametrize(
    ("address", "status"),
    [
        (f"/v1/messages/x?wait={NINES}", 422),
        (f"/v1/dead-letters?limit=00000001{NINES}", 422),
        ("/v1/dead-letters?limit=00000000199999999999999999999", 422),
        (f"/v1/errors/{NINES}", 404),
        ("/v1/errors/x", 404),
    ],
)
async def test_a_number_with_too_many_digits_is_no_error_of_ours(
    server: Server, address: str, status: int
) -> None:
    async with api(server.url) as client:
        answer = await client.get(address)

    assert answer.status_code == status


async def test_an_answer_lists_a_bounded_number_of_errors(server: Server) -> None:
    template = {"name": "a", "language": "en", "params": [""] * 50_000}
    async with api(server.url) as client:
        fields = await client.post("/v1/messages", json={f"f{i}": 1 for i in range(20_000)})
        values = await client.post("/v1/messages", json={"to": HELLO["to"], "template": template})

    assert len(fields.content) < 10_000
    assert len(values.json()["errors"]) == MOST_ERRORS


async def test_other_requests_have_their_turn_while_a_batch_is_read(server: Server) -> None:
    async with api(server.url) as client:
        turns = 0

        async def take_turns() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        others = asyncio.create_task(take_turns())
        # Nothing of it is valid, so no write to the store gives anything else its turn.
        await client.post("/v1/messages/batch", json={"messages": [{"to": "x"}] * 1_000})
        others.cancel()

    assert turns > 1_000 / READ_AT_ONCE


async def test_a_message_that_is_over_is_not_waited_for(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[str] = []

    async def wait(_: StageWatch, number: str, send: str, stage: str, within_s: float) -> None:
        waited.append(stage)

    monkeypatch.setattr(StageWatch, "wait", wait)
    async with api(server.url) as client:
        sent = (await client.post("/v1/messages", json=HELLO)).json()["id"]
        await client.get(f"/v1/messages/{sent}?wait=20")
        await client.delete(f"/v1/messages/{sent}")
        answer = await client.get(f"/v1/messages/{sent}?wait=20")

    assert answer.json()["status"] == "cancelled"
    assert waited == ["queued"]


@pytest.mark.parametrize("keys", [[""], ["a", "b"], ["a" * 256], ["a b"]])
@pytest.mark.parametrize("address", ["/v1/messages", "/send-message"])
async def test_an_idempotency_key_that_cannot_be_one_is_refused(
    server: Server, store: Store, address: str, keys: list[str]
) -> None:
    content = {"type": "text", "text": {"body": "Hello"}}
    body = HELLO if address == "/v1/messages" else {"phone_number": "351912345678",
                                                    "message": content}  # fmt: skip
    async with api(server.url) as client:
        headers = [*AUTH.items(), *(("idempotency-key", key) for key in keys)]
        answer = await client.post(address, json=body, headers=headers)
        batch = {"messages": [HELLO | {"key": keys[0]}]}
        item = await client.post("/v1/messages/batch", json=batch)

    assert answer.status_code == 400
    assert len(keys) > 1 or item.json()["results"][0]["problem"]["status"] == 400
    assert len(take(store)) == (len(keys) > 1)


async def test_a_late_repetition_whose_key_cannot_be_looked_up_is_not_refused(
    server: Server, store: Store
) -> None:
    asked = HELLO | {"send_at": "2020-12-01T09:00:00Z"}
    async with api(server.url) as client:
        name = idempotency_of(f"env-{hash_key(GIVEN)[:8]} /v1/messages", "one", b"")
        assert name is not None
        store.redis.sadd(f"{PREFIX}idempotent:{name.name}", "damaged")
        damaged = await client.post("/v1/messages", json=asked, headers={"idempotency-key": "one"})
        other = await client.post("/v1/messages", json=asked, headers={"idempotency-key": "two"})

    assert (damaged.status_code, other.status_code) == (503, 422)


async def test_a_message_of_a_number_that_no_account_has_any_more_is_shown_and_cancelled(
    server: Server, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = write_accounts(tmp_path, [SHOP, CLINIC])
    for name, value in before.items():
        monkeypatch.setenv(name, value)
    asked = HELLO | {"from": CLINIC.numbers[0]}
    async with api(server.url, **before) as client:
        sent = (await client.post("/v1/messages", json=asked)).json()["id"]
    async with api(server.url, **write_accounts(tmp_path, [SHOP])) as client:
        shown = await client.get(f"/v1/messages/{sent}")
        cancelled = await client.delete(f"/v1/messages/{sent}")
        again = await client.post("/v1/messages", json=asked)

    assert (shown.status_code, shown.json()["status"]) == (200, "queued")
    assert cancelled.json()["status"] == "cancelled"
    assert again.json()["errors"][0]["pointer"] == "#/from"


async def patient(ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """Ask again where a store that stands still, as its machine does, lets the API say so."""
    answer = await ask()
    for _ in range(MOST_ASKED):
        if answer.status_code != 503:
            break
        answer = await ask()
    return answer


async def test_many_requests_at_once_leave_connections_for_the_webhook(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0

    async def run_call(*args: Any) -> Any:
        nonlocal reads
        reads += 1
        return await async_scripts.run_call(*args)

    monkeypatch.setattr(request_rate, "run_call", run_call)
    async with api(server.url) as client:
        sent = (await client.post("/v1/messages", json=HELLO)).json()["id"]
        gets = (patient(lambda: client.get(f"/v1/messages/{sent}")) for _ in range(250))
        dry = "/v1/messages?dry_run=true"
        posts = (patient(lambda: client.post(dry, json=HELLO)) for _ in range(250))
        answers = await asyncio.gather(*gets, *posts)
        connections: Any = store.redis.info("clients")

    assert {one.status_code for one in answers} == {200}
    assert connections["connected_clients"] < 60
    assert reads < 60
