"""Messages through the API: accepted by one write, asked for, cancelled and moved."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from gateway.core.api import message_request
from gateway.core.api.keys import ApiKey, hash_key
from gateway.core.api.message_request import FIELDS, MessageRequest, read_request
from gateway.core.contacts.contact import Contact
from gateway.core.planning.batch import Plan
from gateway.core.sending.outcome import Attempt, Outcome, Step
from gateway.core.sending.preflight import preflight_refusal
from gateway.store.api.api_keys import add_key
from gateway.store.api.waiting.stage_watch import StageWatch
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Store
from gateway.store.sending.lanes import Lanes
from gateway.web.api.descriptions import MessageIn
from tests.support.accounts import CLINIC, TestAccount, write_accounts
from tests.support.factories import ANA, NUMBER, a_message
from tests.support.servers import Server
from tests.support.store.sends import PREFIX, WEEK, lanes
from tests.support.web.web_app import a_web, nowhere

pytestmark = [pytest.mark.store, pytest.mark.anyio]
GIVEN = "a-key-of-the-environment"
AUTH = {"authorization": f"Bearer {GIVEN}"}
HELLO = {"to": "+351 912 345 678", "text": "Hello"}
OTHER = "100000000000099"


@asynccontextmanager
async def api(url: str, **env: str) -> AsyncIterator[httpx.AsyncClient]:
    async with a_web(url, lambda: None, GATEWAY_API_KEYS=GIVEN, **env) as web:
        web.api.headers.update(AUTH)
        yield web.api


def take(store: Store) -> list[Attempt]:
    """Take what is ready, as a process of its own."""
    return lanes(store).pump([], 1_000).attempts


def settle(store: Store, attempt: Attempt, step: Step, **others: Any) -> None:
    lanes(store).pump([Outcome(attempt.send, attempt.ordinal, step, **others)], 0)


async def test_a_message_is_accepted_and_taken_as_it_was_asked_for(
    server: Server, store: Store
) -> None:
    async with api(server.url) as client:
        answer = await client.post("/v1/messages", json=HELLO)

    told = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/messages/{told['id']}"
    assert told["status"] == "queued"
    assert (told["task_id"], told["check_status"]) == (told["id"], f"/v1/tasks/{told['id']}")
    (attempt,) = take(store)
    assert attempt.send == told["id"]
    assert attempt.body == {
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": "+351912345678",
        "type": "text", "text": {"body": "Hello"},
    }  # fmt: skip


async def test_a_message_to_a_group_is_taken_from_a_lane_of_its_own(
    server: Server, store: Store
) -> None:
    group = "Y2FwaV9ncm91cDoxNzA1NTU1MDEzOQ=="
    async with api(server.url) as client:
        answer = await client.post("/v1/messages", json=HELLO | {"to": {"group_id": group}})

    (attempt,) = take(store)
    assert attempt.send == answer.json()["id"]
    assert (attempt.body["recipient_type"], attempt.body["to"]) == ("group", group)
    assert preflight_refusal(attempt, datetime.now(UTC)) is None


async def test_a_national_number_is_of_the_country_of_the_account_that_sends(
    server: Server, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = TestAccount("shop", ["1001"], "501", more="default: yes\ncountry: PT")
    for name, value in (env := write_accounts(tmp_path, [shop, CLINIC])).items():
        monkeypatch.setenv(name, value)
    national = HELLO | {"to": "912 345 678"}
    async with a_web(server.url, lambda: None, GATEWAY_API_KEYS=GIVEN, **env) as web:
        web.api.headers.update(AUTH)
        answer = await web.api.post("/v1/messages", json=national)
        other = await web.api.post("/v1/messages", json=national | {"from": "2001"})

    assert (answer.status_code, other.status_code) == (202, 422)
    (attempt,) = Lanes(store, "1001", 1_000).pump([], 1_000).attempts
    assert attempt.body["to"] == "+351912345678"


async def test_a_message_into_an_open_window_is_a_reply_and_others_are_notices(
    server: Server, store: Store
) -> None:
    wrote = Contact(ANA, wa_id=ANA, last_inbound_at=datetime.now(UTC))
    plan = Plan(NUMBER, wrote, changed=True, events=(a_message(),))
    assert commit(store, [plan], WEEK) == [True]
    items = [{"to": f"+{ANA}", "text": "You wrote"}, HELLO, HELLO | {"priority": "bulk"}]
    items.append(HELLO | {"priority": "reply"})
    async with api(server.url) as client:
        answer = await client.post("/v1/messages/batch", json={"messages": items})
        accepted = [one["id"] for one in answer.json()["results"][:3]]
        shown = [(await client.get(f"/v1/messages/{one}")).json()["priority"] for one in accepted]

    assert shown == ["reply", "notice", "bulk"]
    (error,) = answer.json()["results"][3]["problem"]["errors"]
    assert error["pointer"] == "#/priority"


async def test_metas_own_object_is_posted_unchanged(server: Server, store: Store) -> None:
    image = {"link": "https://example.com/a.png", "caption": "A picture"}
    meta = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": "351912345678",
            "type": "image", "image": image, "context": {"message_id": "wamid.x"}}  # fmt: skip
    async with api(server.url) as client:
        assert (await client.post("/v1/messages", json=meta)).status_code == 202

    (attempt,) = take(store)
    assert attempt.body == meta | {"to": "+351912345678"}


async def test_the_same_key_and_body_give_the_same_answer_also_at_the_same_moment(
    server: Server, store: Store
) -> None:
    headers = {"idempotency-key": "order-17"}
    async with api(server.url) as client:
        answers = await asyncio.gather(
            *(client.post("/v1/messages", json=HELLO, headers=headers) for _ in range(20))
        )
        turned = dict(reversed(HELLO.items()))
        again = await client.post("/v1/messages", json=turned, headers=headers)

    assert {answer.status_code for answer in answers} == {202}
    assert {answer.text for answer in (*answers, again)} == {again.text}
    assert again.headers["idempotent-replayed"] == "true"
    assert len(take(store)) == 1


async def test_the_same_key_with_another_body_is_refused(server: Server, store: Store) -> None:
    headers = {"idempotency-key": "order-17"}
    async with api(server.url) as client:
        await client.post("/v1/messages", json=HELLO, headers=headers)
        other = await client.post("/v1/messages", json=HELLO | {"text": "Bye"}, headers=headers)

    assert other.status_code == 422
    assert other.json()["type"] == "/v1/problems/key-reused"
    assert len(take(store)) == 1


async def test_a_key_of_a_scheduled_message_is_known_after_it_was_due(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = datetime.now(UTC) + timedelta(days=7)
    asked = HELLO | {"send_at": at.isoformat()}
    headers = {"idempotency-key": "order-17"}
    async with api(server.url) as client:
        first = await client.post("/v1/messages", json=asked, headers=headers)
        # As if it had been due an hour ago.
        monkeypatch.setattr(message_request, "PAST_IS_NOW", -timedelta(days=8))
        refused = await client.post("/v1/messages", json=asked)
        again = await client.post("/v1/messages", json=asked, headers=headers)
        other = await client.post("/v1/messages", json=asked | {"text": "Bye"}, headers=headers)

    (name,) = store.redis.keys("*idempotent:*")
    lives = timedelta(milliseconds=float(str(store.redis.pttl(name))))
    assert first.json()["status"] == "scheduled"
    assert refused.status_code == 422
    assert again.text == first.text
    assert other.json()["type"] == "/v1/problems/key-reused"
    assert abs(lives - timedelta(days=8)) < timedelta(minutes=1)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no recipient": ({"to": None}, "#/to"),
    "letters": ({"to": "hello"}, "#/to"),
    "a national number": ({"to": "912345678"}, "#/to"),
    "too few digits": ({"to": "+3519"}, "#/to"),
    "an odd user id": ({"to": {"user_id": "x"}}, "#/to"),
    "an empty text": ({"text": ""}, "#/text"),
    "a text too long": ({"text": "x" * 4097}, "#/text"),
    "a text and a template": ({"template": {"name": "a", "language": "en"}}, "#"),
    "a time without offset": ({"send_at": "2026-12-01T09:00:00"}, "#/send_at"),
    "a date": ({"send_at": "2026-12-01"}, "#/send_at"),
    "a time in the past": ({"send_at": "2020-12-01T09:00:00Z"}, "#/send_at"),
    "a time beyond a year": ({"send_at": "2099-12-01T09:00:00Z"}, "#/send_at"),
    "an end in the past": ({"expires_at": "2020-12-01T09:00:00Z"}, "#/expires_at"),
    "a lifetime of nothing": ({"ttl": 0}, "#/ttl"),
    "a lifetime as text": ({"ttl": "60"}, "#/ttl"),
    "both ends": ({"ttl": 60, "expires_at": "2026-12-01T09:00:00Z"}, "#/ttl"),
    "an unknown priority": ({"priority": "high"}, "#/priority"),
    "an unknown way out": ({"when_closed": "stop"}, "#/when_closed"),
    "a long reference": ({"reference": "x" * 129}, "#/reference"),
    "an unknown field": ({"when": "now"}, "#/when"),
    "a number that is not ours": ({"from": "999"}, "#/from"),
    "an unknown type": ({"text": None, "type": "fax"}, "#/type"),
    "no part of the type": ({"text": None, "type": "image"}, "#/image"),
    "an http link": (
        {"text": None, "type": "image", "image": {"link": "http://example.com/a.png"}},
        "#/image/link",
    ),
    "a long button": (
        {"text": None, "type": "interactive", "interactive": {"type": "button", "action": {
            "buttons": [{"type": "reply", "reply": {"id": "1", "title": "x" * 21}}]}}},
        "#/interactive/action/buttons/0/reply/title",
    ),
    "a parameter with a line break": (
        {"text": None, "template": {"name": "a", "language": "en", "params": ["x\ny"]}},
        "#/template/params/0",
    ),
    "an empty parameter": (
        {"text": None, "template": {"name": "a", "language": "en", "params": {"name": ""}}},
        "#/template/params/name",
    ),
    "a template without language": (
        {"text": None, "template": {"name": "a"}}, "#/template/language",
    ),
    "marketing as text": ({"marketing": "yes"}, "#/marketing"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "pointer"), WRONG.values(), ids=WRONG)
async def test_a_field_that_is_wrong_is_named(
    server: Server, store: Store, change: dict[str, Any], pointer: str
) -> None:
    asked = {name: value for name, value in (HELLO | change).items() if value is not None}
    async with api(server.url) as client:
        answer = await client.post("/v1/messages", json=asked)

    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
    assert take(store) == []


async def test_all_errors_are_told_at_once_and_none_repeats_what_was_sent(server: Server) -> None:
    asked = {"to": "a secret", "text": 1, "ttl": 0, "priority": "high", "send_at": "x", "x": 1}
    async with api(server.url) as client:
        answer = await client.post("/v1/messages", json=asked)

    pointers = {one["pointer"] for one in answer.json()["errors"]}
    assert pointers == {"#/to", "#/text", "#/ttl", "#/priority", "#/send_at", "#/x"}
    assert "secret" not in answer.text


MALFORMED: dict[str, tuple[bytes, str, int]] = {
    "no JSON": (b"{", "application/json", 400),
    "a list": (b"[]", "application/json", 400),
    "not UTF-8": (b'{"to":"\xff"}', "application/json", 400),
    "too deep": (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "application/json", 400),
    "a form": (b"to=1", "application/x-www-form-urlencoded", 415),
    "no media type": (b"{}", "", 415),
    "another charset": (b"{}", "application/json; charset=latin-1", 415),
}


@pytest.mark.parametrize(("body", "media_type", "status"), MALFORMED.values(), ids=MALFORMED)
async def test_a_body_that_cannot_be_read_is_a_problem(
    server: Server, body: bytes, media_type: str, status: int
) -> None:
    async with api(server.url) as client:
        headers = {"content-type": media_type}
        answer = await client.post("/v1/messages", content=body, headers=headers)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_template_with_values_in_order_and_a_user_id(server: Server, store: Store) -> None:
    template = {"name": "order_sent", "language": "pt_PT", "params": ["Ana", 17]}
    asked = {"to": {"user_id": "PT.12345"}, "template": template}
    async with api(server.url) as client:
        assert (await client.post("/v1/messages", json=asked)).status_code == 202

    (attempt,) = take(store)
    assert attempt.body["recipient"] == "PT.12345"
    values = attempt.body["template"]["components"][0]["parameters"]
    assert [value["text"] for value in values] == ["Ana", "17"]


async def test_a_key_that_is_bound_sends_and_sees_only_its_numbers(
    server: Server, store: Store
) -> None:
    add_key(store, ApiKey("k1", hash_key("gwk_bound"), numbers=(OTHER,)))
    bound = {"authorization": "Bearer gwk_bound"}
    async with api(server.url) as client:
        sent = (await client.post("/v1/messages", json=HELLO)).json()["id"]
        refused = await client.post("/v1/messages", json=HELLO | {"from": NUMBER}, headers=bound)
        hidden = await client.get(f"/v1/messages/{sent}", headers=bound)

    assert refused.status_code == 403
    assert hidden.status_code == 404


async def test_what_became_of_a_message_is_told(server: Server, store: Store) -> None:
    async with api(server.url) as client:
        asked = HELLO | {"reference": "order 17"}
        sent = (await client.post("/v1/messages", json=asked)).json()["id"]
        queued = (await client.get(f"/v1/messages/{sent}")).json()
        (attempt,) = take(store)
        begun = (await client.get(f"/v1/tasks/{sent}")).json()
        settle(store, attempt, "accepted", wamid="wamid.1")
        accepted = (await client.get(f"/v1/messages/{sent}")).json()
        task = (await client.get(f"/v1/tasks/{sent}")).json()

    assert (queued["status"], queued["reference"]) == ("queued", "order 17")
    assert queued["waiting_for"] == {"reason": "pace", "until": None}
    assert begun == {"task_id": sent, "status": "STARTED", "result": None}
    assert (accepted["status"], accepted["message_id"]) == ("accepted", "wamid.1")
    assert [one["status"] for one in accepted["history"]] == ["queued", "attempting"]
    assert task["status"] == "SUCCESS"
    assert task["result"] == {"status": "sent", "message_id": "wamid.1"}


async def test_a_failure_is_told_with_advice_and_its_page(server: Server, store: Store) -> None:
    async with api(server.url) as client:
        sent = (await client.post("/v1/messages", json=HELLO)).json()["id"]
        (attempt,) = take(store)
        error = '{"code":131026,"reason":"Message undeliverable","details":"why"}'
        settle(store, attempt, "dead", error_json=error)
        failed = (await client.get(f"/v1/messages/{sent}")).json()
        task = (await client.get(f"/v1/tasks/{sent}")).json()
        page = await client.get(failed["error"]["page"])

    assert (failed["status"], failed["final"]) == ("failed", True)
    assert failed["error"]["code"] == 131026
    assert task["status"] == "FAILURE"
    assert task["result"]["advice"] == failed["error"]["advice"]
    assert failed["error"]["advice"] in page.text


async def test_a_request_waits_for_the_next_change(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, wait_as_usual = asyncio.Event(), StageWatch.wait

    async def wait(watch: StageWatch, *args: Any) -> None:
        waits.set()
        await wait_as_usual(watch, *args)

    monkeypatch.setattr(StageWatch, "wait", wait)
    async with api(server.url) as client:
        sent = (await client.post("/v1/messages", json=HELLO)).json()["id"]
        waiting = asyncio.create_task(client.get(f"/v1/messages/{sent}?wait=20"))
        await waits.wait()
        await asyncio.to_thread(take, store)
        changed = (await waiting).json()
        odd = await client.get(f"/v1/messages/{sent}?wait=21")

    assert changed["status"] == "attempting"
    assert odd.status_code == 422


async def test_a_scheduled_message_is_moved_and_cancelled(server: Server, store: Store) -> None:
    at = datetime.now(UTC) + timedelta(days=3)
    async with api(server.url) as client:
        asked = HELLO | {"send_at": at.isoformat(), "ttl": 600}
        sent = (await client.post("/v1/messages", json=asked)).json()["id"]
        later = at + timedelta(days=1)
        moved = await client.patch(f"/v1/messages/{sent}", json={"send_at": later.isoformat()})
        cancelled = await client.delete(f"/v1/messages/{sent}")
        again = await client.delete(f"/v1/messages/{sent}")
        task = (await client.get(f"/v1/tasks/{sent}")).json()

    assert moved.json()["waiting_for"]["reason"] == "time"
    moved_to = datetime.fromisoformat(moved.json()["send_at"])
    assert abs(moved_to - later) < timedelta(seconds=1)
    lasts = datetime.fromisoformat(moved.json()["expires_at"]) - moved_to
    assert abs(lasts - timedelta(seconds=600)) < timedelta(seconds=1)
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert again.status_code == 200
    assert task["status"] == "FAILURE"
    assert task["result"]["error"] == "cancelled"
    assert store.redis.zcard(f"{PREFIX}due") == 0
    assert take(store) == []


async def test_a_queued_message_is_cancelled_and_the_next_of_its_lane_goes(
    server: Server, store: Store
) -> None:
    async with api(server.url) as client:
        first = (await client.post("/v1/messages", json=HELLO)).json()["id"]
        second = (await client.post("/v1/messages", json=HELLO)).json()["id"]
        waiting = (await client.get(f"/v1/messages/{second}")).json()["waiting_for"]
        assert (await client.delete(f"/v1/messages/{first}")).status_code == 200

    assert waiting["reason"] == "conversation"
    assert [attempt.send for attempt in take(store)] == [second]


async def test_a_message_that_waits_for_the_window_is_cancelled(
    server: Server, store: Store
) -> None:
    async with api(server.url) as client:
        asked = HELLO | {"when_closed": "wait"}
        sent = (await client.post("/v1/messages", json=asked)).json()["id"]
        settle(store, take(store)[0], "parked", error_json="{}")
        waiting = (await client.get(f"/v1/messages/{sent}")).json()["waiting_for"]
        deleted = [await client.delete(f"/v1/messages/{sent}") for _ in range(2)]

    assert waiting["reason"] == "window"
    assert [(one.status_code, one.json()["status"]) for one in deleted] == [(200, "cancelled")] * 2
    assert store.redis.keys(f"{PREFIX}parked*") == []


async def test_a_moved_message_is_known_until_a_day_after_it_is_due(
    server: Server, store: Store
) -> None:
    soon, later = (datetime.now(UTC) + timedelta(days=days) for days in (1, 30))
    headers = {"idempotency-key": "order-17"}
    async with api(server.url) as client:
        asked = HELLO | {"send_at": soon.isoformat()}
        sent = (await client.post("/v1/messages", json=asked, headers=headers)).json()["id"]
        await client.patch(f"/v1/messages/{sent}", json={"send_at": later.isoformat()})

    (name,) = store.redis.keys("*idempotent:*")
    assert store.redis.pttl(name) > timedelta(days=30.9).total_seconds() * 1000


async def test_a_message_whose_attempt_began_is_neither_cancelled_nor_moved(
    server: Server, store: Store
) -> None:
    async with api(server.url) as client:
        sent = (await client.post("/v1/messages", json=HELLO)).json()["id"]
        take(store)
        deleted = await client.delete(f"/v1/messages/{sent}")
        at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        moved = await client.patch(f"/v1/messages/{sent}", json={"send_at": at})

    assert (deleted.status_code, moved.status_code) == (409, 409)
    assert deleted.json()["detail"] == "The message has the status attempting."


async def test_a_dry_run_shows_what_would_be_posted_and_stores_nothing(
    server: Server, store: Store
) -> None:
    async with api(server.url) as client:
        answer = await client.post("/v1/messages?dry_run=true", json=HELLO)

    assert answer.status_code == 200
    assert answer.json()["body"]["text"] == {"body": "Hello"}
    assert answer.json()["window_open"] is False
    assert store.redis.keys("*send:*") == []


async def test_each_message_of_a_batch_has_its_own_answer(server: Server, store: Store) -> None:
    items = [{"to": f"+35191234{i:04}", "text": "Hello", "key": f"order-{i}"} for i in range(300)]
    items[7] = {"to": "nobody", "text": "Hello"}
    async with api(server.url) as client:
        answer = await client.post("/v1/messages/batch", json={"messages": items})
        again = await client.post("/v1/messages/batch", json={"messages": items})

    results = answer.json()["results"]
    assert [one["index"] for one in results] == list(range(300))
    assert results[7]["problem"]["errors"][0]["pointer"] == "#/to"
    assert len({one["id"] for one in results if "id" in one}) == 299
    assert again.json() == answer.json()
    assert store.redis.zcard(f"{PREFIX}ready:notice") == 299


@pytest.mark.parametrize("body", [{}, {"messages": []}, {"messages": [{}] * 1_001}])
async def test_a_batch_has_one_to_a_thousand_messages(server: Server, body: Any) -> None:
    async with api(server.url) as client:
        answer = await client.post("/v1/messages/batch", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/messages"


RECIPE: dict[str, dict[str, Any]] = {
    "a template's content": {"name": "hello", "language": {"code": "en"}},
    "a template": {"template": {"name": "hello", "language": {"code": "en"}}},
    "a text": {"type": "text", "text": {"body": "Hello"}},
}


@pytest.mark.parametrize("message", RECIPE.values(), ids=RECIPE)
async def test_the_recipes_addresses_answer_as_it_does(
    server: Server, store: Store, message: dict[str, Any]
) -> None:
    asked = {"phone_number": "351912345678", "message": message}
    async with api(server.url) as client:
        answer = await client.post("/send-message", json=asked)
        told = answer.json()
        task = await client.get(told["check_status"])
        unknown = await client.get("/tasks/nothing")

    assert answer.status_code == 200
    assert set(told) == {"status", "task_id", "check_status"}
    assert told["status"] == "queued"
    assert task.json() == {"task_id": told["task_id"], "status": "PENDING", "result": None}
    assert unknown.status_code == 404
    (attempt,) = take(store)
    assert attempt.body["type"] == message.get("type", "template")


@pytest.mark.parametrize(
    ("message", "places"),
    [
        ({"type": "text", "text": {"body": ""}}, ["#/phone_number", "#/message/text/body"]),
        ({"name": "hello", "language": {}}, ["#/phone_number", "#/message/language"]),
        ({"template": {"name": "a"}}, ["#/phone_number", "#/message/template/language"]),
    ],
)
async def test_the_recipes_errors_name_places_of_its_own_request(
    server: Server, message: dict[str, Any], places: list[str]
) -> None:
    async with api(server.url) as client:
        answer = await client.post("/send-message", json={"phone_number": "x", "message": message})

    assert [one["pointer"] for one in answer.json()["errors"]] == places


async def test_a_store_that_is_away_is_a_503_and_a_worker_is_woken_where_it_is_there(
    server: Server,
) -> None:
    async with api(nowhere()) as client:
        answer = await client.post("/v1/messages", json=HELLO)

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"


async def test_the_document_describes_the_addresses(server: Server) -> None:
    async with api(server.url) as client:
        document = (await client.get("/v1/openapi.json")).json()

    assert document["openapi"].startswith("3.1")
    assert {path: set(ways) for path, ways in document["paths"].items()} == {
        "/v1/messages": {"get", "post"},
        "/v1/events": {"get"},
        "/v1/events/{id}": {"get"},
        "/v1/messages/batch": {"post"},
        "/v1/messages/{id}": {"get", "delete", "patch"},
        "/v1/tasks/{task_id}": {"get"},
        "/tasks/{task_id}": {"get"},
        "/send-message": {"post"},
        "/v1/dead-letters": {"get"},
        "/v1/dead-letters/{id}": {"delete"},
        "/v1/dead-letters/{id}/redrive": {"post"},
        "/v1/forwards": {"get"},
        "/v1/forwards/{receiver}/pause": {"post"},
        "/v1/forwards/{receiver}/resume": {"post"},
        "/v1/forwards/{receiver}/test": {"post"},
        "/v1/forwards/{receiver}/replay": {"post"},
        "/v1/numbers": {"get"},
        "/v1/numbers/{id}": {"get"},
        "/v1/numbers/{id}/hold": {"post"},
        "/v1/numbers/{id}/release": {"post"},
        "/v1/contacts": {"get"},
        "/v1/contacts/import": {"post"},
        "/v1/contacts/export.csv": {"get"},
        "/v1/contacts/{id}": {"get", "patch", "delete"},
        "/v1/contacts/{id}/export": {"get"},
        "/v1/erasures/{id}": {"get"},
        "/v1/schedules": {"get", "post"},
        "/v1/schedules/{id}": {"get", "patch", "delete"},
        "/v1/campaigns": {"get", "post"},
        "/v1/campaigns/{id}": {"get"},
        "/v1/campaigns/{id}/audience": {"put"},
        "/v1/campaigns/{id}/check": {"post"},
        "/v1/campaigns/{id}/test": {"post"},
        "/v1/campaigns/{id}/retry": {"post"},
        "/v1/campaigns/{id}/start": {"post"},
        "/v1/campaigns/{id}/pause": {"post"},
        "/v1/campaigns/{id}/resume": {"post"},
        "/v1/campaigns/{id}/cancel": {"post"},
        "/v1/campaigns/{id}/export.csv": {"get"},
        "/v1/campaigns/{id}/recipients": {"get"},
        "/v1/campaigns/{id}/problems.csv": {"get"},
        "/v1/campaigns/{id}/stream": {"get"},
        "/v1/templates": {"get"},
        "/v1/templates/sync": {"post"},
        "/v1/templates/preview": {"post"},
        "/v1/templates/{name}/{language}": {"get"},
    }
    answers = document["paths"]["/v1/messages"]["post"]["responses"]
    assert {"202", "401", "403", "413", "415", "422", "429", "503"} <= set(answers)


@pytest.mark.parametrize("asked", [HELLO, *(meta for meta in (
    {"to": {"user_id": "PT.1"}, "template": {"name": "a", "language": "en", "params": ["x"]}},
    {"to": "351912345678", "type": "text", "text": {"body": "Hello"}, "ttl": 60},
))])  # fmt: skip
def test_the_schema_of_a_message_accepts_what_is_accepted(asked: dict[str, Any]) -> None:
    jsonschema.validate(asked, MessageIn.model_json_schema(by_alias=True))

    assert isinstance(read_request(asked), MessageRequest)


def test_the_schema_of_a_message_has_the_fields_that_are_read() -> None:
    described = MessageIn.model_json_schema(by_alias=True)["properties"].keys()

    # Meta's envelope is accepted as it is, and needs no description.
    assert FIELDS - described == {"context", "messaging_product", "recipient_type"}
    assert described <= FIELDS
