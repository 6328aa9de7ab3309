"""The Meta-shaped address where nothing is stored: keys, scopes, bodies, paths, in its own form."""

import logging
from typing import Any

import pytest

from gateway.core.api.keys import ApiKey, hash_key
from gateway.store.api.api_keys import add_key
from gateway.store.redis.client import Store
from gateway.web.api.messages.cloud_api import sending
from tests.support.factories import NUMBER
from tests.support.servers import Server
from tests.support.web.web_app import Web, a_web

pytestmark = [pytest.mark.store, pytest.mark.anyio]
GIVEN = "a-key-of-the-environment"
PATH = f"/v23.0/{NUMBER}/messages"
OUTER = {"messaging_product": "whatsapp", "to": "351912345678"}
HELLO = OUTER | {"type": "text", "text": {"body": "Hi"}}
BEARER = {"authorization": f"Bearer {GIVEN}"}
READ = {"messaging_product": "whatsapp", "status": "read"}


async def refusal(web: Web, path: str = PATH, **options: Any) -> tuple[int, int, str]:
    """Return HTTP status, Meta's code and details of a refusal, which has Graph's form."""
    given = {"headers": BEARER, "json": HELLO, "method": "POST", **options}
    answer = await web.api.request(url=path, **given)
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert {"message", "type", "code", "fbtrace_id"} <= error.keys()
    return answer.status_code, error["code"], error.get("error_data", {}).get("details", "")


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({}, 100, "#/messaging_product must be whatsapp"),
        (OUTER | {"type": "poem", "poem": {}}, 131051, "#/type must be one of"),
        (OUTER | {"type": "text"}, 100, "#/text must be the text in Meta's form"),
        (HELLO | {"to": "12"}, 100, "#/to"),
        (HELLO | {"text": {"body": "x" * 4_097}}, 100, "#/text/body has 4,097 characters"),
        (HELLO | {"send_at": "2030-01-01T00:00:00Z"}, 100, "#/send_at is unknown"),
        (HELLO | {"from": "1"}, 100, "#/from is unknown"),
        (HELLO | {"context": "wamid"}, 100, "#/context must be"),
        (HELLO | {"biz_opaque_callback_data": "x" * 513}, 100, "#/biz_opaque_callback_data"),
        (HELLO | {"to": None, "recipient": "no user id"}, 100, "#/to must be"),
        (READ, 100, "#/message_id is missing"),
        (READ | {"status": "delivered", "message_id": "w"}, 100, "#/status must be one of read"),
        (READ | {"message_id": "w", "typing_indicator": 1}, 100, "#/typing_indicator"),
        (READ | {"message_id": "w", "to": "1"}, 100, "#/to is unknown"),
    ],
)
async def test_a_body_is_refused_by_metas_codes_and_names_the_place(
    server: Server, store: Store, body: dict[str, Any], code: int, words: str
) -> None:
    async with a_web(server.url, GATEWAY_API_KEYS=GIVEN) as web:
        status, told, details = await refusal(web, json=body)

    assert (status, told) == (400, code)
    assert words in details


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"headers": {}}, (401, 190)),
        ({"headers": {"authorization": "Bearer EAAmeta"}}, (401, 190)),
        ({"headers": {"x-api-key": "other"}}, (401, 190)),
        ({"path": f"/v23.0/{NUMBER}/messages?access_token=other", "headers": {}}, (401, 190)),
        ({"path": "/v23.0/100000000000099/messages"}, (400, 100)),
        ({"path": f"/v23.0/{NUMBER}/register"}, (400, 100)),
        ({"path": "/v23.0/"}, (400, 100)),
        ({"method": "GET", "json": None}, (400, 100)),
        ({"json": None, "content": b"{", "headers": BEARER}, (400, 100)),
        ({"json": [HELLO]}, (400, 100)),
        ({"json": None, "content": b"x" * 300_000}, (413, 100)),
        ({"headers": BEARER | {"idempotency-key": ""}}, (400, 100)),
    ],
)
async def test_a_request_is_refused_in_graphs_form(
    server: Server, store: Store, options: dict[str, Any], expected: tuple[int, int]
) -> None:
    async with a_web(server.url, GATEWAY_API_KEYS=GIVEN) as web:
        assert (await refusal(web, **options))[:2] == expected


@pytest.mark.parametrize(
    ("limits", "words"),
    [({"scopes": frozenset({"read"})}, "scope send"), ({"numbers": ("1",)}, "other numbers")],
)
async def test_a_key_needs_the_scope_and_the_number(
    server: Server, store: Store, limits: dict[str, Any], words: str
) -> None:
    add_key(store, ApiKey("k", hash_key("a stored key"), **limits))
    async with a_web(server.url) as web:
        status, code, details = await refusal(web, headers={"x-api-key": "a stored key"})

    assert (status, code) == (403, 10)
    assert words in details


async def test_a_key_over_its_rate_hears_metas_code_and_when_to_come_again(
    server: Server, store: Store
) -> None:
    add_key(store, ApiKey("k", hash_key("a stored key"), rate=1))
    bearer = {"authorization": "Bearer a stored key"}
    async with a_web(server.url) as web:
        answers = [await web.api.get("/v23.0/none", headers=bearer) for _ in range(8)]

    refused = [one for one in answers if one.json()["error"]["code"] == 130429]
    assert refused
    assert all(one.headers["retry-after"] for one in refused)


async def test_a_request_too_many_is_sent_away_at_once(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MOST_WAITING", 0)
    async with a_web(server.url, GATEWAY_API_KEYS=GIVEN) as web:
        assert (await refusal(web))[:2] == (400, 130429)


async def test_the_query_may_name_the_key_here_only_and_no_log_repeats_it(
    server: Server, store: Store, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    caplog.set_level(logging.DEBUG, "gateway")
    named = f"?access_token={GIVEN}"
    async with a_web(server.url, GATEWAY_API_KEYS=GIVEN, GATEWAY_CLOUD_API_WAIT="0s") as web:
        answer = await web.api.post(PATH + named, json=HELLO)
        elsewhere = await web.api.get("/v1/messages/x" + named)

    assert answer.json()["error"]["code"] == 130429  # there is no worker
    assert elsewhere.status_code == 401
    assert GIVEN not in caplog.text + "".join(capfd.readouterr())
    assert GIVEN not in answer.text


async def test_while_the_store_is_away_it_is_said_and_never_a_traceback(server: Server) -> None:
    away = "redis://127.0.0.1:1/0"
    async with a_web(away, GATEWAY_API_KEYS=GIVEN) as web:
        status, code, _ = await refusal(web)

    assert status < 600
    assert code in (130429, 131016)
