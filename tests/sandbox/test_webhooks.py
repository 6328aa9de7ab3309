"""Webhooks are signed, say what Meta's say, and come again until the answer is 200."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from itertools import islice

import httpx
import pytest

from gateway.sandbox.simulation.webhook_delivery import retry_pauses, signature
from tests.support.sandbox.message_bodies import message, template, text
from tests.support.sandbox.sandbox_app import ANA, DISPLAY, NUMBER_ID, SECRET, a_rig

pytestmark = pytest.mark.anyio


def test_a_signature_is_what_meta_would_send() -> None:
    body = b'{"object":"whatsapp_business_account","entry":[]}'

    assert signature("test_app_secret", body) == (
        "sha256=dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756"
    )


async def test_the_signature_covers_the_very_bytes_that_are_posted() -> None:
    async with a_rig() as rig:
        await rig.say({"text": "Olá, a/b"})
        await rig.endpoint.wait_for(1)

    request = rig.endpoint.requests[0]
    digest = hmac.new(SECRET.encode(), request.content, hashlib.sha256).hexdigest()
    assert request.headers["x-hub-signature-256"] == f"sha256={digest}"
    assert request.headers["content-type"] == "application/json"
    assert rb"Ol\u00e1, a\/b" in request.content


async def test_an_accepted_message_is_sent_delivered_and_read() -> None:
    async with a_rig() as rig:
        answer = await rig.send(text(biz_opaque_callback_data="send-1"))
        statuses = await rig.endpoint.statuses(3)

    assert [status["status"] for status in statuses] == ["sent", "delivered", "read"]
    assert statuses[0] == {
        "id": answer.json()["messages"][0]["id"],
        "status": "sent",
        "timestamp": "1790000000",
        "recipient_id": ANA,
        "biz_opaque_callback_data": "send-1",
        "pricing": {
            "billable": False,
            "pricing_model": "PMP",
            "type": "free_customer_service",
            "category": "service",
        },
    }
    assert statuses[1]["pricing"] == statuses[0]["pricing"]
    assert "pricing" not in statuses[2]
    assert statuses[2]["biz_opaque_callback_data"] == "send-1"


async def test_a_status_travels_in_metas_envelope() -> None:
    async with a_rig(waba_id="7", read_after_s=None) as rig:
        await rig.send(text())
        envelope = (await rig.endpoint.wait_for(2))[0]

    change = envelope["entry"][0]["changes"][0]
    assert envelope["object"] == "whatsapp_business_account"
    assert envelope["entry"][0]["id"] == "7"
    assert change["field"] == "messages"
    assert change["value"]["messaging_product"] == "whatsapp"
    assert change["value"]["metadata"] == {
        "display_phone_number": DISPLAY,
        "phone_number_id": NUMBER_ID,
    }
    assert change["value"]["contacts"] == [{"profile": {"name": "Sandbox customer"}, "wa_id": ANA}]


async def test_a_status_names_a_user_id_by_its_own_key() -> None:
    async with a_rig() as rig:
        await rig.send(text(to=None, recipient="PT.123"))
        status = (await rig.endpoint.statuses(3))[0]

    assert status["recipient_user_id"] == "PT.123"
    assert "recipient_id" not in status


async def test_a_template_has_its_price() -> None:
    async with a_rig() as rig:
        await rig.send(template())
        status = (await rig.endpoint.statuses(3))[0]

    assert status["pricing"]["billable"] is True


async def test_a_reaction_is_only_sent() -> None:
    async with a_rig() as rig:
        await rig.send(message("reaction", {"message_id": "wamid.x", "emoji": "👍"}))
        await rig.settle()
        statuses = await rig.endpoint.statuses(1)

    assert [status["status"] for status in statuses] == ["sent"]


async def test_a_phone_that_is_never_opened_reads_nothing() -> None:
    async with a_rig(read_after_s=None) as rig:
        await rig.send(text())
        await rig.settle()
        statuses = await rig.endpoint.statuses(2)

    assert [status["status"] for status in statuses] == ["sent", "delivered"]


async def test_statuses_can_be_switched_off() -> None:
    async with a_rig(statuses=False) as rig:
        await rig.send(text())
        log = await rig.log()

    assert log["webhooks"] == {"posted": 0, "ok": 0, "failed": 0, "pending": 0, "nowhere": 0}


async def test_a_webhook_comes_again_until_the_answer_is_200() -> None:
    trouble: list[int | httpx.Response | Exception] = [
        503,
        204,
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("late"),
        302,
    ]
    async with a_rig(answers=trouble) as rig:
        await rig.say({"text": "Hello"})
        bodies = await rig.endpoint.wait_for(6)
        await rig.settle()
        log = await rig.log()

    assert all(body == bodies[0] for body in bodies)
    assert log["webhooks"] == {"posted": 6, "ok": 1, "failed": 5, "pending": 0, "nowhere": 0}


async def test_a_webhook_that_never_answers_is_given_up_for_this_time() -> None:
    async with a_rig(webhook_timeout_s=0.01, retry_pauses_s=()) as rig:
        rig.endpoint.open.clear()
        await rig.say({"text": "Hello"})
        await rig.settle()
        log = await rig.log()

    assert log["webhooks"] == {"posted": 1, "ok": 0, "failed": 1, "pending": 0, "nowhere": 0}


class EndlessBody(httpx.AsyncByteStream):
    """The body of an answer of which nothing comes."""

    def __init__(self) -> None:
        self.is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    async def aclose(self) -> None:
        self.is_closed = True


async def test_an_answer_that_does_not_end_is_given_up_with_its_connection() -> None:
    body = EndlessBody()
    answer = httpx.Response(200, stream=body)
    async with a_rig(answers=[answer], webhook_timeout_s=0.01, retry_pauses_s=()) as rig:
        await rig.say({"text": "Hello"})
        await rig.settle()
        log = await rig.log()

    assert (log["webhooks"]["failed"], body.is_closed) == (1, True)


async def test_a_status_waits_for_the_one_before_it() -> None:
    async with a_rig(answers=[503, 503]) as rig:
        await rig.send(text())
        statuses = await rig.endpoint.statuses(5)

    words = [status["status"] for status in statuses]
    assert words == ["sent", "sent", "sent", "delivered", "read"]


async def test_a_webhook_that_fails_does_not_hold_up_another() -> None:
    async with a_rig(answers=[503], retry_pauses_s=(600.0,)) as rig:
        await rig.say({"text": "One"})
        await rig.endpoint.wait_for(1)
        await rig.say({"text": "Two"})
        values = await rig.endpoint.values(2)

    assert [value["messages"][0]["text"]["body"] for value in values] == ["One", "Two"]


async def test_updates_can_share_a_post() -> None:
    async with a_rig(batch_max=3, batch_wait_s=60.0) as rig:
        for word in ("One", "Two", "Three"):
            await rig.say({"text": word})
        bodies = await rig.endpoint.wait_for(1)
        await rig.settle()

    changes = bodies[0]["entry"][0]["changes"]
    words = [change["value"]["messages"][0]["text"]["body"] for change in changes]
    assert words == ["One", "Two", "Three"]


async def test_a_call_sets_how_many_updates_share_a_post() -> None:
    async with a_rig(batch_wait_s=60.0) as rig:
        wrong = [
            await rig.client.post("/sandbox/batch", json={"batch_max": one})
            for one in (0, 1001, "2")
        ]
        answer = await rig.client.post("/sandbox/batch", json={"batch_max": 2})
        for word in ("One", "Two"):
            await rig.say({"text": word})
        bodies = await rig.endpoint.wait_for(1)
        await rig.settle()

    assert [one.status_code for one in wrong] == [400] * 3
    assert answer.json() == {"batch_max": 2}
    assert len(bodies[0]["entry"][0]["changes"]) == 2


async def test_a_post_that_does_not_fill_leaves_after_a_moment() -> None:
    async with a_rig(batch_max=3, batch_wait_s=0.001) as rig:
        await rig.say({"text": "Alone"})
        bodies = await rig.endpoint.wait_for(1)
        await rig.say({"text": "Later"})
        await rig.endpoint.wait_for(2)

    assert len(bodies[0]["entry"][0]["changes"]) == 1


async def test_no_more_posts_are_under_way_than_allowed() -> None:
    async with a_rig(max_deliveries=2) as rig:
        rig.endpoint.open.clear()
        for number in range(5):
            await rig.say({"text": str(number)})
        await rig.endpoint.wait_for(2)
        await rig.log()
        rig.endpoint.open.set()
        await rig.endpoint.wait_for(5)

    assert rig.endpoint.most_under_way == 2


async def test_updates_beyond_what_may_be_owed_are_dropped() -> None:
    async with a_rig(pending_max=2, max_deliveries=1) as rig:
        rig.endpoint.open.clear()
        for number in range(3):
            await rig.say({"text": str(number)})
        owed = await rig.log()
        rig.endpoint.open.set()
        await rig.settle()
        log = await rig.log()

    assert (owed["webhooks"]["pending"], owed["webhooks"]["failed"]) == (2, 1)
    assert log["webhooks"] == {"posted": 2, "ok": 2, "failed": 1, "pending": 0, "nowhere": 0}


def test_pauses_grow_then_repeat_the_last_until_the_time_is_over() -> None:
    assert list(retry_pauses((0, 1, 2, 5), 20)) == [0, 1, 2, 5, 5, 5]
    assert list(retry_pauses((0, 1, 30), 20)) == [0, 1]
    assert list(retry_pauses((), 20)) == []
    assert list(islice(retry_pauses((5,), 3600), 3)) == [5, 5, 5]
