"""What strangers may send and how long it may take: each refusal is ours, counted, and a gap."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from gateway.store.redis.client import Store
from gateway.web.connections import Phase
from gateway.web.request_limits import Bounds, ConnectionLimits
from tests.support.servers import Server
from tests.support.web.web_app import BODY, a_web, kept
from tests.support.web.web_server import (
    WITHIN_S,
    Line,
    RealWeb,
    all_statuses,
    counted,
    head,
    is_whole,
    serving,
    until,
)

pytestmark = [pytest.mark.anyio, pytest.mark.store]

ROOMY = Bounds(sweep_s=0.02)
NEVER = 600.0
# Each time limit alone is short, so that nothing else can have ended a connection.
PATIENT = ConnectionLimits(body_bytes=100_000, head_s=NEVER, body_s=NEVER)


def bounds(**more: Any) -> Bounds:
    return replace(ROOMY, webhook=PATIENT, page=PATIENT, idle_s=NEVER, **more)


def slow(**more: Any) -> Bounds:
    return replace(bounds(), webhook=replace(PATIENT, **more))


Attack = Callable[[RealWeb], Awaitable[Line]]


async def endless_header(web: RealWeb) -> Line:
    return await web.open(b"POST /webhook HTTP/1.1\r\nX-A: " + b"a" * 400_000)


async def dripped_header(web: RealWeb) -> Line:
    line = await web.open(b"POST /webhook HTTP/1.1\r\nX-A: ")
    for _ in range(40):
        await line.send(b"a" * 1000)
    return line


async def endless_trailer(web: RealWeb) -> Line:
    line = await web.open(head(BODY, "Transfer-Encoding: chunked", length=0) + b"0\r\nX-A: ")
    await line.send(b"a" * 400_000)
    return line


Expected = dict[str, tuple[Attack, Bounds, int, str]]
REFUSED: Expected = {
    "one header without end": (endless_header, ROOMY, 431, "head_too_large"),
    "one header in drops": (dripped_header, ROOMY, 431, "head_too_large"),
    "a trailer without end": (endless_trailer, ROOMY, 431, "head_too_large"),
    "a large head at once": (
        lambda web: web.open(head(BODY, f"X-A: {'a' * 40_000}") + BODY),
        ROOMY, 431, "head_too_large",
    ),
    "a long address": (
        lambda web: web.open(head(BODY, path=f"/webhook?{'a' * 40_000}") + BODY),
        ROOMY, 431, "head_too_large",
    ),
    "many headers": (
        lambda web: web.open(head(BODY, *(f"X-{i}: 1" for i in range(120))) + BODY),
        ROOMY, 431, "head_too_large",
    ),
    "a body declared too long": (
        lambda web: web.open(head(BODY, length=100_001)), bounds(), 413, "too_large",
    ),
    "a body too long": (
        lambda web: web.open(
            head(BODY, "Transfer-Encoding: chunked", length=0) + b"20000\r\n" + b"x" * 0x20000
        ),
        bounds(), 413, "too_large",
    ),
    "no HTTP": (lambda web: web.open(b"HELLO\r\n\r\n"), ROOMY, 400, "malformed"),
}  # fmt: skip

MISSED: Expected = {
    "a head that stops": (lambda web: web.open(head()[:40]), slow(head_s=0.1), 408, "head_timeout"),
    "a body that stops": (
        lambda web: web.open(head() + BODY[:-1]), slow(body_s=0.1), 408, "body_timeout",
    ),
    "more bytes than are held": (
        lambda web: web.open(head(length=90_000) + b"x" * 80_000),
        bounds(unverified_bytes=50_000), 503, "unverified",
    ),
    "more connections than fit": (
        lambda web: web.open(head() + BODY), bounds(connections=0), 503, "crowded",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("attack", "limits", "status", "reason"), REFUSED.values(), ids=REFUSED)
async def test_what_no_delivery_is_like_is_refused_and_counted(
    server: Server, store: Store, attack: Attack, limits: Bounds, status: int, reason: str
) -> None:
    async with serving(server.url, limits) as web:
        answer = await (await attack(web)).all()

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1") == 1
    assert counted(store) == {reason: 1}
    assert is_whole(store)
    assert kept(store) == []


@pytest.mark.parametrize(("attack", "limits", "status", "reason"), MISSED.values(), ids=MISSED)
async def test_what_may_have_been_a_delivery_is_a_gap_as_well(
    server: Server, store: Store, attack: Attack, limits: Bounds, status: int, reason: str
) -> None:
    async with serving(server.url, limits) as web:
        answer = await (await attack(web)).all()

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1") == 1
    assert counted(store) == {reason: 1}
    assert not is_whole(store)
    assert kept(store) == []


async def test_what_is_no_delivery_is_no_gap(server: Server, store: Store) -> None:
    limits = replace(bounds(), page=replace(PATIENT, body_s=0.1))
    async with serving(server.url, limits) as web:
        answer = await (await web.open(head(path="/healthz") + BODY[:-1])).all()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert counted(store) == {"body_timeout": 1}
    assert is_whole(store)


async def test_a_store_that_does_not_keep_is_a_gap(server: Server, store: Store) -> None:
    async with a_web(server.url, GATEWAY_STORE_BYTES="1") as web:
        answer = await web.deliver()

    assert answer.status_code == 503
    assert counted(store) == {"store": 1}
    assert not is_whole(store)


async def test_a_store_that_refuses_to_write_is_a_gap_once_it_writes(
    server: Server, store: Store
) -> None:
    async with a_web(server.url) as web:
        store.redis.config_set("min-replicas-to-write", 1)
        try:
            answer = await web.deliver()
        finally:
            store.redis.config_set("min-replicas-to-write", 0)

    assert answer.status_code == 503
    assert not is_whole(store)


async def test_an_unsigned_delivery_is_no_gap(server: Server, store: Store) -> None:
    async with serving(server.url, ROOMY) as web:
        line = await web.open(head(b"other") + b"wrong")
        assert await line.status() == 401

    assert counted(store) == {"signature_mismatch": 1}
    assert is_whole(store)


@pytest.mark.parametrize("cut", [40, -1], ids=["in its head", "in its body"])
async def test_a_delivery_that_breaks_off_is_a_gap(server: Server, store: Store, cut: int) -> None:
    async with serving(server.url, ROOMY) as web:
        line = await web.open((head() + BODY)[:cut])
        await web.entered(1, Phase.HEAD, Phase.BODY)
        line.writer.close()
        await web.entered(0)

    assert counted(store) == {"disconnected": 1}
    assert not is_whole(store)


async def test_what_has_not_arrived_when_the_process_stops_is_a_gap(
    server: Server, store: Store
) -> None:
    async with serving(server.url, bounds()) as web:
        line = await web.open(head() + BODY[:-1])
        await web.entered(1, Phase.BODY)
        web.stays = True
        answered = asyncio.create_task(line.all())

    assert (await answered).startswith(b"HTTP/1.1 503 ")
    assert counted(store) == {"stopping": 1}
    assert not is_whole(store)


async def test_the_first_request_of_a_connection_still_arrives_while_the_process_stops(
    server: Server, store: Store
) -> None:
    async with serving(server.url, replace(ROOMY, stop_s=NEVER)) as web:
        line = await web.open()
        await web.entered(1, Phase.SILENT)
        web.stays = web.server.should_exit = True
        connections: Any = web.server.server_state.connections
        await until(lambda: all(one._is_stopping for one in connections))
        await line.send(head() + BODY)
        answer = await line.all()

    assert (all_statuses(answer), b"connection: close" in answer) == ([200], True)
    assert (counted(store), is_whole(store)) == ({}, True)


async def test_a_connection_that_never_spoke_is_closed_soon_when_the_process_stops(
    server: Server, store: Store
) -> None:
    async with serving(server.url, replace(ROOMY, stop_s=0.05)) as web:
        line = await web.open()
        await web.entered(1, Phase.SILENT)
        web.stays = web.server.should_exit = True
        assert await line.all() == b""

    assert (counted(store), is_whole(store)) == ({}, True)


async def test_whoever_says_nothing_is_let_go_without_a_word(server: Server, store: Store) -> None:
    async with serving(server.url, slow(head_s=0.1)) as web:
        assert await (await web.open()).all() == b""

    assert counted(store) == {"silent": 1}
    assert is_whole(store)


async def test_an_idle_connection_is_let_go_and_is_no_refusal(server: Server, store: Store) -> None:
    async with serving(server.url, replace(bounds(), idle_s=0.1)) as web:
        line = await web.open(head() + BODY)
        assert await line.status() == 200
        assert await line.all() == b""

    assert counted(store) == {}


async def test_empty_lines_do_not_keep_an_idle_connection_open(
    server: Server, store: Store
) -> None:
    async with serving(server.url, replace(bounds(), idle_s=0.3)) as web:
        line = await web.open(head() + BODY)
        assert await line.status() == 200
        ended = asyncio.create_task(line.all())
        async with asyncio.timeout(WITHIN_S):
            while not ended.done():
                line.writer.write(b"\r\n")
                await asyncio.wait([ended], timeout=0.05)

    assert ended.result() == b""


async def test_the_connection_that_was_silent_longest_yields_to_a_newcomer(
    server: Server, store: Store
) -> None:
    async with serving(server.url, bounds(connections=3)) as web:
        oldest, *others = [await web.open() for _ in range(3)]
        await web.entered(3)
        newcomer = await web.open(head() + BODY)

        assert await newcomer.status() == 200
        assert await oldest.all() == b""
        for line in others:
            await line.send(head() + BODY)
            assert await line.status() == 200

    assert counted(store) == {"crowded": 1}
    assert not is_whole(store)


async def test_where_nobody_is_silent_the_delivery_that_takes_longest_yields(
    server: Server, store: Store
) -> None:
    async with serving(server.url, bounds(connections=2)) as web:
        slowest = await web.open(head() + BODY[:-1])
        await web.entered(1, Phase.BODY)
        other = await web.open(head() + BODY[:-1])
        await web.entered(2, Phase.BODY)
        newcomer = await web.open(head() + BODY)

        assert await newcomer.status() == 200
        assert (await slowest.all()).startswith(b"HTTP/1.1 503 ")
        await other.send(BODY[-1:])
        assert await other.status() == 200


async def test_the_oldest_of_those_who_hold_bytes_makes_room(server: Server, store: Store) -> None:
    async with serving(server.url, bounds(unverified_bytes=150_000)) as web:
        oldest = await web.open(head(length=90_000) + b"x" * 80_000)
        await web.entered(1, Phase.BODY)
        other = await web.open(head(length=90_000) + b"x" * 80_000)
        small = await web.open(head() + BODY)

        assert await small.status() == 200
        assert (await oldest.all()).startswith(b"HTTP/1.1 503 ")
        await other.send(b"x" * 10_000)
        assert await other.status() == 401  # heard to its end

    assert counted(store) == {"unverified": 1, "signature_mismatch": 1}


async def test_bytes_that_were_handed_over_or_lost_are_held_no_longer(
    server: Server, store: Store
) -> None:
    async with serving(server.url, bounds(unverified_bytes=150_000)) as web:
        for _ in range(5):
            line = await web.open(head(b"x" * 90_000) + b"x" * 90_000)
            assert await line.status() == 200
            gone = await web.open(head(length=90_000) + b"x" * 80_000)
            gone.writer.close()
            await web.entered(1)
            line.writer.close()
            await web.entered(0)

    assert counted(store) == {"disconnected": 5}


async def test_a_client_that_waits_for_100_is_asked_for_its_body(
    server: Server, store: Store
) -> None:
    async with serving(server.url, ROOMY) as web:
        line = await web.open(head(BODY, "Expect: 100-continue"))
        assert await line.status() == 100
        await line.send(BODY)
        assert await line.status() == 200

    assert [body for _, body in kept(store)] == [BODY]


async def test_a_signature_behind_the_body_signs_nothing(server: Server, store: Store) -> None:
    signature = head().split(b"\r\n")[2]
    plain = b"POST /webhook HTTP/1.1\r\nHost: gateway\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving(server.url, ROOMY) as web:
        chunks = b"%x\r\n%s\r\n0\r\n%s\r\n\r\n" % (len(BODY), BODY, signature)
        assert await (await web.open(plain + chunks)).status() == 401

    assert counted(store) == {"signature_missing": 1}


async def test_many_pipelined_requests_are_answered_up_to_a_number(
    server: Server, store: Store
) -> None:
    async with serving(server.url, bounds(pipelined=3)) as web:
        answers = await (await web.open((head() + BODY) * 50)).all()

    assert all_statuses(answers) == [200, 200, 200, 200, 503]
    assert counted(store) == {"pipelined": 1}
    assert len(kept(store)) == 4


async def test_pipelined_requests_count_among_the_bytes_that_are_held(
    server: Server, store: Store
) -> None:
    limits = bounds(pipelined=1000, unverified_bytes=20_000)
    async with serving(server.url, limits) as web:
        answers = await (await web.open((head() + BODY) * 50)).all()

    *kept_ones, last = all_statuses(answers)
    assert set(kept_ones) == {200}
    assert last == 503
    assert counted(store) == {"unverified": 1}
    assert len(kept(store)) == len(kept_ones) < 50


async def test_what_is_no_http_is_answered_after_what_came_before_it(
    server: Server, store: Store
) -> None:
    async with serving(server.url, ROOMY) as web:
        answers = await (await web.open(head() + BODY + b"HELLO\r\n\r\n")).all()

    assert all_statuses(answers) == [200, 400]
    assert len(kept(store)) == 1


async def test_a_client_that_takes_no_answer_is_closed(server: Server, store: Store) -> None:
    async with serving(server.url, replace(bounds(), answer_s=0.1)) as web:
        line = await web.open()
        await web.entered(1)
        transport: Any = line.writer.transport
        transport.pause_reading()
        # Answers are short, so it takes many to fill what the system keeps for a client.
        ask = b"GET /healthz HTTP/1.1\r\nHost: gateway\r\n\r\n" * 500
        with suppress(OSError):  # reset, once it is closed
            while web.server.server_state.connections:
                await asyncio.wait_for(line.send(ask), 90)
                await asyncio.sleep(0)
        await web.entered(0)
