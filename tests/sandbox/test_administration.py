"""Meta's administration as the sandbox plays it: who may ask, what is told, what is refused."""

from typing import Any

import pytest

from gateway.sandbox.config import Number
from tests.support.sandbox.sandbox_app import APP, NUMBER_ID, SECRET, TOKEN, WABA, Rig, a_rig

pytestmark = pytest.mark.anyio

OTHER = "100000000000009"
AS_APP = f"{APP}|{SECRET}"


async def code_of(rig: Rig, path: str, bearer: str = TOKEN) -> Any:
    error = (await rig.ask(path, bearer))["error"]
    return error["code"], error.get("error_subcode")


async def test_the_app_is_told_what_its_token_is() -> None:
    async with a_rig() as rig:
        data = (await rig.ask(f"debug_token?input_token={TOKEN}", AS_APP))["data"]

    scopes = ["whatsapp_business_management", "whatsapp_business_messaging"]
    assert data == {
        "app_id": APP,
        "application": "Sandbox app",
        "type": "SYSTEM_USER",
        "expires_at": 0,
        "is_valid": True,
        "scopes": scopes,
        "granular_scopes": [{"scope": scope, "target_ids": [WABA]} for scope in scopes],
    }


async def test_a_token_can_be_a_temporary_one_that_ends() -> None:
    async with a_rig() as rig:
        await rig.client.post("/sandbox/token", json={"type": "USER", "expires_in_s": 60})
        before = (await rig.ask(f"debug_token?input_token={TOKEN}", AS_APP))["data"]
        rig.clock.advance(60)
        after = (await rig.ask(f"debug_token?input_token={TOKEN}", AS_APP))["data"]
        refused = await code_of(rig, NUMBER_ID)

    assert (before["type"], before["expires_at"], before["is_valid"]) == ("USER", 1790000060, True)
    assert (after["is_valid"], after["error"]["subcode"]) == (False, 463)
    assert refused == (190, 463)


TEMPLATES = {
    "hello": "marketing",
    "staff_notice": {
        "languages": {"en": "APPROVED", "pt_BR": "REJECTED"},
        "components": [{"type": "BODY", "text": "{{1}} asks for a person."}],
    },
}


async def test_templates_are_listed_with_the_status_of_each_language() -> None:
    async with a_rig(templates=TEMPLATES) as rig:
        await rig.client.post(
            "/sandbox/templates", json={"later": {"languages": {"de": "PENDING"}}}
        )
        every = (await rig.ask(f"{WABA}/message_templates?fields=name,language,status"))["data"]
        named = await rig.ask(f"{WABA}/message_templates?name=notice")

    assert [(one["name"], one["language"], one["status"]) for one in every] == [
        ("hello", "en", "APPROVED"),
        ("staff_notice", "en", "APPROVED"),
        ("staff_notice", "pt_BR", "REJECTED"),
        ("later", "de", "PENDING"),
    ]
    assert len({one["id"] for one in every}) == len(every)
    first = named["data"][0]
    assert (first["category"], first["components"]) == (
        "UTILITY",
        TEMPLATES["staff_notice"]["components"],  # type: ignore[index]
    )


async def test_templates_are_listed_page_by_page() -> None:
    async with a_rig(templates={f"t{n}": "utility" for n in range(5)}) as rig:
        path = f"{WABA}/message_templates?fields=name&limit=2"
        pages = [await rig.ask(path)]
        while "next" in pages[-1]["paging"]:
            after = pages[-1]["paging"]["cursors"]["after"]
            pages.append(await rig.ask(f"{path}&after={after}"))

    assert [[one["name"] for one in page["data"]] for page in pages] == [
        ["t0", "t1"], ["t2", "t3"], ["t4"],
    ]  # fmt: skip


async def test_templates_of_another_account_or_with_unknown_fields_are_refused() -> None:
    async with a_rig(templates=TEMPLATES) as rig:
        foreign = await code_of(rig, f"{OTHER}/message_templates")
        odd = await code_of(rig, f"{WABA}/message_templates?fields=name,colour")

    assert (foreign[0], odd[0]) == (100, 100)


async def test_a_revoked_token_is_told() -> None:
    async with a_rig() as rig:
        await rig.client.post("/sandbox/token", json={"revoked": True})
        data = (await rig.ask(f"debug_token?input_token={TOKEN}", AS_APP))["data"]

    assert (data["is_valid"], data["error"]["subcode"]) == (False, 467)


@pytest.mark.parametrize(
    ("path", "bearer", "code"),
    [
        (APP, f"{APP}|wrong", (190, None)),
        (APP, f"7|{SECRET}", (190, None)),
        ("7", f"7|{SECRET}", (190, None)),
        ("7", AS_APP, (100, 33)),
        (f"{APP}/subscriptions", TOKEN, (15, None)),
        ("7/subscriptions", AS_APP, (100, 33)),
        ("debug_token?input_token=EAAforeign", AS_APP, (100, None)),
        (NUMBER_ID, "wrong", (190, 467)),
        (f"{WABA}/phone_numbers", "wrong", (190, 467)),
        (f"{WABA}/subscribed_apps", "wrong", (190, 467)),
        ("7", TOKEN, (100, 33)),
        ("7/phone_numbers", TOKEN, (100, 33)),
        (f"{OTHER}/subscribed_apps", TOKEN, (100, 33)),
        (f"{NUMBER_ID}?fields=id,novelty", TOKEN, (100, None)),
        (f"{WABA}/phone_numbers?fields=novelty", TOKEN, (100, None)),
    ],
)
async def test_each_mistake_has_metas_code(path: str, bearer: str, code: Any) -> None:
    async with a_rig() as rig:
        await rig.client.post("/sandbox/token", json={"of_another_app": ["EAAforeign"]})

        assert await code_of(rig, path, bearer) == code


async def test_a_path_without_a_version_is_refused() -> None:
    async with a_rig() as rig:
        answer = await rig.client.get(f"/latest/{NUMBER_ID}")

    assert answer.json()["error"]["code"] == 2500


async def test_an_unknown_token_is_told_as_invalid() -> None:
    async with a_rig() as rig:
        data = (await rig.ask("debug_token?input_token=EAAunknown", AS_APP))["data"]

    assert (data["is_valid"], data["error"]["code"]) == (False, 190)


@pytest.mark.parametrize(
    ("scope", "path", "method"),
    [
        ("whatsapp_business_management", NUMBER_ID, "GET"),
        ("whatsapp_business_messaging", f"{NUMBER_ID}/messages", "POST"),
    ],
)
async def test_a_missing_permission_is_told(scope: str, path: str, method: str) -> None:
    async with a_rig() as rig:
        await rig.client.post("/sandbox/token", json={"scopes": ["public_profile"]})
        error = (await rig.ask(path, method=method, text={}))["error"]

    assert (error["code"], scope in error["message"]) == (200, True)


async def test_a_number_tells_what_is_asked_for() -> None:
    async with a_rig() as rig:
        usual = await rig.ask(NUMBER_ID)
        chosen = await rig.ask(f"{NUMBER_ID}?fields=id,status,throughput,webhook_configuration")

    assert usual["display_phone_number"] == "15550001111"
    assert chosen == {
        "id": NUMBER_ID,
        "status": "CONNECTED",
        "throughput": {"level": "STANDARD"},
        "webhook_configuration": {"application": "http://gateway.test/webhook"},
    }


async def test_the_token_may_come_as_a_parameter() -> None:
    async with a_rig() as rig:
        answer = await rig.client.get(f"/v25.0/{NUMBER_ID}?access_token={TOKEN}")

    assert answer.json()["id"] == NUMBER_ID


async def test_an_account_lists_its_own_numbers_only() -> None:
    async with a_rig(other_accounts={OTHER: (Number("55", "15550005555"),)}) as rig:
        ours = (await rig.ask(f"{WABA}/phone_numbers"))["data"]
        theirs = (await rig.ask(f"{OTHER}/phone_numbers"))["data"]
        number = await rig.ask("55")

    assert [one["id"] for one in ours] == [NUMBER_ID, "2"]
    assert [one["id"] for one in theirs] == ["55"]
    assert number["id"] == "55"


async def test_whoever_is_subscribed_is_listed() -> None:
    async with a_rig() as rig:
        await rig.client.post("/sandbox/account", json={"other_apps": {"8": "Another"}})
        before = (await rig.ask(f"{WABA}/subscribed_apps"))["data"]
        await rig.ask(f"{WABA}/subscribed_apps", method="DELETE")
        after = (await rig.ask(f"{WABA}/subscribed_apps"))["data"]

    assert [row["whatsapp_business_api_data"]["id"] for row in before] == [APP, "8"]
    assert [row["whatsapp_business_api_data"]["name"] for row in after] == ["Another"]


@pytest.mark.parametrize(
    ("path", "wish", "sentence"),
    [
        ("token", {"type": "PAGE"}, "type must be one of SYSTEM_USER, USER."),
        ("token", {"expires_in_s": "soon"}, "expires_in_s must be a number of seconds, or null"),
        ("token", {"scopes": "all"}, "scopes must be a list of strings that are not empty."),
        ("token", {"access_token": ""}, "access_token must be a string that is not empty."),
        ("account", {"subscribed": 1}, "subscribed must be true or false."),
        ("account", {"other_apps": ["8"]}, "other_apps must be ids of apps, each with a name."),
        ("account", {"callback": None}, "callback must be a web address, or empty for none."),
        ("account", {"odd": 1}, "Give callback or fields or subscribed or other_apps"),
    ],
)
async def test_a_wrong_wish_is_told(path: str, wish: Any, sentence: str) -> None:
    async with a_rig() as rig:
        answer = await rig.client.post(f"/sandbox/{path}", json=wish)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith(sentence)
