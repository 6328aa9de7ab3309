"""What a number gets through is counted, its limit can be changed, and answers can take time."""

import asyncio
import time
from typing import Any

import pytest

from tests.support.sandbox.message_bodies import text
from tests.support.sandbox.sandbox_app import NUMBER_ID, Rig, a_rig

pytestmark = pytest.mark.anyio
NOTHING = {"accepted": 0, "inbound": 0, "refused": {}, "seconds": []}


async def burst(rig: Rig, count: int) -> list[int]:
    """Send to so many customers at once, and give the HTTP statuses of the answers."""
    return [(await rig.send(text(to=f"+3519{i:08}"))).status_code for i in range(count)]


async def grant(rig: Rig, wish: Any, number: str = NUMBER_ID) -> Any:
    return await rig.client.post(f"/sandbox/numbers/{number}", json=wish)


async def pace(rig: Rig, number: str = NUMBER_ID) -> Any:
    return (await rig.client.get("/sandbox/pace")).json()[number]


async def test_accepted_and_refused_messages_are_counted_by_number() -> None:
    async with a_rig(messages_per_second=2, statuses=False) as rig:
        await burst(rig, 5)
        rig.clock.advance(1)
        await burst(rig, 1)
        await rig.say({"text": "Hi"})

        assert await pace(rig) == {
            "accepted": 3, "inbound": 1, "refused": {"130429": 3},
            "seconds": [[1_790_000_000, 2], [1_790_000_001, 1]],
        }  # fmt: skip
        assert await pace(rig, "2") == NOTHING


async def test_the_pair_limit_is_counted_by_its_own_code() -> None:
    async with a_rig(statuses=False) as rig:
        for _ in range(46):
            await rig.send(text())

        assert (await pace(rig))["refused"] == {"131056": 1}


async def test_counting_can_begin_anew() -> None:
    async with a_rig(statuses=False) as rig:
        await burst(rig, 2)
        await rig.client.delete("/sandbox/pace")

        assert await pace(rig) == NOTHING


async def test_a_limit_can_be_changed_for_one_number_without_a_word() -> None:
    async with a_rig(messages_per_second=1) as rig:
        told = await grant(rig, {"messages_per_second": 3})

        assert told.json() == {"id": NUMBER_ID, "messages_per_second": 3}
        assert await burst(rig, 4) == [200, 200, 200, 400]
        answers = [await rig.send(text(), path="/v25.0/2/messages") for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 400]


async def test_an_upgrade_raises_the_limit_and_is_announced() -> None:
    async with a_rig(messages_per_second=1, statuses=False) as rig:
        await grant(rig, {"messages_per_second": 1000, "announce": True})
        (body,) = await rig.endpoint.wait_for(1)

        assert await burst(rig, 3) == [200, 200, 200]
    (entry,) = body["entry"]
    assert isinstance(entry["time"], int)
    assert entry["changes"] == [
        {
            "field": "phone_number_quality_update",
            "value": {
                "display_phone_number": "15550001111", "event": "THROUGHPUT_UPGRADE",
                "current_limit": "TIER_UNLIMITED",
            },
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wish", "number"),
    [
        ({}, NUMBER_ID),
        ({"messages_per_second": 0}, NUMBER_ID),
        ({"messages_per_second": True}, NUMBER_ID),
        ({"messages_per_second": 1, "more": 1}, NUMBER_ID),
        ({"messages_per_second": 1}, "999"),
    ],
    ids=["nothing", "none", "flag", "more", "unknown number"],
)
async def test_a_limit_that_makes_no_sense_is_answered_with_a_sentence(
    wish: Any, number: str
) -> None:
    async with a_rig() as rig:
        answer = await grant(rig, wish, number)

    assert (answer.status_code, answer.json()["error"][-1]) == (400, ".")


async def test_answers_take_their_time_and_hold_nobody_up() -> None:
    async with a_rig(answer_after_s=2.0, statuses=False) as rig:
        began = time.monotonic()
        answers = await asyncio.gather(*(rig.send(text()) for _ in range(20)))
        took_s = time.monotonic() - began
        events = await rig.events()

    assert {answer.status_code for answer in answers} == {200}
    assert 2 <= took_s < 20  # One after another they would take forty seconds.
    assert len(events) == 20
