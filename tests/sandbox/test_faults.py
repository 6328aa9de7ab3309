"""Each fault happens as often as asked for, and then no more."""

import time
from typing import Any

import pytest

from tests.support.sandbox.message_bodies import read, text
from tests.support.sandbox.sandbox_app import a_rig

pytestmark = pytest.mark.anyio


async def test_a_lost_answer_belongs_to_an_accepted_message() -> None:
    async with a_rig() as rig:
        await rig.fault({"lose": 1})
        with pytest.raises(ConnectionAbortedError):
            await rig.send(text("One"))
        after = await rig.send(text("Two"))
        statuses = await rig.endpoint.statuses(6)
        log, (lost,) = await rig.log(), await rig.events_of("lost")

    assert after.status_code == 200
    assert lost["message_id"] == log["messages"][0]["wamid"]
    assert [entry["body"]["text"]["body"] for entry in log["messages"]] == ["One", "Two"]
    assert log["messages"][0]["wamid"] in {status["id"] for status in statuses}


@pytest.mark.parametrize(("code", "status"), [(130429, 400), (131056, 400), (131016, 503)])
async def test_an_error_refuses_so_many_messages(code: int, status: int) -> None:
    async with a_rig() as rig:
        await rig.fault({"error": {"code": code, "status": status, "times": 2}})
        answers = [await rig.send(text()) for _ in range(3)]
        log, refused = await rig.log(), await rig.events_of("refused")

    assert [answer.status_code for answer in answers] == [status, status, 200]
    assert answers[0].json()["error"]["code"] == code
    assert [entry["code"] for entry in log["refused"]] == [code, code]
    assert [(one["code"], one["body"]) for one in refused] == [(code, text())] * 2
    assert len(log["messages"]) == 1


async def test_an_http_fault_is_no_graph_error() -> None:
    async with a_rig() as rig:
        await rig.fault({"http": {"status": 502, "times": 1}})
        broken, whole = await rig.send(text()), await rig.send(text())

    assert broken.status_code == 502
    assert broken.headers["content-type"].startswith("text/html")
    assert whole.status_code == 200


async def test_a_slow_answer_belongs_to_a_message_that_was_accepted_at_once() -> None:
    async with a_rig() as rig:
        await rig.fault({"slow": {"seconds": 0.05}})
        began = time.monotonic()
        answer = await rig.send(text())
        took_s = time.monotonic() - began
        events = await rig.events()

    assert answer.status_code == 200
    assert took_s >= 0.05
    assert len(events) == 1


async def test_a_duplicate_is_posted_twice_with_the_same_bytes() -> None:
    async with a_rig() as rig:
        await rig.fault({"duplicate": 1})
        await rig.say({"text": "One"})
        bodies = await rig.endpoint.wait_for(2)
        await rig.settle()
        await rig.say({"text": "Two"})
        await rig.settle()

    assert bodies[0] == bodies[1]
    assert len(rig.endpoint.requests) == 3


async def test_reordered_statuses_come_backwards() -> None:
    async with a_rig() as rig:
        await rig.fault({"reorder": 1})
        await rig.send(text())
        statuses = await rig.endpoint.statuses(3)

    assert [status["status"] for status in statuses] == ["read", "delivered", "sent"]


async def test_a_failed_status_follows_an_accepted_message() -> None:
    async with a_rig() as rig:
        await rig.fault({"fail_status": {"code": 131026, "times": 1}})
        answer = await rig.send(text(biz_opaque_callback_data="send-1"))
        await rig.settle()
        value = (await rig.endpoint.values(1))[0]
        events = await rig.events()

    status = value["statuses"][0]
    assert answer.status_code == 200
    assert (status["status"], status["errors"][0]["code"]) == ("failed", 131026)
    assert status["biz_opaque_callback_data"] == "send-1"
    assert "contacts" not in value
    assert [(one["kind"], one["code"]) for one in events] == [("failed", 131026)]
    assert len(rig.endpoint.requests) == 1


async def test_faults_spare_read_marks_and_refused_bodies() -> None:
    async with a_rig() as rig:
        await rig.fault({"http": {"status": 500}})
        mark, refused = await rig.send(read()), await rig.send(text(""))
        armed = await rig.client.get("/sandbox/faults")

    assert (mark.status_code, refused.status_code) == (200, 400)
    assert armed.json() == {"http": {"status": 500, "times": 1}}


async def test_faults_are_shown_and_cleared() -> None:
    async with a_rig() as rig:
        armed = await rig.fault({"lose": 2, "error": {"code": 1}, "slow": {"seconds": 1}})
        more = await rig.fault({"lose": 0})
        cleared = await rig.client.delete("/sandbox/faults")
        shown = await rig.client.get("/sandbox/faults")

    error = {"code": 1, "status": 400, "times": 1}
    slow = {"seconds": 1, "times": 1}
    assert armed.json() == {"lose": 2, "error": error, "slow": slow}
    assert more.json() == {"error": error, "slow": slow}
    assert cleared.json() == shown.json() == {}


async def test_a_seed_repeats_which_messages_a_likely_fault_hits() -> None:
    wish = {"seed": 7, "error": {"code": 131016, "times": 1000, "probability": 0.5}}
    runs = []
    for _ in range(2):
        async with a_rig() as rig:
            armed = (await rig.fault(wish)).json()
            runs.append([(await rig.send(text())).status_code for _ in range(20)])
            left = (await rig.client.get("/sandbox/faults")).json()["error"]["times"]

    assert armed == {"error": {"code": 131016, "status": 500, "times": 1000, "probability": 0.5}}
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}
    assert left == 1000 - runs[0].count(500)


WRONG: dict[str, Any] = {
    "nothing": {},
    "a list": ["lose"],
    "unknown": {"explode": 1},
    "number for an object": {"error": 1},
    "never": {"lose": {"probability": 0}},
    "more than always": {"slow": {"seconds": 1, "probability": 2}},
    "seed as text": {"lose": 1, "seed": "7"},
    "flag": {"lose": True},
    "negative": {"lose": -1},
    "without code": {"fail_status": {"times": 1}},
    "extra field": {"http": {"status": 500, "body": "x"}},
    "status 200": {"http": {"status": 200}},
    "seconds as text": {"slow": {"seconds": "1"}},
    "an hour": {"slow": {"seconds": 3600}},
    "half a time": {"duplicate": 0.5},
    "one right and one wrong": {"lose": 1, "explode": 1},
}


@pytest.mark.parametrize("wish", WRONG.values(), ids=WRONG.keys())
async def test_a_fault_that_makes_no_sense_is_answered_with_a_sentence(wish: Any) -> None:
    async with a_rig() as rig:
        answer = await rig.fault(wish)
        armed = await rig.client.get("/sandbox/faults")

    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")
    assert armed.json() == {}


async def test_a_fault_that_is_no_json_is_answered_with_a_sentence() -> None:
    async with a_rig() as rig:
        answer = await rig.client.post("/sandbox/faults", content=b"{")

    assert answer.json() == {"error": "The body must be JSON."}
