"""The Graph endpoint believes nobody, answers like Meta, and logs what it judged."""

from typing import Any

import pytest

from tests.support.sandbox.message_bodies import WAMID, message, read, template, text
from tests.support.sandbox.sandbox_app import ANA, NUMBER_ID, PATH, TOKEN, a_rig

pytestmark = pytest.mark.anyio

BEARER = {"authorization": f"Bearer {TOKEN}"}
GROUP = "Y2FwaV9ncm91cDoxNzA1NTU1MDEzOQ"
JSON = {"content-type": "application/json"}


async def test_an_accepted_text_is_answered_with_its_id() -> None:
    async with a_rig() as rig:
        answer = await rig.send(text())

    wamid = answer.json()["messages"][0]["id"]
    assert answer.status_code == 200
    assert wamid.startswith("wamid.")
    assert answer.json() == {
        "messaging_product": "whatsapp",
        "contacts": [{"input": "+351900000001", "wa_id": "351900000001"}],
        "messages": [{"id": wamid}],
    }


async def test_an_accepted_template_says_so() -> None:
    async with a_rig() as rig:
        answer = await rig.send(template())

    assert answer.json()["messages"][0]["message_status"] == "accepted"


async def test_a_user_id_is_answered_as_user_id() -> None:
    async with a_rig() as rig:
        answer = await rig.send(text(to=None, recipient="PT.123"))

    assert answer.json()["contacts"] == [{"input": "PT.123", "user_id": "PT.123"}]


async def test_a_group_gets_messages_and_its_statuses_name_it() -> None:
    async with a_rig(enforce_window="answer") as rig:
        answer = await rig.send(text(to=GROUP, recipient_type="group"))
        statuses = await rig.endpoint.statuses(2)

    assert answer.json()["contacts"] == [{"input": GROUP, "wa_id": GROUP}]
    assert {(one["recipient_id"], one["recipient_type"]) for one in statuses} == {(GROUP, "group")}


async def test_to_wins_over_a_user_id() -> None:
    async with a_rig() as rig:
        answer = await rig.send(text(recipient="PT.123"))

    assert answer.json()["contacts"] == [{"input": "+351900000001", "wa_id": "351900000001"}]


async def test_no_two_messages_have_one_id() -> None:
    async with a_rig() as rig:
        answers = [await rig.send(text()) for _ in range(20)]

    assert len({answer.json()["messages"][0]["id"] for answer in answers}) == 20


async def test_the_log_holds_accepted_messages_in_order() -> None:
    async with a_rig() as rig:
        first = await rig.send(text("One", biz_opaque_callback_data="send-1"))
        await rig.send(text("Two"))
        log = await rig.log()

    assert [entry["body"]["text"]["body"] for entry in log["messages"]] == ["One", "Two"]
    assert log["messages"][0] == {
        "wamid": first.json()["messages"][0]["id"],
        "number": NUMBER_ID,
        "to": ANA,
        "callback": "send-1",
        "body": text("One", biz_opaque_callback_data="send-1"),
        "at": 1_790_000_000.0,
    }
    assert log["messages"][1]["callback"] is None


async def test_the_log_holds_refusals_and_can_be_emptied() -> None:
    async with a_rig() as rig:
        await rig.send(message("poll", {}))
        log = await rig.log()
        await rig.client.delete("/sandbox/log")
        emptied = await rig.log()

    assert [(entry["code"], entry["at"]) for entry in log["refused"]] == [(131051, 1_790_000_000)]
    assert log["messages"] == emptied["refused"] == []


async def test_the_log_forgets_the_oldest() -> None:
    async with a_rig(log_max=2) as rig:
        for word in ("One", "Two", "Three"):
            await rig.send(text(word))
        log = await rig.log()

    assert [entry["body"]["text"]["body"] for entry in log["messages"]] == ["Two", "Three"]


async def test_a_refusal_has_the_body_that_meta_gives() -> None:
    async with a_rig() as rig:
        answer = await rig.send(text(""))

    error = answer.json()["error"]
    trace = error.pop("fbtrace_id")
    assert answer.status_code == 400
    assert len(trace) > 10
    assert error == {
        "message": "(#131009) Parameter value is not valid",
        "type": "OAuthException",
        "code": 131009,
        "error_data": {
            "messaging_product": "whatsapp",
            "details": "Parameter text.body must not be empty.",
        },
    }


@pytest.mark.parametrize(
    "headers",
    [JSON, JSON | {"authorization": "Bearer other"}, JSON | {"authorization": TOKEN}],
    ids=["no token", "another token", "no bearer"],
)
async def test_a_stranger_is_refused(headers: dict[str, str]) -> None:
    async with a_rig() as rig:
        answer = await rig.client.post(PATH, content=b"{}", headers=headers)

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == 190


async def test_an_unknown_number_is_refused_with_its_subcode() -> None:
    async with a_rig() as rig:
        answer = await rig.send(text(), path="/v25.0/999/messages")

    error = answer.json()["error"]
    assert answer.status_code == 400
    assert (error["code"], error["error_subcode"]) == (100, 33)
    assert error["type"] == "GraphMethodException"


async def test_where_any_number_is_ours_an_unknown_one_may_send() -> None:
    async with a_rig(any_number=True) as rig:
        answer = await rig.send(text(), path="/v25.0/999/messages")
        counted = (await rig.client.get("/sandbox/pace")).json()
        odd = await rig.send(text(), path="/v25.0/me/messages")

    assert answer.status_code == 200
    assert counted["999"]["accepted"] == 1
    assert odd.json()["error"]["error_subcode"] == 33


async def test_a_path_without_version_is_refused() -> None:
    async with a_rig() as rig:
        answer = await rig.send(text(), path=f"/graph/{NUMBER_ID}/messages")

    assert answer.json()["error"]["code"] == 2500


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"{", JSON),
        (b"[]", JSON),
        (b"\xff", JSON),
        (b'{"messaging_product":"whatsapp"}', {"content-type": "text/plain"}),
    ],
    ids=["cut short", "a list", "no text", "another content type"],
)
async def test_what_is_no_json_object_is_refused(content: bytes, headers: dict[str, str]) -> None:
    async with a_rig() as rig:
        answer = await rig.client.post(PATH, content=content, headers=headers | BEARER)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == 100


async def test_a_body_over_a_megabyte_is_not_read() -> None:
    async with a_rig() as rig:
        answer = await rig.client.post(PATH, content=b" " * 1_048_577, headers=JSON | BEARER)

    assert answer.status_code == 413


async def test_a_number_cannot_write_to_itself() -> None:
    async with a_rig() as rig:
        answer = await rig.send(text(to="+15550001111"))

    assert answer.json()["error"]["code"] == 131021


@pytest.mark.parametrize("others", [{}, {"typing_indicator": {"type": "text"}}])
async def test_a_read_mark_of_a_replayed_message_succeeds(others: dict[str, Any]) -> None:
    async with a_rig() as rig:
        answer = await rig.send(read(message_id=WAMID, **others))
        log = await rig.log()

    assert answer.json() == {"success": True}
    assert log["messages"] == []


async def test_the_sandbox_says_that_it_is_up() -> None:
    async with a_rig() as rig:
        answer = await rig.client.get("/sandbox/health")

    assert answer.json() == {"status": "ok"}
