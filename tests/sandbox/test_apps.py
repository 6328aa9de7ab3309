"""Several apps: each with its own token, numbers and webhooks, and no way to those of another."""

import hashlib
import hmac
import json
from typing import Any

import httpx
import pytest

from gateway.sandbox.config import ConfigError
from tests.support.sandbox.message_bodies import text
from tests.support.sandbox.sandbox_app import (
    APP,
    NUMBER_ID,
    SECRET,
    TOKEN,
    WABA,
    Rig,
    a_config,
    a_rig,
)

pytestmark = pytest.mark.anyio

CLINIC: dict[str, Any] = {
    "app_id": "502",
    "app_secret": "secret of the clinic",
    "access_token": "EAAclinic",
    "webhook_url": "http://gateway.test/webhook/clinic",
    "waba_id": "5020",
    "numbers": [{"id": "2001", "display": "15550002001"}],
}
HOTEL: dict[str, Any] = {
    "app_id": "503",
    "app_secret": "secret of the hotel",
    "access_token": "EAAhotel",
    "webhook_url": "http://gateway.test/webhook/hotel",
    "waba_id": "5030",
    "numbers": [{"id": "3001", "display": "15550003001"}],
    "require_proof": True,
}
APPS = (CLINIC, HOTEL)


def proof(token: str = "EAAhotel", secret: str = "secret of the hotel") -> str:
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()


async def send(rig: Rig, number: str, token: str, query: str = "") -> httpx.Response:
    path = f"/v25.0/{number}/messages{query}"
    return await rig.client.post(path, json=text(), headers={"authorization": f"Bearer {token}"})


async def sent(rig: Rig, number: str, token: str, query: str = "") -> Any:
    """Send a message; return 200, or Meta's code, subcode and message."""
    answer = await send(rig, number, token, query)
    if answer.status_code == 200:
        return 200
    error = answer.json()["error"]
    return error["code"], error.get("error_subcode"), error["message"].partition(".")[0]


async def test_each_token_sends_from_the_numbers_of_its_own_app() -> None:
    async with a_rig(more_apps=APPS) as rig:
        codes = [await sent(rig, *one) for one in ((NUMBER_ID, TOKEN), ("2001", "EAAclinic"))]

    assert codes == [200, 200]


async def test_a_token_does_not_reach_a_number_of_another_app() -> None:
    async with a_rig(more_apps=APPS) as rig:
        refused = await sent(rig, "2001", TOKEN)
        unknown = await sent(rig, "9999", TOKEN)

    assert refused == (100, 33, "Unsupported post request")
    assert unknown == refused


async def test_the_webhooks_of_a_number_go_to_its_app_and_bear_its_signature() -> None:
    async with a_rig(more_apps=APPS) as rig:
        await rig.say({"text": "hi", "number": "2001"})
        await rig.endpoint.wait_for(1)

    request = rig.endpoint.requests[0]
    digest = hmac.new(b"secret of the clinic", request.content, hashlib.sha256).hexdigest()
    assert str(request.url) == "http://gateway.test/webhook/clinic"
    assert request.headers["x-hub-signature-256"] == f"sha256={digest}"
    assert json.loads(request.content)["entry"][0]["id"] == "5020"


async def test_statuses_go_to_the_app_of_the_number_that_sent() -> None:
    async with a_rig(more_apps=APPS) as rig:
        await send(rig, "2001", "EAAclinic")
        await send(rig, NUMBER_ID, TOKEN)
        await rig.endpoint.wait_for(6)

    assert sorted(request.url.path for request in rig.endpoint.requests) == [
        *["/webhook"] * 3,
        *["/webhook/clinic"] * 3,
    ]


async def test_a_wish_of_a_customer_goes_to_the_app_of_the_number() -> None:
    async with a_rig(more_apps=APPS) as rig:
        wish = {"marketing": "stop", "number": "2001"}
        await rig.client.post("/sandbox/customers/351900000001/preferences", json=wish)
        await rig.endpoint.wait_for(1)

    assert rig.endpoint.requests[0].url.path == "/webhook/clinic"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", (100, None, "API calls from the server require an appsecret_proof argument")),
        (
            f"?appsecret_proof={proof(secret='another')}",
            (100, None, "Invalid appsecret_proof provided in the API argument"),
        ),
        (f"?appsecret_proof={proof()}", 200),
    ],
    ids=["none", "wrong", "right"],
)
async def test_an_app_may_demand_a_proof_of_its_secret(query: str, expected: Any) -> None:
    async with a_rig(more_apps=APPS) as rig:
        assert await sent(rig, "3001", "EAAhotel", query) == expected


async def test_a_wrong_proof_is_refused_where_none_is_demanded() -> None:
    async with a_rig(more_apps=APPS) as rig:
        refused = await sent(rig, "2001", "EAAclinic", f"?appsecret_proof={proof()}")

    assert refused == (100, None, "Invalid appsecret_proof provided in the API argument")


async def test_the_proof_counts_for_administration_too() -> None:
    async with a_rig(more_apps=APPS) as rig:
        refused = await rig.ask("3001", "EAAhotel")
        answer = await rig.ask(f"3001?fields=status&appsecret_proof={proof()}", "EAAhotel")

    assert refused["error"]["type"] == "GraphMethodException"
    assert answer == {"status": "CONNECTED", "id": "3001"}


async def test_a_control_call_revokes_the_token_of_one_app() -> None:
    async with a_rig(more_apps=APPS) as rig:
        await rig.client.post("/sandbox/token", json={"app": "502", "revoked": True})
        codes = [await sent(rig, *one) for one in (("2001", "EAAclinic"), (NUMBER_ID, TOKEN))]

    assert [codes[0][0], codes[1]] == [190, 200]


async def test_a_token_that_is_rotated_leaves_the_one_before_valid_for_a_while() -> None:
    async with a_rig(more_apps=APPS) as rig:
        change = {"app": "502", "access_token": "EAAnew"}
        await rig.client.post("/sandbox/token", json=change | {"keeps_old": True})
        both = [await sent(rig, "2001", token) for token in ("EAAclinic", "EAAnew")]
        await rig.client.post("/sandbox/token", json=change)
        one = [(await send(rig, "2001", token)).status_code for token in ("EAAclinic", "EAAnew")]

    assert (both, one) == ([200, 200], [401, 200])


async def test_each_app_sees_its_own_token_number_and_account_only() -> None:
    async with a_rig(more_apps=APPS) as rig:
        own = await rig.ask("debug_token?input_token=EAAclinic", "502|secret of the clinic")
        other = await rig.ask(f"debug_token?input_token={TOKEN}", "502|secret of the clinic")
        mixed = await rig.ask("502", f"502|{SECRET}")
        numbers = await rig.ask("5020/phone_numbers?fields=id", "EAAclinic")
        refused = [await rig.ask(path, "EAAclinic") for path in (f"{WABA}/phone_numbers", "3001")]

    assert own["data"]["app_id"] == "502"
    assert other["error"]["code"] == 100
    assert mixed["error"]["message"] == "Invalid OAuth access token signature."
    assert numbers["data"] == [{"id": "2001"}]
    assert [one["error"]["error_subcode"] for one in refused] == [33, 33]


async def test_each_app_has_a_set_up_of_its_own() -> None:
    async with a_rig(more_apps=APPS) as rig:
        await rig.client.post("/sandbox/account", json={"app": "502", "subscribed": False})
        own, first = [
            (await rig.client.get(f"/sandbox/account?app={app}")).json() for app in ("502", APP)
        ]
        await rig.say({"text": "hi", "number": "2001"})
        await rig.say({"text": "hi"})
        await rig.settle()
        tally = (await rig.log())["webhooks"]

    assert (own["subscribed"], first["subscribed"]) == (False, True)
    assert (tally["nowhere"], [one.url.path for one in rig.endpoint.requests]) == (1, ["/webhook"])


async def test_an_unknown_app_is_refused_with_a_sentence() -> None:
    async with a_rig(more_apps=APPS) as rig:
        answer = await rig.client.post("/sandbox/token", json={"app": "777", "revoked": True})

    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "app must be the id of an app of this sandbox."},
    )


@pytest.mark.parametrize("name", ["app_id", "waba_id", "access_token", "numbers"])
def test_two_apps_share_no_id(name: str) -> None:
    mapping = a_config().model_dump(mode="json") | {"more_apps": [CLINIC, HOTEL]}
    mapping["more_apps"][1] = HOTEL | {name: CLINIC[name]}

    with pytest.raises(ConfigError, match="none of their ids and tokens twice"):
        type(a_config()).from_mapping(mapping)
