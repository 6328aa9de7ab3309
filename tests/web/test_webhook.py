"""The door: what Meta signed is kept before it is acknowledged, and nothing else is."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.accounts.account import AppSecret
from gateway.store import keys
from gateway.store.inbox.partitions import partition_of
from gateway.store.redis.client import Store
from gateway.store.server.health import LAYOUT_BEFORE, layout_name
from gateway.web.request_limits import MOST_BODY_BYTES
from tests.support.factories import delivery_body, message_item
from tests.support.servers import Server
from tests.support.stack import signed
from tests.support.web.web_app import BODY, HEADER, NEW, OLD, Web, a_web, kept, nowhere

pytestmark = [pytest.mark.anyio, pytest.mark.store]

RIGHT = signed(BODY, NEW)
NEW_ID, OLD_ID = (AppSecret.of(secret.encode()).id for secret in (NEW, OLD))
NAME = HEADER.encode()


@pytest.fixture
async def web(server: Server, store: Store) -> AsyncIterator[Web]:
    async with a_web(server.url) as running:
        yield running


async def test_a_signed_delivery_is_kept_and_then_acknowledged(web: Web, store: Store) -> None:
    answer = await web.deliver()

    assert (answer.status_code, answer.content) == (200, b"")
    assert kept(store) == [(f"meta|{NEW_ID}|", BODY)]


async def test_the_old_secret_is_accepted_while_it_is_rotated(web: Web, store: Store) -> None:
    assert (await web.deliver(secret=OLD)).status_code == 200
    assert kept(store) == [(f"meta|{OLD_ID}|", BODY)]


async def test_nobody_who_posts_can_make_it_a_replay(web: Web, store: Store) -> None:
    names = (b"origin", b"x-origin", b"x-gateway-origin", b"x-replay")
    await web.post(BODY, (NAME, RIGHT.encode()), *((name, b"replay") for name in names))

    assert kept(store) == [(f"meta|{NEW_ID}|", BODY)]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\xff not JSON",
        b"[1, 2]",
        b'"text"',
        b'{"object": "moon_landing", "entry": []}',
        b'{"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "new"}]}]}',
        b"x" * MOST_BODY_BYTES,
    ],
    ids=["empty", "no text", "list", "string", "unknown object", "unknown field", "at the limit"],
)
async def test_whatever_meta_signed_is_kept_as_it_came(web: Web, store: Store, body: bytes) -> None:
    assert (await web.deliver(body)).status_code == 200
    assert [one for _, one in kept(store)] == [body]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(NAME, b"")],
        [(NAME, b"sha256=")],
        [(NAME, RIGHT.upper().encode())],
        [(NAME, RIGHT.replace("sha256", "sha1").encode())],
        [(NAME, RIGHT[:-1].encode())],
        [(NAME, f"{RIGHT}, {RIGHT}".encode())],
        [(NAME, b"sha256=" + b"\xff" * 64)],
        [(NAME, signed(BODY, "a stranger's").encode())],
        [(NAME, signed(BODY + b" ", NEW).encode())],
        [(NAME, RIGHT.encode()), (NAME, RIGHT.encode())],
        [(b"x-hub-signature", RIGHT.encode())],
    ],
    ids=[
        "missing", "empty", "no digest", "capitals", "sha1", "short", "joined", "no text",
        "another secret", "another body", "twice", "another header",
    ],
)  # fmt: skip
async def test_what_is_not_surely_metas_is_refused(
    web: Web, store: Store, headers: list[tuple[bytes, bytes]]
) -> None:
    answer = await web.post(BODY, *headers)

    assert (answer.status_code, answer.content) == (401, b"")
    assert kept(store) == []


async def test_a_body_declared_too_long_is_refused_unread(web: Web, store: Store) -> None:
    length = str(MOST_BODY_BYTES + 1).encode()

    answer = await web.post(BODY, (NAME, RIGHT.encode()), (b"content-length", length))

    assert (answer.status_code, answer.content) == (413, b"")
    assert kept(store) == []


async def test_a_stream_is_read_no_further_than_the_limit(web: Web, store: Store) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while taken < 2 * MOST_BODY_BYTES:
            taken += 65536
            yield b"x" * 65536

    answer = await web.post(endless(), (NAME, RIGHT.encode()))

    assert (answer.status_code, answer.content) == (413, b"")
    assert taken == MOST_BODY_BYTES + 65536
    assert kept(store) == []


async def test_a_client_that_leaves_in_the_middle_is_not_kept(web: Web, store: Store) -> None:
    # What came until then is even signed: only the end says that it is all.
    said: list[dict[str, object]] = [
        {"type": "http.request", "body": BODY, "more_body": True},
        {"type": "http.disconnect"},
    ]
    scope = {
        "type": "http", "method": "POST", "path": "/webhook", "query_string": b"",
        "headers": [(NAME, RIGHT.encode())],
    }  # fmt: skip

    async def receive() -> dict[str, object]:
        return said.pop(0)

    answered: list[object] = []

    async def send(message: object) -> None:
        answered.append(message)

    await web.app(scope, receive, send)

    assert kept(store) == []
    assert {"type": "http.response.body", "body": b""} in answered


async def test_a_store_that_is_away_is_told_to_meta() -> None:
    async with a_web(nowhere()) as web:
        answer = await web.deliver()

    assert (answer.status_code, answer.content) == (503, b"")


async def test_what_was_away_at_the_start_is_seen_before_anything_is_kept_there(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path / "valkey").start()
    server.command("SET", keys.LAYOUT_KEY, LAYOUT_BEFORE)
    server.kill()
    async with a_web(server.url) as web:
        server.start()
        assert (await web.deliver()).status_code == 503
        assert server.command("KEYS", "*inbox") == []

        server.command("SET", keys.LAYOUT_KEY, layout_name())
        assert (await web.api.get("/readyz")).status_code == 200
        assert (await web.deliver()).status_code == 200
    server.kill()


async def test_a_full_store_is_not_filled_further(server: Server, store: Store) -> None:
    async with a_web(server.url, GATEWAY_STORE_BYTES="1") as web:
        answer = await web.deliver()

    assert (answer.status_code, answer.content) == (503, b"")
    assert kept(store) == []


async def test_a_partition_that_cannot_be_written_hurts_no_other(web: Web, store: Store) -> None:
    other = delivery_body(message_item("wamid.web2", sender="351900000002"))
    store.redis.set(f"{keys.partition(partition_of(BODY))}inbox", "broken")

    answers = await asyncio.gather(web.deliver(BODY), web.deliver(other))

    assert partition_of(BODY) != partition_of(other)
    assert [answer.status_code for answer in answers] == [503, 200]


async def test_many_at_once_are_all_kept_and_ring_once(server: Server, store: Store) -> None:
    bodies = [delivery_body(message_item(f"wamid.{i}", sender=f"3519{i:08}")) for i in range(300)]
    rung: list[bool] = []

    async with a_web(server.url, lambda: rung.append(True)) as web:
        answers = await asyncio.gather(*map(web.deliver, bodies))

    assert {answer.status_code for answer in answers} == {200}
    assert sorted(body for _, body in kept(store)) == sorted(bodies)
    assert rung == [True]


async def test_a_server_that_forgot_the_scripts_keeps_all_the_same(web: Web, store: Store) -> None:
    store.redis.script_flush()

    assert (await web.deliver()).status_code == 200
    assert kept(store) == [(f"meta|{NEW_ID}|", BODY)]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/webhook", 405),
        ("GET", "/", 404),
        ("GET", "/.env", 404),
        ("GET", "/metrics", 404),
        ("GET", "/readyz", 404),
    ],
)
async def test_strangers_learn_a_status_and_nothing_more(
    web: Web, method: str, path: str, status: int
) -> None:
    answer = await web.client.request(method, path)

    assert (answer.status_code, answer.content) == (status, b"")


async def test_a_bug_of_ours_shows_nothing_of_itself(web: Web) -> None:
    async def broken(_: Request) -> Response:
        raise RuntimeError("an app secret")

    web.app.router.routes.append(Route("/broken", broken))

    answer = await web.client.get("/broken")

    assert (answer.status_code, answer.content) == (500, b"")
