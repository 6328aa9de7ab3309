"""The phone's pages: what they send, what a person can do on them, and who is refused."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from gateway.cli.develop.phone.dev_clock import ClockError
from gateway.cli.develop.phone.explanations import ReplyExplanation
from gateway.cli.develop.phone.live import LivePhones, parse_places
from gateway.cli.develop.phone.pages import PhonePages
from gateway.core.capture.file_format import parse_line
from gateway.sandbox.app import create_app
from tests.support.sandbox.message_bodies import text
from tests.support.sandbox.sandbox_app import ANA, NUMBER_ID, PATH, TOKEN, Endpoint, a_config

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


class Because:
    """An explainer that knows at once."""

    async def prepare(self, customer: str) -> str:
        return customer

    async def explain(
        self, customer: str, message: Mapping[str, Any], before: object
    ) -> ReplyExplanation | None:
        return ReplyExplanation(f"because of {before}", ("one", "two"), ())


class Shared:
    """A clock that moves by whole hours only."""

    def __init__(self, moved: list[float]) -> None:
        self._moved = moved

    async def move(self, ahead_s: float) -> None:
        if ahead_s % 3600:
            raise ClockError("By whole hours only.")
        self._moved.append(ahead_s)


@asynccontextmanager
async def phones(
    clock: list[float] | None = None,
) -> AsyncIterator[tuple[httpx.AsyncClient, Starlette, Endpoint]]:
    endpoint, moved = Endpoint([]), clock if clock is not None else []
    app = create_app(
        a_config(),
        pages=lambda sandbox: PhonePages(sandbox, Because(), Shared(moved)).routes(),
        transport=httpx.MockTransport(endpoint),
    )
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://127.0.0.1"
        ) as client,
    ):
        yield client, app, endpoint


async def act(client: httpx.AsyncClient, **fields: Any) -> httpx.Response:
    return await client.post(f"/phone/customers/{ANA}/acts", json=fields)


async def first_update(app: Starlette, places: str = "") -> Any:
    live = LivePhones(app.state.sandbox)
    event = await anext(live.stream(parse_places(places, [ANA])))
    name, data = event.decode().split("\ndata: ")
    return {"id": name.removeprefix("id: "), **json.loads(data)}


async def test_the_page_shows_each_customer_once_and_runs_only_its_own_script() -> None:
    async with phones() as (client, _, _):
        query = {"as": ["+351 900 000 001", ANA, "US.12"]}
        page = await client.get("/phone", params=query)
        files = [await client.get(f"/phone/files/{one}") for one in ("phone.css", "phone.js")]

    assert [page.text.count(f'data-customer="{one}"') for one in (ANA, "US.12")] == [1, 1]
    assert "<style" not in page.text
    assert "onclick" not in page.text
    assert "default-src 'none'; script-src 'self'" in page.headers["content-security-policy"]
    assert [one.status_code for one in files] == [200, 200]


async def test_another_site_is_refused() -> None:
    async with phones() as (client, app, _):
        headers = {"origin": "http://127.0.0.1:3000"}
        foreign = await client.post(
            f"/phone/customers/{ANA}/acts", json={"act": "text", "text": "Hi"}, headers=headers
        )
        rebound = await client.get("/phone", headers={"host": "evil.example"})
        update = await first_update(app)

    assert (foreign.status_code, rebound.status_code) == (403, 403)
    assert update["phones"][0]["lines"] == []


ACTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a text": ({"act": "text", "text": "Hi"}, {"type": "text", "text": {"body": "Hi"}}),
    "a quick reply": (
        {"act": "tap", "tap": {"kind": "template", "id": "yes", "title": "Yes"}},
        {"type": "button", "button": {"payload": "yes", "text": "Yes"}},
    ),
    "a place": (
        {"act": "place", "place": "38.72,-9.14 Home"},
        {
            "type": "location",
            "location": {"latitude": 38.72, "longitude": -9.14, "name": "Home"},
        },
    ),
    "a contact": (
        {"act": "contact", "contact": "Rui", "phone": "+351900000003"},
        {
            "type": "contacts",
            "contacts": [
                {"name": {"formatted_name": "Rui"}, "phones": [{"phone": "+351900000003"}]}
            ],
        },
    ),
}


@pytest.mark.parametrize(("fields", "message"), ACTS.values(), ids=ACTS.keys())
async def test_an_act_comes_to_the_webhook(fields: dict[str, Any], message: dict[str, Any]) -> None:
    async with phones() as (client, _, endpoint):
        answer = await act(client, **fields)
        (value,) = await endpoint.values(1)

    (got,) = value["messages"]
    assert answer.status_code == 200
    assert {key: got[key] for key in message} == message


async def test_a_picture_a_voice_message_and_an_order_are_messages_of_their_kinds() -> None:
    async with phones() as (client, _, endpoint):
        await act(client, act="picture", caption="my wall", link="https://a.example/wall.jpg")
        await act(client, act="voice", name="Ana")
        await act(client, act="order", note="soon")
        values = await endpoint.values(3)

    found = {one["type"]: one for value in values for one in value["messages"]}
    assert set(found) == {"image", "audio", "order"}
    assert values[1]["contacts"][0]["profile"]["name"] == "Ana"
    assert found["image"]["image"]["url"] == "https://a.example/wall.jpg"


async def test_an_answer_quotes_what_it_answers_and_a_flow_returns_its_token() -> None:
    parameters = {"flow_id": "1", "flow_cta": "Size", "flow_message_version": "3"}
    parameters |= {"flow_token": "T", "flow_action": "navigate"}
    parameters["flow_action_payload"] = {"screen": "S", "data": {"size": "M"}}  # type: ignore[assignment]
    flow = {
        "type": "flow",
        "body": {"text": "Which?"},
        "action": {"name": "flow", "parameters": parameters},
    }
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with phones() as (client, app, endpoint):
        body = text(type="interactive", interactive=flow)
        body.pop("text")
        sent = (await client.post(PATH, json=body, headers=headers)).json()
        wamid = sent["messages"][0]["id"]
        shown = (await first_update(app))["phones"][0]["lines"][0]["html"]
        await act(client, act="text", text="Hm", line=1)
        await act(client, act="flow", names=["size", ""], values=["M", "x"], line=1)
        values = await endpoint.values(5)

    messages = [one for value in values for one in value.get("messages", ())]
    assert 'name="names" aria-label="Field" placeholder="field" value="size"' in shown
    assert [one["context"]["id"] for one in messages] == [wamid, wamid]
    answers = json.loads(messages[1]["interactive"]["nfm_reply"]["response_json"])
    assert answers == {"flow_token": "T", "size": "M"}


async def test_a_text_can_come_late() -> None:
    async with phones() as (client, app, endpoint):
        await act(client, act="late", text="menu", minutes="60")
        (value,) = await endpoint.values(1)
        age_s = app.state.sandbox.clock() - int(value["messages"][0]["timestamp"])

    assert 3600 <= age_s < 3660


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"act": "late", "text": "Hi", "minutes": "soon"},
        {"act": "late", "text": "Hi", "minutes": "-5"},
        {"act": "late", "text": "Hi", "minutes": "nan"},
        {"act": "text", "text": " "},
        {"act": "react", "emoji": "👍"},
        {"act": "contact", "contact": "Rui"},
        {"act": "flow", "names": [], "values": []},
        {"act": "tap", "tap": "p"},
        {"act": "text", "text": "Hi", "line": 99},
        {"act": "text", "text": "Hi", "number": "none"},
    ],
)
async def test_a_wrong_act_is_answered_with_a_sentence(fields: dict[str, Any]) -> None:
    async with phones() as (client, _, _):
        answer = await act(client, **fields)

    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


async def test_a_stream_goes_on_where_it_ended() -> None:
    async with phones() as (client, app, endpoint):
        await act(client, act="text", text="One")
        await endpoint.wait_for(1)
        first = await first_update(app)
        await act(client, act="text", text="Two")
        second = await first_update(app, first["id"])
        anew = await first_update(app, "another run|" + first["id"].split("|")[1])

    assert first["phones"][0]["reset"]
    assert not second["phones"][0]["reset"]
    assert "Two" in second["phones"][0]["lines"][-1]["html"]
    assert "One" in anew["phones"][0]["lines"][0]["html"]


async def test_the_reason_stands_beside_a_message() -> None:
    async with phones() as (client, app, endpoint):
        await act(client, act="text", text="One")
        await endpoint.wait_for(1)
        update = await first_update(app)

    html = update["phones"][0]["lines"][0]["html"]
    assert f"because of {ANA}" in html
    assert html.count("<li>") == 2


async def test_a_fault_is_armed_with_a_probability_and_a_seed() -> None:
    async with phones() as (client, app, _):
        wish = {"fault": "code:130429", "probability": 0.25, "seed": 7, "times": 3}
        armed = await client.post("/phone/faults", json=wish)
        wrong = await client.post("/phone/faults", json={"fault": "explode"})
        shown = (await first_update(app))["faults"]

    error = {"code": 130429, "status": 400, "times": 3, "probability": 0.25}
    assert armed.json() == shown == {"error": error}
    assert wrong.status_code == 400


async def test_the_clocks_of_the_sandbox_and_of_the_bot_move_together() -> None:
    moved: list[float] = []
    async with phones(moved) as (client, app, endpoint):
        await act(client, act="text", text="One")
        await endpoint.wait_for(1)
        day = await client.post("/phone/clock", json={"ahead_s": 90_000})
        wrong = [await client.post("/phone/clock", json={"ahead_s": one}) for one in (1, "x", None)]
        update = await first_update(app)

    assert day.status_code == 200
    assert moved == [90_000]
    assert [one.status_code for one in wrong] == [400] * 3
    assert (update["ahead_s"], update["phones"][0]["window_s"]) == (90_000, 0)


async def test_what_is_copied_of_a_message_can_be_used_again() -> None:
    async with phones() as (client, _, endpoint):
        await act(client, act="text", text="which color?")
        (body,) = await endpoint.wait_for(1)
        lines = f"/phone/customers/{ANA}/lines/1"
        curl = (await client.get(f"{lines}/curl")).text
        test = (await client.get(f"{lines}/test")).text
        payload = await client.get(f"{lines}/payload")
        gone = await client.get(f"/phone/customers/{ANA}/lines/99/curl")

    assert curl == (
        f"curl http://127.0.0.1/sandbox/customers/{ANA}/messages "
        '-d \'{"text": "which color?"}\'\n'
    )
    assert test == "- case: which color?\n  talk:\n    - they: which color?\n      we: []\n"
    delivery = parse_line(payload.content)
    assert delivery.body == endpoint.requests[0].content
    assert json.loads(delivery.body) == body
    assert gone.status_code == 400
    assert NUMBER_ID in delivery.body.decode()
