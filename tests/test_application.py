"""What docs/application.md tells applications to do, and its example, posted to by the gateway."""

import asyncio
import base64
import hmac
import importlib.util
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import orjson
import pytest

from gateway.core.events import Delivery
from gateway.core.forwards.payload import build_payload, build_test_payload
from gateway.core.sending.notifications.signature import signed_headers
from gateway.core.webhook.parser import split
from gateway.rules.loader import find_problems
from tests.support.factories import ANA, NOW, NUMBER, delivery_body, message_item

PAGE = (Path(__file__).parents[1] / "docs/application.md").read_text()
FILE = Path(__file__).parents[1] / "examples/application/app.py"
OLD, NEW = b"o" * 32, b"n" * 32


class Gateway:
    """Answers as the API does, and notes what it was asked."""

    def __init__(self) -> None:
        self.status = 202
        self.asked: list[tuple[dict[str, Any], str]] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((orjson.loads(request.content), request.headers["Idempotency-Key"]))
        return httpx.Response(self.status)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch, gateway: Gateway) -> ModuleType:
    secrets = " ".join(f"whsec_{base64.b64encode(one).decode()}" for one in (NEW, OLD))
    monkeypatch.setenv("APP_SECRET", secrets)
    monkeypatch.setenv("GATEWAY_API_KEY", "a-key")
    spec = importlib.util.spec_from_file_location("example_application", FILE)
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    client = httpx.AsyncClient(
        base_url="http://gateway", transport=httpx.MockTransport(gateway.answer)
    )
    monkeypatch.setattr(made, "GATEWAY", client)
    return made


def an_event() -> bytes:
    delivery = Delivery("3:1-0", NOW, delivery_body(message_item("wamid.1", "Where is 123456?")))
    return build_payload(split(delivery)[0], "message", delivery, "app", {})


def post(module: ModuleType, body: bytes, secret: bytes = NEW, late_s: int = 0) -> int:
    """Post as the gateway does, signed; return the status."""
    headers = signed_headers([secret], "an-event", int(time.time()) - late_s, body)

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(module.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(base_url="http://app", transport=transport) as client:
            return await client.post("/events", content=body, headers=headers)

    return asyncio.run(asked()).status_code


@pytest.mark.parametrize("secret", [NEW, OLD])
def test_a_message_is_answered_with_the_event_as_key(
    module: ModuleType, gateway: Gateway, secret: bytes
) -> None:
    body = an_event()

    assert post(module, body, secret) == 204
    message = {
        "from": NUMBER, "to": ANA, "text": "Order 123456 is on its way.", "reply_to": "wamid.1",
    }  # fmt: skip
    assert gateway.asked == [(message, orjson.loads(body)["id"])]


def test_what_the_gateway_did_not_sign_just_now_is_refused(
    module: ModuleType, gateway: Gateway
) -> None:
    assert post(module, an_event(), b"x" * 32) == 401
    assert post(module, an_event(), late_s=600) == 401
    assert gateway.asked == []


def test_a_test_is_received_and_not_answered(module: ModuleType, gateway: Gateway) -> None:
    assert post(module, build_test_payload("a-test", NOW)) == 204
    assert gateway.asked == []


def test_an_event_that_was_not_answered_was_not_received(
    module: ModuleType, gateway: Gateway
) -> None:
    gateway.status = 503

    assert post(module, an_event()) == 500


def code(language: str) -> str:
    """Return the code of the page in one language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)
    return str(found)


BODY = '{"text": "olá"}'.encode()
HEADERS = dict(signed_headers([NEW], "an-event", 1_700_000_000, BODY))


def by_python(headers: dict[str, str], body: bytes, secrets: list[str], now_s: int) -> bool:
    clock = type("Clock", (), {"time": staticmethod(lambda: now_s)})
    names = {"base64": base64, "hmac": hmac, "time": clock}
    exec(code("python"), names)
    return bool(names["is_signed"](headers, body, secrets))  # type: ignore[operator]


def by_node(headers: dict[str, str], body: bytes, secrets: list[str], now_s: int) -> bool:
    program = f"""const crypto = require('crypto'); Date.now = () => {now_s}000; {code("js")}
        const [headers, body, secrets] = JSON.parse(require('fs').readFileSync(0));
        process.exit(isSigned(headers, Buffer.from(body, 'base64'), secrets) ? 0 : 3);"""
    given = orjson.dumps([headers, base64.b64encode(body).decode(), secrets])
    done = subprocess.run(["node", "-e", program], input=given, timeout=180)
    assert done.returncode in (0, 3)
    return done.returncode == 0


NODE = pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")


@pytest.mark.parametrize("is_signed", [by_python, pytest.param(by_node, marks=NODE)])
def test_the_checks_of_the_page_take_what_the_gateway_signed_and_nothing_else(
    is_signed: Callable[[dict[str, str], bytes, list[str], int], bool],
) -> None:
    new, old = (f"whsec_{base64.b64encode(one).decode()}" for one in (NEW, OLD))
    now_s = 1_700_000_010

    assert is_signed(HEADERS, BODY, [old, new], now_s)
    assert not is_signed(HEADERS, BODY, [old], now_s)
    assert not is_signed(HEADERS, BODY + b" ", [new], now_s)
    assert not is_signed(HEADERS, BODY, [new], now_s + 600)
    assert not is_signed({}, BODY, [new], now_s)


def test_the_rules_by_which_applications_move_have_no_mistakes(tmp_path: Path) -> None:
    page = (FILE.parents[2] / "docs/cloud-api.md").read_text()
    (found,) = re.findall(r"```yaml\n(.*?)```", page, re.S)
    (tmp_path / "rules.yaml").write_text(found)

    assert find_problems(tmp_path) == []
