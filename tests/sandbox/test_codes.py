"""Every code of Meta comes on demand, in the way and with the status with which Meta tells it."""

import re
from typing import Any

import pytest

from gateway.core.sending.error_codes import ERROR_POLICIES
from gateway.sandbox.errors import CODES
from tests.support.sandbox.message_bodies import template, text
from tests.support.sandbox.sandbox_app import NUMBER_ID, TOKEN, a_rig

pytestmark = pytest.mark.anyio

BY_STATUS = {code for code, known in CODES.items() if known.by_status}
IN_ANSWER = set(CODES) - BY_STATUS


@pytest.mark.parametrize("code", sorted(IN_ANSWER))
async def test_a_code_of_the_answer_is_told_as_graph_does(code: int) -> None:
    async with a_rig() as rig:
        await rig.fault({"code": {"code": code}})
        answer = await rig.send(text())
        log = await rig.log()

    error = answer.json()["error"]
    assert answer.status_code == CODES[code].status
    assert (error["code"], error["type"]) == (code, "OAuthException")
    assert error["message"] == f"(#{code}) {CODES[code].title}"
    assert re.fullmatch(r"A[\w-]{22}", error["fbtrace_id"])
    assert ("error_data" in error) is (code == 100 or code >= 80_000)
    assert error.get("is_transient", False) is (code in (2, 4, 17, 32, 613))
    assert log["messages"] == []


@pytest.mark.parametrize("code", sorted(BY_STATUS))
async def test_a_code_of_a_status_follows_an_accepted_message(code: int) -> None:
    async with a_rig() as rig:
        await rig.fault({"code": {"code": code}})
        answer = await rig.send(text())
        (status,) = await rig.endpoint.statuses(1)

    (error,) = status["errors"]
    assert (answer.status_code, status["status"]) == (200, "failed")
    assert (error["code"], error["title"]) == (code, CODES[code].title)
    assert (error["message"], set(error["error_data"])) == (error["title"], {"details"})
    assert error["href"].startswith("https://developers.facebook.com/")
    assert "pricing" not in status


async def test_every_code_that_the_gateway_knows_is_in_the_table() -> None:
    assert set(ERROR_POLICIES) <= set(CODES)


async def test_the_table_can_be_asked_for() -> None:
    async with a_rig() as rig:
        told = (await rig.client.get("/sandbox/codes")).json()

    assert set(told) == {str(code) for code in CODES}
    assert told["131045"] == {
        "title": "Incorrect certificate", "status": 500, "by_status": False, "transient": False,
    }  # fmt: skip


STATUSES = {None: 500, 400: 400}


@pytest.mark.parametrize(("given", "status"), STATUSES.items(), ids=str)
async def test_an_error_has_the_status_of_the_table_unless_another_is_given(
    given: int | None, status: int
) -> None:
    async with a_rig() as rig:
        await rig.fault({"error": {"code": 131045, **({"status": given} if given else {})}})
        answer = await rig.send(text())

    assert answer.status_code == status


async def test_an_unknown_code_is_refused_with_400() -> None:
    async with a_rig() as rig:
        await rig.fault({"code": {"code": 199_999}})
        answer = await rig.send(text())

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 199_999)


async def test_a_fault_of_one_number_spares_another() -> None:
    async with a_rig() as rig:
        await rig.fault({"error": {"code": 131031, "number": "2", "times": 9}})
        first = await rig.send(text())
        second = await rig.send(text(), path="/v25.0/2/messages")

    assert (first.status_code, second.status_code) == (200, 403)


async def test_numbers_can_have_faults_of_their_own() -> None:
    wish: Any = [{"code": 131042, "number": NUMBER_ID}, {"code": 131026, "number": "2"}]
    async with a_rig() as rig:
        armed = await rig.fault({"fail_status": wish})
        await rig.send(text(), path="/v25.0/2/messages")
        await rig.send(text())
        first, second = await rig.endpoint.statuses(2)
        left = await rig.client.get("/sandbox/faults")

    assert armed.json() == {"fail_status": [{**one, "times": 1} for one in wish]}
    assert {one["errors"][0]["code"] for one in (first, second)} == {131026, 131042}
    assert left.json() == {}


async def test_a_revoked_token_is_told_as_meta_does_until_it_is_given_back() -> None:
    async with a_rig() as rig:
        await rig.client.post("/sandbox/token", json={"revoked": True})
        refused = await rig.send(text())
        await rig.client.post("/sandbox/token", json={"revoked": False})
        accepted = await rig.send(text())

    error = refused.json()["error"]
    assert (refused.status_code, accepted.status_code) == (401, 200)
    assert (error["code"], error["error_subcode"], error["type"]) == (190, 467, "OAuthException")
    assert error["message"].startswith("Error validating access token")
    assert TOKEN not in refused.text


async def test_a_token_can_be_changed() -> None:
    async with a_rig() as rig:
        await rig.client.post("/sandbox/token", json={"access_token": "EAAnew"})
        old = await rig.send(template())
        new = await rig.client.post(
            f"/v25.0/{NUMBER_ID}/messages", json=text(), headers={"authorization": "Bearer EAAnew"}
        )

    assert (old.status_code, new.status_code) == (401, 200)


@pytest.mark.parametrize("wish", [{}, {"revoked": 1}, {"access_token": ""}, {"token": "x"}, []])
async def test_a_wish_for_a_token_that_makes_no_sense_is_answered_with_a_sentence(
    wish: Any,
) -> None:
    async with a_rig() as rig:
        answer = await rig.client.post("/sandbox/token", json=wish)

    assert (answer.status_code, answer.json()["error"][-1]) == (400, ".")
