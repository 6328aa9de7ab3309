"""Only programs and pages of this machine reach the control calls; Graph wants a token."""

import httpx
import pytest

from tests.support.sandbox.message_bodies import text
from tests.support.sandbox.sandbox_app import PATH, TOKEN, a_rig

pytestmark = pytest.mark.anyio

HOST = "127.0.0.1:8081"
FOREIGN: dict[str, tuple[str, dict[str, str]]] = {
    "another name that leads here": ("POST", {"host": "evil.example"}),
    "a name that begins like loopback's": ("GET", {"host": "localhost.evil.example:8081"}),
    "a post of another site": ("POST", {"host": HOST, "origin": "https://evil.example"}),
    "a page on another port": ("POST", {"host": HOST, "origin": "http://127.0.0.1:3000"}),
    "a sandboxed frame": ("POST", {"host": HOST, "origin": "null"}),
    "no origin at all": ("POST", {"host": HOST, "origin": "http://["}),
    "a fetch across sites": (
        "GET",
        {"host": HOST, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
    ),
    "a form of another site": (
        "POST",
        {"host": HOST, "sec-fetch-site": "same-site", "sec-fetch-mode": "navigate"},
    ),
}
OWN: dict[str, dict[str, str]] = {
    "a program": {"host": HOST},
    "IPv6": {"host": "[::1]:8081"},
    "its own page": {"host": HOST, "origin": f"http://{HOST}", "sec-fetch-site": "same-origin"},
    "a typed address": {"host": "localhost", "sec-fetch-site": "none"},
    "a link": {"host": HOST, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
}


@pytest.mark.parametrize(("method", "headers"), FOREIGN.values(), ids=FOREIGN.keys())
async def test_a_page_of_another_site_is_refused(method: str, headers: dict[str, str]) -> None:
    async with a_rig() as rig:
        answer = await rig.client.request(
            method, "/sandbox/faults", json={"lose": 1}, headers=headers
        )
        armed = await rig.client.get("/sandbox/faults")

    assert answer.status_code == 403
    assert armed.json() == {}


@pytest.mark.parametrize("headers", OWN.values(), ids=OWN.keys())
async def test_whoever_is_here_is_answered(headers: dict[str, str]) -> None:
    async with a_rig() as rig:
        answer = await rig.client.get("/sandbox/health", headers=headers)

    assert answer.status_code == httpx.codes.OK


async def test_a_bot_may_know_the_sandbox_by_any_name() -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "host": "meta:8081"}
    async with a_rig() as rig:
        answer = await rig.client.post(PATH, json=text(), headers=headers)

    assert answer.status_code == httpx.codes.OK
