"""Where webhooks go: the handshake comes first, and the nearest callback wins."""

from typing import Any

import httpx
import pytest

from tests.support.sandbox.sandbox_app import APP, NUMBER_ID, SECRET, WABA, WORD, Rig, a_rig

pytestmark = pytest.mark.anyio

AS_APP = f"{APP}|{SECRET}"
TUNNEL = "https://tunnel.test/webhook"


async def override(rig: Rig, uri: str = TUNNEL, word: str = WORD, number: str = NUMBER_ID) -> Any:
    wish = {"override_callback_uri": uri, "verify_token": word}
    return await rig.ask(number, method="POST", webhook_configuration=wish)


async def hosts(rig: Rig, posts: int) -> list[str]:
    await rig.endpoint.wait_for(posts)
    return [request.url.host for request in rig.endpoint.requests]


async def test_a_numbers_own_callback_gets_its_messages_and_no_others() -> None:
    async with a_rig() as rig:
        assert await override(rig) == {"success": True}
        await rig.say({"text": "Hello"})
        await hosts(rig, 1)
        await rig.say({"text": "Hello", "number": "2"})

        assert await hosts(rig, 2) == ["tunnel.test", "gateway.test"]


async def test_what_cannot_be_overridden_goes_to_the_app() -> None:
    async with a_rig() as rig:
        await override(rig)
        wish = {"messages_per_second": 1000, "announce": True}
        await rig.client.post(f"/sandbox/numbers/{NUMBER_ID}", json=wish)

        assert await hosts(rig, 1) == ["gateway.test"]


async def test_an_empty_callback_takes_the_override_away() -> None:
    async with a_rig() as rig:
        await override(rig)
        assert await override(rig, uri="") == {"success": True}
        await rig.say({"text": "Hello"})

        assert await hosts(rig, 1) == ["gateway.test"]
        assert len(rig.endpoint.handshakes) == 1


async def test_the_accounts_callback_is_between_the_numbers_and_the_apps() -> None:
    async with a_rig() as rig:
        path, uri = f"{WABA}/subscribed_apps", "https://account.test/webhook"
        await rig.ask(path, method="POST", override_callback_uri=uri, verify_token=WORD)
        row = (await rig.ask(path))["data"][0]
        await rig.say({"text": "Hello"})
        await hosts(rig, 1)
        await override(rig)
        await rig.say({"text": "Hello"})

        assert row["override_callback_uri"] == uri
        assert await hosts(rig, 2) == ["account.test", "tunnel.test"]


async def test_subscribing_again_takes_the_accounts_callback_away() -> None:
    async with a_rig() as rig:
        path = f"{WABA}/subscribed_apps"
        await rig.ask(path, method="POST", override_callback_uri=TUNNEL, verify_token=WORD)
        await rig.ask(path, method="POST")

        assert "override_callback_uri" not in (await rig.ask(path))["data"][0]


async def test_a_webhook_under_way_follows_when_the_override_goes() -> None:
    async with a_rig(answers=[500], retry_pauses_s=(0.05,)) as rig:
        await override(rig)
        await rig.say({"text": "Hello"})
        await hosts(rig, 1)
        await override(rig, uri="")

        assert await hosts(rig, 2) == ["tunnel.test", "gateway.test"]


@pytest.mark.parametrize("state", [{"subscribed": False}, {"fields": ["calls"]}, {"callback": ""}])
async def test_nothing_arrives_of_what_nobody_is_subscribed_to(state: Any) -> None:
    async with a_rig() as rig:
        await rig.client.post("/sandbox/account", json=state)
        await rig.say({"text": "Hello"})
        await rig.settle()

        assert rig.endpoint.requests == []
        assert (await rig.log())["webhooks"]["nowhere"] == 1


@pytest.mark.parametrize("state", [{"subscribed": False}, {"fields": ["calls"]}, {"callback": ""}])
async def test_only_an_app_that_gets_messages_may_override(state: Any) -> None:
    async with a_rig() as rig:
        await rig.client.post("/sandbox/account", json=state)
        error = (await override(rig))["error"]

    assert error["code"] == 100
    assert error["message"].startswith("(#100) Before override the current callback uri")
    assert rig.endpoint.handshakes == []


async def test_an_app_without_a_callback_is_given_one() -> None:
    async with a_rig() as rig:
        await rig.client.post("/sandbox/account", json={"callback": "", "fields": []})
        wish = {"callback_url": TUNNEL, "verify_token": WORD, "fields": "messages,calls"}
        wish |= {"object": "whatsapp_business_account"}
        before = await rig.ask(f"{APP}/subscriptions", AS_APP)
        done = await rig.ask(f"{APP}/subscriptions", AS_APP, "POST", **wish)
        after = await rig.ask(f"{APP}/subscriptions", AS_APP)
        await rig.say({"text": "Hello"})

        assert (before, done) == ({"data": []}, {"success": True})
        assert after["data"][0]["callback_url"] == TUNNEL
        assert [one["name"] for one in after["data"][0]["fields"]] == ["messages", "calls"]
        assert await hosts(rig, 1) == ["tunnel.test"]


async def test_an_app_can_lose_its_callback() -> None:
    async with a_rig() as rig:
        await rig.ask(f"{APP}/subscriptions", AS_APP, "DELETE")

        assert (await rig.ask(f"{APP}/subscriptions", AS_APP)) == {"data": []}


async def test_the_handshake_asks_with_the_word_and_keeps_the_callbacks_own_query() -> None:
    async with a_rig() as rig:
        await override(rig, uri=f"{TUNNEL}?tenant=7")

    asked = rig.endpoint.handshakes[0].url.params
    assert (asked["tenant"], asked["hub.mode"]) == ("7", "subscribe")
    assert asked["hub.verify_token"] == WORD
    assert asked["hub.challenge"].isdigit()


async def test_a_callback_that_does_not_know_the_word_is_not_taken() -> None:
    async with a_rig() as rig:
        error = (await override(rig, word="another"))["error"]
        shown = (await rig.client.get("/sandbox/account")).json()

    assert error["code"] == 2200
    assert "HTTP Status Code = 403" in error["message"]
    assert shown["number_overrides"] == {}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (httpx.Response(200, text="<html>Log in</html>"), "Response does not match challenge"),
        (httpx.Response(302, headers={"location": "https://log.in"}), "HTTP Status Code = 302"),
        (httpx.ConnectError("refused"), "curl_errno = 7"),
        (httpx.ReadTimeout("late"), "curl_errno = 28"),
    ],
)
async def test_each_way_to_fail_the_handshake_is_told(answer: Any, told: str) -> None:
    async with a_rig(handshake=answer) as rig:
        error = (await override(rig))["error"]

    assert error["code"] == 2200
    assert told in error["message"]


@pytest.mark.parametrize(
    "uri", ["http://tunnel.test/", "ftp://x", "no address", TUNNEL + "x" * 200]
)
async def test_only_a_safe_address_is_a_callback(uri: str) -> None:
    async with a_rig() as rig:
        error = (await override(rig, uri=uri))["error"]

    assert error["code"] == 100
    assert rig.endpoint.handshakes == []


@pytest.mark.parametrize("uri", ["http://127.0.0.1:8000/webhook", "http://localhost/webhook"])
async def test_on_this_machine_http_is_enough(uri: str) -> None:
    async with a_rig() as rig:
        assert await override(rig, uri=uri) == {"success": True}


@pytest.mark.parametrize("wish", [{}, {"override_callback_uri": 7}, "x"])
async def test_a_number_is_set_nothing_else_here(wish: Any) -> None:
    async with a_rig() as rig:
        answer = await rig.ask(NUMBER_ID, method="POST", webhook_configuration=wish)

    assert answer["error"]["code"] == 100
