"""Media: what a customer sends can be downloaded, and what a bot uploads is kept as it is."""

import base64
import hashlib
import os
from typing import Any

import pytest

from tests.support.sandbox.sandbox_app import NUMBER_ID, TOKEN, Rig, a_rig

pytestmark = pytest.mark.anyio

BEARER = {"authorization": f"Bearer {TOKEN}"}
BEGINS = {"image": b"\x89PNG", "audio": b"\xff\xfb", "document": b"%PDF"}


@pytest.mark.parametrize("kind", BEGINS)
async def test_a_bot_downloads_what_a_customer_sends(kind: str) -> None:
    async with a_rig() as rig:
        said = await rig.say({"media": {"type": kind, "caption": "my wall", "link": "https://a"}})
        told = said.json()["message"][kind]
        found = await rig.ask(told["id"])
        file = await rig.client.get(found["url"], headers=BEARER)
        stranger = await rig.client.get(found["url"])

    assert file.content.startswith(BEGINS[kind])
    assert file.headers["content-type"].startswith(told["mime_type"])
    digest = base64.b64encode(hashlib.sha256(file.content).digest()).decode()
    assert told["sha256"] == found["sha256"] == digest
    assert (told["caption"], told["url"]) == ("my wall", "https://a")
    assert found["file_size"] == len(file.content)
    assert stranger.status_code == 401


async def upload(rig: Rig, content: bytes, **fields: Any) -> Any:
    data = {"messaging_product": "whatsapp"} | fields
    return (
        await rig.client.post(
            f"/v25.0/{NUMBER_ID}/media",
            data={key: value for key, value in data.items() if value},
            files={"file": ("a.bin", content, "image/jpeg")},
            headers=BEARER,
        )
    ).json()


async def test_what_a_bot_uploads_is_kept_byte_for_byte_until_it_is_deleted() -> None:
    content = b"\r\n\n\r--" + os.urandom(10_000) + b"\r\n"
    async with a_rig() as rig:
        id_ = (await upload(rig, content))["id"]
        found = await rig.ask(id_)
        file = await rig.client.get(found["url"], headers=BEARER)
        deleted = await rig.ask(id_, method="DELETE")
        gone = await rig.ask(id_)
        again = await rig.ask(id_, method="DELETE")

    assert file.content == content
    assert found["mime_type"] == "image/jpeg"
    assert deleted == {"success": True}
    assert gone["error"]["code"] == again["error"]["code"] == 100


async def test_a_wrong_upload_is_refused() -> None:
    async with a_rig() as rig:
        other = await upload(rig, b"x", messaging_product="")
        path = f"/v25.0/{NUMBER_ID}/media"
        no_form = (await rig.client.post(path, content=b"x", headers=BEARER)).json()
        stranger = (await rig.client.post(path, content=b"x")).json()

    assert [one["error"]["code"] for one in (other, no_form, stranger)] == [100, 100, 190]


@pytest.mark.parametrize("wish", [1, {}, {"type": "sticker"}, {"type": "image", "voice": "yes"}])
async def test_a_wrong_file_of_a_customer_is_answered_with_a_sentence(wish: Any) -> None:
    async with a_rig() as rig:
        answer = await rig.say({"media": wish})

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("media must have a type")
