"""Clients of Meta's Cloud API, moved here by their base URL: pywa, heyoo, Chatwoot, Typebot."""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import heyoo  # type: ignore[import-untyped]
import httpx
import pytest
import redis
from pywa.client import WhatsApp
from pywa.errors import ReEngagementMessage
from pywa.types.callback import (
    Button,
    FlowButton,
    Section,
    SectionList,
    SectionRow,
    URLButton,
)
from pywa.types.others import Contact, ProductsSection
from pywa.types.templates import TemplateLanguage

from gateway.store import keys
from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e
KEY = "a-key-of-the-environment"
ANA, WABA = "351900000777", "102290129340398"
IMAGE, PAGE = "https://example.com/a.png", "https://example.com/"
BODY = {"type": "body", "parameters": [{"type": "text", "text": "Ana"}]}
TEMPLATE = {
    "languages": {"en_US": "APPROVED"},
    "components": [{"type": "BODY", "text": "Hello {{1}}", "example": {"body_text": [["Ana"]]}}],
}
TEXTS = (f"text {i}" for i in itertools.count())


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("cloud")
    server = Server(folder / "valkey").start()
    made = Stack(folder, server, GATEWAY_API_KEYS=KEY, META_WABA_ID=WABA)
    made.start(sandbox={"templates": {"order_ready": TEMPLATE}})
    made.post(delivery_body(message_item("wamid.opens", "hi", ANA)))
    wait_until(lambda: window_is_open(made), "the customer's message is planned")
    yield made
    made.stop()
    server.kill()


def window_is_open(stack: Stack) -> bool:
    url, headers = f"{stack.api}/v1/messages?dry_run=true", {"x-api-key": KEY}
    answer = httpx.post(url, json={"to": f"+{ANA}", "text": "Hi"}, headers=headers)
    return bool(answer.json().get("window_open"))


@pytest.fixture(scope="module")
def by_pywa(stack: Stack) -> Iterator[WhatsApp]:
    with httpx.Client() as session:
        client = WhatsApp(phone_id=NUMBER, token=KEY, session=session)
        session.base_url = httpx.URL(f"{stack.api}/v25.0")  # pywa has set its own
        yield client


@pytest.fixture(scope="module")
def by_heyoo(stack: Stack) -> heyoo.WhatsApp:
    client = heyoo.WhatsApp(token=KEY, phone_number_id=NUMBER)
    client.base_url = client.v15_base_url = f"{stack.api}/v15.0"
    client.url = f"{client.base_url}/{NUMBER}/messages"
    return client


PYWA: dict[str, Callable[[WhatsApp], Any]] = {
    "text": lambda wa: wa.send_message(ANA, next(TEXTS), preview_url=True, tracker="order 17"),
    "reply": lambda wa: wa.send_message(ANA, next(TEXTS), reply_to_message_id="wamid.opens"),
    "template": lambda wa: wa.send_template(
        ANA, "order_ready", TemplateLanguage.ENGLISH_US, [BODY]
    ),
    "image": lambda wa: wa.send_image(ANA, IMAGE, caption="A picture"),
    "image by its id": lambda wa: wa.send_image(ANA, "1234567890"),
    "video": lambda wa: wa.send_video(ANA, "https://example.com/a.mp4"),
    "document": lambda wa: wa.send_document(ANA, "https://example.com/a.pdf", "a.pdf"),
    "audio": lambda wa: wa.send_audio(ANA, "https://example.com/a.mp3"),
    "voice": lambda wa: wa.send_voice(ANA, "1234567890"),
    "sticker": lambda wa: wa.send_sticker(ANA, "https://example.com/a.webp"),
    "sticker by its id": lambda wa: wa.send_sticker(ANA, "1234567890"),
    "reaction": lambda wa: wa.send_reaction(ANA, "👍", "wamid.opens"),
    "no reaction": lambda wa: wa.remove_reaction(ANA, "wamid.opens"),
    "location": lambda wa: wa.send_location(ANA, 38.7, -9.1, "Lisbon", "Rossio"),
    "location request": lambda wa: wa.request_location(ANA, "Where are you?"),
    "contact": lambda wa: wa.send_contact(
        ANA, Contact(Contact.Name("Ana", first_name="Ana"), phones=[Contact.Phone("351912345678")])
    ),
    "catalog": lambda wa: wa.send_catalog(ANA, "Our catalog"),
    "product": lambda wa: wa.send_product(ANA, "cat1", "sku1", "A product"),
    "products": lambda wa: wa.send_products(
        ANA, "cat1", [ProductsSection("All", ["sku1"])], "Products", "All of them"
    ),
    "buttons": lambda wa: wa.send_message(ANA, next(TEXTS), buttons=[Button("Yes", "yes")]),
    "list": lambda wa: wa.send_message(
        ANA, next(TEXTS), buttons=SectionList("Open", [Section("All", [SectionRow("A", "a")])])
    ),
    "page": lambda wa: wa.send_message(ANA, next(TEXTS), buttons=URLButton("Open", PAGE)),
    "flow": lambda wa: wa.send_message(
        ANA, next(TEXTS), buttons=FlowButton("Book", flow_id="1", flow_token="t")
    ),
}


@pytest.mark.parametrize("kind", PYWA)
def test_pywa_sends_every_type_that_needs_no_upload(
    stack: Stack, by_pywa: WhatsApp, kind: str
) -> None:
    sent = PYWA[kind](by_pywa)

    assert stack.posted()[-1]["wamid"] == sent.id
    assert sent.chat.id == ANA


def test_pywa_marks_as_read_and_shows_typing(by_pywa: WhatsApp) -> None:
    assert by_pywa.mark_message_as_read("wamid.opens").success
    assert by_pywa.indicate_typing("wamid.opens").success


def test_pywa_hears_why_meta_was_not_asked(by_pywa: WhatsApp) -> None:
    with pytest.raises(ReEngagementMessage) as raised:
        by_pywa.send_message("351900000778", "Hello")

    assert raised.value.code == 131047
    assert "24 hours" in str(raised.value.details)


HEYOO: dict[str, Callable[[heyoo.WhatsApp], Any]] = {
    "text": lambda wa: wa.send_message(next(TEXTS), ANA),
    "reply": lambda wa: wa.reply_to_message("wamid.opens", ANA, next(TEXTS)),
    "template": lambda wa: wa.send_template("order_ready", ANA, [BODY]),
    "location": lambda wa: wa.send_location(38.7, -9.1, "Lisbon", "Rossio", ANA),
    "image": lambda wa: wa.send_image(IMAGE, ANA),
    "image by its id": lambda wa: wa.send_image("1234567890", ANA, link=False),
    "sticker": lambda wa: wa.send_sticker("https://example.com/b.webp", ANA),
    "audio": lambda wa: wa.send_audio("https://example.com/b.mp3", ANA),
    "video": lambda wa: wa.send_video("https://example.com/b.mp4", ANA),
    "document": lambda wa: wa.send_document("https://example.com/b.pdf", ANA),
    "reaction": lambda wa: wa.send_reaction("👍", "wamid.opens", ANA),
    "contacts": lambda wa: wa.send_contacts(
        [{"name": {"formatted_name": "Ana", "first_name": "Ana"}}], ANA
    ),
    "buttons": lambda wa: wa.send_reply_button(
        {
            "type": "button",
            "body": {"text": next(TEXTS)},
            "action": {"buttons": [{"type": "reply", "reply": {"id": "y", "title": "Yes"}}]},
        },
        ANA,
    ),
    "list": lambda wa: wa.send_button(
        {
            "body": next(TEXTS),
            "action": {"button": "Open", "sections": [{"rows": [{"id": "a", "title": "A"}]}]},
        },
        ANA,
    ),
}


@pytest.mark.parametrize("kind", HEYOO)
def test_heyoo_sends_every_type_that_needs_no_upload(
    stack: Stack, by_heyoo: heyoo.WhatsApp, kind: str
) -> None:
    answer = HEYOO[kind](by_heyoo)

    assert stack.posted()[-1]["wamid"] == answer["messages"][0]["id"]


def test_heyoo_marks_as_read(by_heyoo: heyoo.WhatsApp) -> None:
    assert by_heyoo.mark_as_read("wamid.opens") == {"success": True}


# What Chatwoot posts with WHATSAPP_CLOUD_BASE_URL, and Typebot with WHATSAPP_CLOUD_API_URL.
CHATWOOT: dict[str, dict[str, Any]] = {
    "text": {"context": None, "type": "text", "text": {"body": "By Chatwoot"}},
    "reply": {
        "context": {"message_id": "wamid.opens"}, "type": "text", "text": {"body": "A reply"},
    },
    "image": {"context": None, "type": "image", "image": {"link": IMAGE, "caption": "By Chatwoot"}},
    "document": {
        "type": "document",
        "document": {"link": "https://example.com/c.pdf", "caption": "C", "filename": "c.pdf"},
    },
    "template": {
        "recipient_type": "individual", "type": "template",
        "template": {
            "name": "order_ready",
            "language": {"policy": "deterministic", "code": "en_US"},
            "components": [BODY],
        },
    },
}  # fmt: skip
TYPEBOT: dict[str, dict[str, Any]] = {
    "text": {"type": "text", "text": {"body": "By Typebot", "preview_url": False}},
    "buttons": {
        "type": "interactive",
        "interactive": {
            "type": "button",
            "header": {"type": "image", "image": {"link": IMAGE}},
            "body": {"text": "By Typebot"},
            "action": {"buttons": [{"type": "reply", "reply": {"id": "y", "title": "Yes"}}]},
        },
    },
    "video": {"type": "video", "video": {"link": "https://example.com/t.mp4"}},
}


@pytest.mark.parametrize(
    ("version", "body"),
    [*(("v13.0", one) for one in CHATWOOT.values()), *(("v17.0", one) for one in TYPEBOT.values())],
    ids=[*(f"Chatwoot {kind}" for kind in CHATWOOT), *(f"Typebot {kind}" for kind in TYPEBOT)],
)
def test_the_calls_of_chatwoot_and_typebot_are_answered_as_meta_does(
    stack: Stack, version: str, body: dict[str, Any]
) -> None:
    answer = httpx.post(
        f"{stack.api}/{version}/{NUMBER}/messages",
        headers={"authorization": f"Bearer {KEY}"},
        json={"messaging_product": "whatsapp", "to": ANA, **body},
    )

    assert answer.status_code == 200, answer.text
    assert stack.posted()[-1]["wamid"] == answer.json()["messages"][0]["id"]


def test_chatwoots_look_at_the_templates_is_answered_from_the_registry(stack: Stack) -> None:
    url = f"{stack.api}/v14.0/{WABA}/message_templates?access_token={KEY}"
    answer = httpx.get(url)

    assert answer.status_code == 200, answer.text
    listed = httpx.get(f"{stack.api}/v1/templates", headers={"x-api-key": KEY}).json()["data"]
    assert [one["name"] for one in answer.json()["data"]] == [one["name"] for one in listed]
    assert "order_ready" in [one["name"] for one in listed]
    assert KEY not in answer.text


def test_pywa_asks_for_our_number(by_pywa: WhatsApp) -> None:
    assert by_pywa.api.get_business_phone_number(NUMBER, ("id",)) == {"id": NUMBER}


def test_sigterm_answers_all_that_wait(stack: Stack, tmp_path: Path) -> None:
    other = Stack(
        tmp_path, stack.server, GATEWAY_API_KEYS=KEY, META_WABA_ID=WABA, GATEWAY_CLOUD_API_WAIT="1h"
    ).start("web")
    hold(stack, "hold")
    bodies = [
        {"messaging_product": "whatsapp", "to": f"3519000007{i}", "text": {"body": "Hi"}}
        for i in range(10, 30)
    ]

    def post(body: dict[str, Any]) -> int:
        url = f"{other.api}/v25.0/{NUMBER}/messages"
        answer = httpx.post(url, json=body, headers={"x-api-key": KEY}, timeout=180)
        return int(answer.json()["error"]["code"])

    try:
        with ThreadPoolExecutor(len(bodies)) as pool:
            answers = [pool.submit(post, body) for body in bodies]
            wait_until(lambda: waiting(stack) == len(bodies), "all wait")
            other.programs["web"].process.terminate()
            codes = [one.result() for one in answers]
        assert codes == [130429] * len(bodies)
        assert waiting(stack) == 0
    finally:
        hold(stack, "release")
        other.stop()


def test_a_request_whose_process_was_killed_is_joined_by_the_same_one(
    stack: Stack, tmp_path: Path
) -> None:
    other = Stack(
        tmp_path, stack.server, GATEWAY_API_KEYS=KEY, META_WABA_ID=WABA, GATEWAY_CLOUD_API_WAIT="1h"
    ).start("web")
    text = next(TEXTS)
    body = {"messaging_product": "whatsapp", "to": ANA, "text": {"body": text}}

    def post() -> httpx.Response:
        url = f"{other.api}/v25.0/{NUMBER}/messages"
        return httpx.post(url, json=body, headers={"x-api-key": KEY}, timeout=180)

    hold(stack, "hold")
    try:
        with ThreadPoolExecutor(1) as pool:
            lost = pool.submit(post)
            wait_until(lambda: waiting(stack, "reply") == 1, "it waits")
            other.programs["web"].kill()
            assert isinstance(lost.exception(), httpx.HTTPError)
            other.start("web")
            asked = pool.submit(post)
            hold(stack, "release")
            wamid = asked.result().json()["messages"][0]["id"]
    finally:
        hold(stack, "release")
        other.stop()

    sent = [
        one["wamid"] for one in stack.posted() if one["body"].get("text", {}).get("body") == text
    ]
    assert sent == [wamid]


def hold(stack: Stack, verb: str) -> None:
    """Hold our number, or release it."""
    url = f"{stack.api}/v1/numbers/{NUMBER}/{verb}"
    why = {"why": "a test"} if verb == "hold" else {}
    httpx.post(url, json=why, headers={"x-api-key": KEY}).raise_for_status()


def waiting(stack: Stack, priority: str = "notice") -> int:
    """Return how many conversations have a message to send."""
    with redis.Redis.from_url(stack.server.url) as client:
        return int(str(client.zcard(f"{keys.number(NUMBER)}ready:{priority}")))
