"""Customers write, tap and react, and see on their phones what the business did."""

import asyncio
from typing import Any

import pytest

from gateway.sandbox.simulation.customers import CustomerPhones
from tests.support.sandbox.message_bodies import button, buttons, read, text
from tests.support.sandbox.sandbox_app import ANA, DISPLAY, NUMBER_ID, Rig, a_rig

pytestmark = pytest.mark.anyio


async def heard(rig: Rig, wish: Any, customer: str = ANA) -> Any:
    """Let a customer act, and give the value that reaches the business."""
    await rig.say(wish, customer)
    return (await rig.endpoint.values(1))[0]


async def test_a_text_arrives_with_name_and_number() -> None:
    async with a_rig() as rig:
        answer = await rig.say({"text": "Hi", "name": "Ana", "number": "2"}, "+351 900 000 001")
        value = (await rig.endpoint.values(1))[0]

    assert value["metadata"]["phone_number_id"] == "2"
    assert value["contacts"] == [{"profile": {"name": "Ana"}, "wa_id": ANA}]
    assert value["messages"] == [
        {
            "from": ANA,
            "id": answer.json()["id"],
            "timestamp": "1790000000",
            "type": "text",
            "text": {"body": "Hi"},
        }
    ]


async def test_a_customer_without_a_number_has_a_user_id_only() -> None:
    async with a_rig() as rig:
        value = await heard(rig, {"text": "Hi"}, "PT.123")

    assert value["contacts"][0]["user_id"] == "PT.123"
    assert value["messages"][0]["from_user_id"] == "PT.123"
    assert "from" not in value["messages"][0]


async def test_a_name_is_remembered() -> None:
    async with a_rig() as rig:
        await rig.say({"text": "Hi", "name": "Ana"})
        await rig.say({"text": "Again"})
        values = await rig.endpoint.values(2)

    assert values[1]["contacts"][0]["profile"] == {"name": "Ana"}


ACTS: dict[str, tuple[Any, Any]] = {
    "button": (
        {"tap": {"id": "yes", "title": "Yes", "kind": "button"}},
        {
            "type": "interactive",
            "interactive": {"type": "button_reply", "button_reply": {"id": "yes", "title": "Yes"}},
        },
    ),
    "list": (
        {"tap": {"id": "1", "title": "One", "kind": "list", "description": "First"}},
        {
            "type": "interactive",
            "interactive": {
                "type": "list_reply",
                "list_reply": {"id": "1", "title": "One", "description": "First"},
            },
        },
    ),
    "template": (
        {"tap": {"id": "yes", "title": "Yes", "kind": "template"}},
        {"type": "button", "button": {"payload": "yes", "text": "Yes"}},
    ),
    "reaction": (
        {"react": {"message_id": "wamid.x", "emoji": "👍"}},
        {"type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": "👍"}},
    ),
    "reaction taken back": (
        {"react": {"message_id": "wamid.x", "emoji": ""}},
        {"type": "reaction", "reaction": {"message_id": "wamid.x"}},
    ),
    "raw": (
        {"raw": {"type": "image", "image": {"id": "1"}, "timestamp": "1", "id": "wamid.mine"}},
        {"type": "image", "image": {"id": "1"}, "timestamp": "1", "id": "wamid.mine"},
    ),
}


@pytest.mark.parametrize(("wish", "expected"), ACTS.values(), ids=ACTS.keys())
async def test_each_act_arrives_as_meta_tells_it(wish: Any, expected: dict[str, Any]) -> None:
    async with a_rig() as rig:
        message = (await heard(rig, wish))["messages"][0]

    assert {key: message[key] for key in expected} == expected
    assert set(message) == {"from", "id", "timestamp", *expected}


async def test_a_tap_names_the_message_it_answers() -> None:
    async with a_rig(statuses=False) as rig:
        sent = await rig.send(buttons(button()))
        value = await heard(rig, {"tap": {"id": "yes", "title": "Yes"}})

    wamid = sent.json()["messages"][0]["id"]
    assert value["messages"][0]["context"] == {"from": DISPLAY, "id": wamid}


async def test_the_answer_of_a_flow_names_the_message_it_answers_unless_it_does_already() -> None:
    flow = {"type": "nfm_reply", "nfm_reply": {"name": "flow", "response_json": "{}"}}
    raw = {"type": "interactive", "interactive": flow}
    async with a_rig(statuses=False) as rig:
        sent = await rig.send(buttons(button()))
        first = await heard(rig, {"raw": raw})
        said = (await rig.say({"raw": {**raw, "context": {"id": "wamid.mine"}}})).json()

    wamid = sent.json()["messages"][0]["id"]
    assert first["messages"][0]["context"] == {"from": DISPLAY, "id": wamid}
    assert said["message"]["context"] == {"id": "wamid.mine"}
    assert said["message"]["id"] == said["id"]


WRONG = {
    "nothing": {},
    "two acts": {"text": "Hi", "react": {"message_id": "wamid.x", "emoji": ""}},
    "unknown field": {"text": "Hi", "colour": "red"},
    "empty text": {"text": ""},
    "tap without title": {"tap": {"id": "1"}},
    "tap of another kind": {"tap": {"id": "1", "title": "One", "kind": "link"}},
    "reaction without emoji": {"react": {"message_id": "wamid.x"}},
    "raw without type": {"raw": {}},
    "raw with an empty id": {"raw": {"type": "text", "id": ""}},
    "name as number": {"text": "Hi", "name": 1},
    "unknown number": {"text": "Hi", "number": "999"},
    "number as list": {"text": "Hi", "number": []},
    "a list": [],
}


@pytest.mark.parametrize("wish", WRONG.values(), ids=WRONG.keys())
async def test_a_wish_that_makes_no_sense_is_answered_with_a_sentence(wish: Any) -> None:
    async with a_rig() as rig:
        answer = await rig.say(wish)

    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")
    assert rig.endpoint.requests == []


async def test_a_customer_must_be_a_phone_number_or_a_user_id() -> None:
    async with a_rig() as rig:
        answer = await rig.say({"text": "Hi"}, customer="ana")

    assert answer.json() == {"error": "The customer must be a phone number or a user id."}


async def test_the_phone_shows_the_message_that_was_sent() -> None:
    async with a_rig() as rig:
        answer = await rig.send(text())
        events = await rig.events()

    wamid = answer.json()["messages"][0]["id"]
    shown = {"id": wamid, "number": NUMBER_ID, "body": text(), "at": 1_790_000_000.0}
    assert events == [{"seq": 1, "kind": "message", **shown}]


async def test_the_phone_shows_what_its_owner_wrote() -> None:
    async with a_rig() as rig:
        written = (await rig.say({"text": "Hi"})).json()
        events = await rig.events()

    shown = {"id": written["id"], "number": NUMBER_ID, "message": written["message"]}
    assert events[0] == {"seq": 1, "kind": "written", **shown, "at": 1_790_000_000.0}


async def test_a_phone_that_is_looked_at_shows_the_statuses_of_what_it_got() -> None:
    async with a_rig() as rig:
        await rig.send(text())
        await rig.settle()
        rig.sandbox.phones.of(ANA).shows_statuses = True
        wamid = (await rig.send(text())).json()["messages"][0]["id"]
        await rig.settle()
        events = await rig.events_of("status")

    assert [one["status"] for one in events] == ["sent", "delivered", "read"]
    assert {one["message_id"] for one in events} == {wamid}


async def test_the_phone_shows_ticks_and_typing() -> None:
    async with a_rig() as rig:
        wamid = (await rig.say({"text": "Hi"})).json()["id"]
        await rig.settle()
        await rig.send(read(message_id=wamid))
        await rig.send(read(message_id=wamid, typing_indicator={"type": "text"}))
        events = await rig.events()

    assert events[1:] == [
        {"seq": 2, "kind": "webhook", "message_id": wamid, "http_status": 200},
        {"seq": 3, "kind": "read", "message_id": wamid},
        {"seq": 4, "kind": "read", "message_id": wamid},
        {"seq": 5, "kind": "typing"},
    ]


async def test_the_phone_shows_every_attempt_of_its_own_message() -> None:
    async with a_rig(answers=[503]) as rig:
        await rig.say({"text": "Hi"})
        await rig.settle()
        events = await rig.events_of("webhook")

    assert [event["http_status"] for event in events] == [503, 200]


async def test_events_are_given_after_a_number() -> None:
    async with a_rig() as rig:
        for _ in range(3):
            await rig.send(text())
        events = await rig.events(after=2)

    assert [event["seq"] for event in events] == [3]


async def test_whoever_waits_gets_the_next_event_when_it_comes() -> None:
    async with a_rig() as rig:
        waiting = asyncio.create_task(rig.events(wait=60))
        await rig.send(text())
        async with asyncio.timeout(60):
            events = await waiting

    assert [event["kind"] for event in events] == ["message"]


async def test_whoever_waits_for_nothing_gets_nothing_in_the_end() -> None:
    async with a_rig() as rig:
        assert await rig.events(wait=0.01) == []


@pytest.mark.parametrize("query", [{"after": "x"}, {"wait": "-1"}, {"wait": "nan"}])
async def test_a_query_that_is_no_number_is_refused(query: dict[str, str]) -> None:
    async with a_rig() as rig:
        answer = await rig.client.get(f"/sandbox/customers/{ANA}/events", params=query)

    assert answer.status_code == 400


async def test_a_phone_keeps_its_newest_thousand_events() -> None:
    async with a_rig(enforce_limits=False, statuses=False) as rig:
        for _ in range(1001):
            await rig.send(text())
        events = await rig.events()

    assert (events[0]["seq"], events[-1]["seq"]) == (2, 1001)


async def test_the_oldest_phones_and_messages_make_room() -> None:
    phones = CustomerPhones(most=1)
    first = phones.of("1")
    for number in range(5):
        phones.note_author("1", f"wamid.{number}")

    assert phones.of("2") is phones.of("2")
    assert phones.of("1") is not first
    assert phones.author_of("wamid.0") is None
    assert phones.author_of("wamid.4") is phones.of("1")


@pytest.mark.parametrize(
    ("content", "status", "shown"),
    [
        pytest.param(
            {"text": "Ana waits.", "contact": ANA, "id": "n"}, 200, ["Ana waits."], id="whole"
        ),
        pytest.param({"contact": ANA}, 400, [], id="without a text"),
        pytest.param({"text": "It is over.", "campaign": {}}, 200, [], id="of a campaign"),
    ],
)
async def test_a_notification_stands_among_the_customers_events(
    content: Any, status: int, shown: list[str]
) -> None:
    async with a_rig() as rig:
        answer = await rig.client.post("/sandbox/notifications", json=content)
        events = await rig.events()

    assert answer.status_code == status
    assert [one["text"] for one in events if one["kind"] == "notification"] == shown
