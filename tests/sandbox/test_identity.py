"""Customers are known by phone number, user id or both, hide the one and change either."""

from typing import Any

import httpx
import pytest

from tests.support.sandbox.message_bodies import text
from tests.support.sandbox.sandbox_app import ANA, Rig, a_rig

pytestmark = pytest.mark.anyio
USER, NEW_USER, NEW_PHONE = "PT.7301120458129930", "PT.900", "351900000009"
BOTH = {"user_id": USER}
HIDDEN = {"user_id": USER, "username": "ana.s", "hides_phone": True}


async def act(rig: Rig, what: str, wish: Any, customer: str = ANA) -> httpx.Response:
    return await rig.client.post(f"/sandbox/customers/{customer}/{what}", json=wish)


async def heard(rig: Rig) -> Any:
    """Let Ana write, and give the value that reaches the business."""
    await rig.say({"text": "Hi", "name": "Ana"})
    return (await rig.endpoint.values(1))[-1]


NAMED: dict[str, tuple[Any, Any, Any]] = {
    "both": (
        BOTH,
        {"from": ANA, "from_user_id": USER},
        {"profile": {"name": "Ana"}, "wa_id": ANA, "user_id": USER},
    ),
    "a username": (
        HIDDEN,
        {"from_user_id": USER},
        {"profile": {"name": "Ana", "username": "ana.s"}, "user_id": USER},
    ),
}


@pytest.mark.parametrize(("identity", "sender", "contact"), NAMED.values(), ids=NAMED)
async def test_a_message_names_all_that_the_business_may_know(
    identity: Any, sender: Any, contact: Any
) -> None:
    async with a_rig() as rig:
        await act(rig, "identity", identity)
        value = await heard(rig)

    message = value["messages"][0]
    assert {key: message[key] for key in message if key.startswith("from")} == sender
    assert value["contacts"] == [contact]


@pytest.mark.parametrize(
    ("identity", "recipient"),
    [
        (BOTH, {"recipient_id": ANA, "recipient_user_id": USER}),
        (HIDDEN, {"recipient_user_id": USER}),
    ],
    ids=["both", "a username"],
)
async def test_a_status_names_all_that_the_business_may_know(identity: Any, recipient: Any) -> None:
    async with a_rig(read_after_s=None) as rig:
        await act(rig, "identity", identity)
        await rig.send(text())
        status = (await rig.endpoint.statuses(2))[0]

    assert {key: status[key] for key in status if key.startswith("recipient")} == recipient


async def test_phone_number_and_user_id_are_one_phone_and_one_pair() -> None:
    async with a_rig(statuses=False) as rig:
        await act(rig, "identity", BOTH)
        answers = [await rig.send(text()) for _ in range(45)]
        by_user_id = await rig.send(text(to=None, recipient=USER))
        events = [await rig.events(ANA), await rig.events(USER)]

    assert answers[0].json()["contacts"] == [{"input": f"+{ANA}", "wa_id": ANA, "user_id": USER}]
    assert by_user_id.json()["error"]["code"] == 131056
    assert events[0] == events[1]
    assert [one["kind"] for one in events[0]] == ["message"] * 45 + ["refused"]


async def test_a_user_id_is_answered_without_the_hidden_phone_number() -> None:
    async with a_rig() as rig:
        await act(rig, "identity", HIDDEN)
        answer = await rig.send(text(to=None, recipient=USER))

    assert answer.json()["contacts"] == [{"input": USER, "user_id": USER}]


async def test_the_window_is_that_of_the_customer_however_named() -> None:
    async with a_rig(enforce_window="answer") as rig:
        await act(rig, "identity", BOTH)
        await rig.say({"text": "Hi"})
        answer = await rig.send(text(to=None, recipient=USER))

    assert answer.status_code == 200


CHANGES: dict[str, tuple[Any, Any, Any]] = {
    "phone number": (
        {},
        {"phone": f"+{NEW_PHONE}"},
        {
            "body": f"User Ana changed from {ANA} to {NEW_PHONE}", "wa_id": NEW_PHONE,
            "type": "user_changed_number",
        },
    ),
    "phone number and user id": (
        BOTH,
        {"phone": NEW_PHONE, "user_id": NEW_USER},
        {
            "body": f"User Ana changed from {ANA} to {NEW_PHONE}", "wa_id": NEW_PHONE,
            "user_id": NEW_USER, "previous_user_id": USER, "type": "user_changed_number",
        },
    ),
    "user id": (
        BOTH,
        {"user_id": NEW_USER},
        {
            "body": "User Ana changed their user id", "user_id": NEW_USER,
            "previous_user_id": USER, "type": "user_changed_user_id",
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize(("identity", "wish", "system"), CHANGES.values(), ids=CHANGES)
async def test_a_change_is_told_by_a_system_message_of_the_old_name(
    identity: Any, wish: Any, system: Any
) -> None:
    async with a_rig() as rig:
        await act(rig, "identity", {"username": "", **identity})
        await heard(rig)
        answer = await act(rig, "change", wish)
        value = (await rig.endpoint.values(2))[1]

    (message,) = value["messages"]
    assert "contacts" not in value
    assert (message["type"], message["system"], message["from"]) == ("system", system, ANA)
    assert message["id"] == answer.json()["id"]


async def test_whoever_changed_the_number_is_the_same_customer_and_the_old_one_is_a_stranger() -> (
    None
):
    async with a_rig(enforce_window="answer") as rig:
        await rig.say({"text": "Hi"})
        await act(rig, "change", {"phone": NEW_PHONE})
        old = await rig.send(text())
        new = await rig.send(text(to=f"+{NEW_PHONE}"))

    assert (old.status_code, new.status_code) == (400, 200)


async def test_a_change_is_no_word_of_the_customer() -> None:
    async with a_rig(enforce_window="answer") as rig:
        await act(rig, "change", {"phone": NEW_PHONE})
        answer = await rig.send(text(to=f"+{NEW_PHONE}"))

    assert answer.json()["error"]["code"] == 131047


WRONG: dict[str, tuple[str, Any]] = {
    "nothing": ("identity", {}),
    "another field": ("identity", {"email": "x"}),
    "no phone number": ("identity", {"phone": "ana"}),
    "no user id": ("identity", {"user_id": 1}),
    "username as number": ("identity", {"username": 1}),
    "hiding as number": ("identity", {"hides_phone": 1}),
    "hiding all": ("identity", {"hides_phone": True}),
    "a change of nothing": ("change", {"number": "2"}),
    "a change at no number": ("change", {"phone": NEW_PHONE, "number": "999"}),
}


@pytest.mark.parametrize(("what", "wish"), WRONG.values(), ids=WRONG)
async def test_a_wish_that_makes_no_sense_is_answered_with_a_sentence(what: str, wish: Any) -> None:
    async with a_rig() as rig:
        answer = await act(rig, what, wish)
        value = await heard(rig)

    assert (answer.status_code, answer.json()["error"][-1]) == (400, ".")
    assert value["messages"][0]["from"] == ANA
