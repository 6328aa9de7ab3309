"""Meta's handshake: who knows the verify token gets the challenge back, byte for byte."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.web.web_app import VERIFY, a_web, nowhere

pytestmark = pytest.mark.anyio

TOKEN = VERIFY.replace(" ", "%20")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """The store is away, for a handshake needs none."""
    async with a_web(nowhere()) as web:
        yield web.client


def asked(mode: str = "subscribe", token: str = TOKEN, challenge: str = "1158201444") -> str:
    return f"/webhook?hub.mode={mode}&hub.verify_token={token}&hub.challenge={challenge}"


@pytest.mark.parametrize(
    ("challenge", "echoed"),
    [
        ("1158201444", b"1158201444"),
        ("", b""),
        ("%3Cscript%3E", b"<script>"),
        ("%F0%9F%91%8B%C3%A9", "👋é".encode()),
        ("%FF%00%FE", b"\xff\x00\xfe"),
        ("a+b%2Bc", b"a b+c"),
        ("x" * 512, b"x" * 512),
    ],
    ids=["number", "empty", "markup", "unicode", "no text at all", "plus", "as long as allowed"],
)
async def test_a_challenge_comes_back_byte_for_byte_as_plain_text(
    client: httpx.AsyncClient, challenge: str, echoed: bytes
) -> None:
    answer = await client.get(asked(challenge=challenge))

    assert (answer.status_code, answer.content) == (200, echoed)
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "url",
    [
        asked(token="another"),
        asked(token=""),
        asked(token=f"{TOKEN}%00"),
        asked(token="%F0%9F%91%8B"),
        asked(token="%FF%FE"),
        asked(mode="unsubscribe"),
        asked(mode="SUBSCRIBE"),
        asked(challenge="x" * 513),
        "/webhook",
        f"/webhook?hub.verify_token={TOKEN}&hub.challenge=1",
        f"{asked()}&hub.verify_token=another",
    ],
    ids=[
        "wrong", "empty", "longer", "unicode", "no text", "mode", "case", "long challenge",
        "nothing", "no mode", "two tokens",
    ],
)  # fmt: skip
async def test_whoever_does_not_know_the_token_gets_nothing(
    client: httpx.AsyncClient, url: str
) -> None:
    answer = await client.get(url)

    assert (answer.status_code, answer.content) == (403, b"")
