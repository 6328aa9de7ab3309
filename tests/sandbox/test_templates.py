"""Templates of the sandbox: created, edited, stopped and deleted, each with its webhook."""

from typing import Any

import pytest

from tests.support.sandbox.sandbox_app import WABA, Rig, a_rig

pytestmark = pytest.mark.anyio
LIST = f"{WABA}/message_templates"
ORDER: dict[str, Any] = {
    "name": "order_sent", "language": "en_US", "category": "UTILITY",
    "components": [{"type": "BODY", "text": "Hello {{1}}"}],
}  # fmt: skip


def a_send(name: str = "order_sent", language: str = "en_US") -> dict[str, Any]:
    inner = {"name": name, "language": {"policy": "deterministic", "code": language}}
    return {
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": "+351900000001",
        "type": "template", "template": inner,
    }  # fmt: skip


async def news(rig: Rig) -> list[dict[str, Any]]:
    """Return what the webhooks said, in order."""
    await rig.settle()
    return [
        {"field": change["field"], "time": "time" in entry, **change["value"]}
        for body in await rig.endpoint.wait_for(0)
        for entry in body["entry"]
        for change in entry["changes"]
    ]


async def test_a_template_is_created_edited_and_deleted_with_webhooks() -> None:
    async with a_rig() as rig:
        made = await rig.ask(LIST, method="POST", **ORDER)
        again = await rig.ask(LIST, method="POST", **ORDER)
        components = [{"type": "BODY", "text": "Hello {{1}}, {{2}}"}]
        edited = await rig.ask(made["id"], method="POST", components=components)
        listed = (await rig.ask(LIST))["data"]
        deleted = await rig.ask(f"{LIST}?name=order_sent", method="DELETE")
        gone = (await rig.ask(LIST))["data"]
        said = await news(rig)

    assert (made["status"], made["category"]) == ("APPROVED", "UTILITY")
    assert again["error"]["error_subcode"] == 2388024
    assert (edited, deleted, gone) == ({"success": True}, {"success": True}, [])
    assert listed[0]["components"] == components
    assert all(one["time"] for one in said)
    assert {(one["field"], one.get("event")) for one in said} == {
        ("message_template_status_update", "APPROVED"),
        ("message_template_components_update", None),
        ("message_template_status_update", "DELETED"),
    }


@pytest.mark.parametrize("wrong", [{"name": "Order Sent"}, {"language": "english"},
                                   {"category": "FUN"}, {"components": []}])  # fmt: skip
async def test_a_malformed_template_is_refused(wrong: dict[str, Any]) -> None:
    async with a_rig() as rig:
        answer = await rig.ask(LIST, method="POST", **(ORDER | wrong))

    assert answer["error"]["code"] == 100


@pytest.mark.parametrize(
    ("status", "code"), [("PAUSED", 132015), ("DISABLED", 132016), ("REJECTED", 132001)]
)
async def test_a_stopped_template_is_refused_until_it_is_reinstated(status: str, code: int) -> None:
    async with a_rig() as rig:
        await rig.ask(LIST, method="POST", **ORDER)
        path = "/sandbox/templates/order_sent/en_US"
        before = await rig.send(a_send())
        await rig.client.post(path, json={"status": status})
        during = await rig.send(a_send())
        await rig.client.post(path, json={"status": "REINSTATED"})
        after = await rig.send(a_send())
        said = [one["event"] for one in await news(rig) if "event" in one]

    assert [one.status_code for one in (before, after)] == [200, 200]
    assert during.json()["error"]["code"] == code
    assert sorted(said) == sorted(["APPROVED", status, "REINSTATED"])


async def test_a_template_is_not_sent_in_another_language() -> None:
    async with a_rig() as rig:
        await rig.ask(LIST, method="POST", **ORDER)
        answer = await rig.send(a_send(language="en"))

    assert answer.json()["error"]["code"] == 132001


async def test_quality_and_category_change_with_webhooks() -> None:
    async with a_rig() as rig:
        await rig.ask(LIST, method="POST", **ORDER)
        path = "/sandbox/templates/order_sent/en_US"
        await rig.client.post(path, json={"quality": "RED", "category": "marketing"})
        odd = await rig.client.post(path, json={"category": "fun"})
        missing = await rig.client.post("/sandbox/templates/other/en", json={"quality": "RED"})
        listed = (await rig.ask(LIST))["data"][0]
        said = await news(rig)

    assert (odd.status_code, missing.status_code) == (400, 400)
    assert (listed["quality_score"], listed["category"]) == ({"score": "RED"}, "MARKETING")
    fields = {one["field"]: one for one in said}
    assert fields["message_template_quality_update"]["new_quality_score"] == "RED"
    assert fields["template_category_update"]["previous_category"] == "UTILITY"
