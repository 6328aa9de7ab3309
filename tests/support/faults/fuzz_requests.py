"""Requests as nobody would send them: whole, cut, pipelined, dripping, lying about themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.support.faults.fuzz_bodies import body
from tests.support.stack import signed

ODD_HEADERS = (
    b"Content-Type: application/json", b"Content-Type: text/\xff", b"Content-Encoding: gzip",
    b"Content-Encoding: br, gzip", b"X-Hub-Signature-256:", b"X-Hub-Signature: sha1=00",
    b"Cookie: " + b"a" * 3_000, b"X-\xc3\xa9: 1", b"Connection: keep-alive, x",
    b"Connection: Upgrade\r\nUpgrade: websocket", b"Connection: Upgrade\r\nUpgrade: h2c",
    b"Range: bytes=0-1", b"Accept-Encoding: *;q=nan", b"Host:", b"X-Forwarded-For: ::::",
    b"Content-Length: 3", b"Transfer-Encoding: gzip", b"Expect: 100-continue", b"Expect: more",
)  # fmt: skip
TARGETS = (
    b"/webhook?hub.mode=subscribe&hub.verify_token=x&hub.challenge=1", b"/webhook?%ff=%00&&=",
    b"/webhook/", b"//webhook", b"/../webhook", b"*", b"http://other/webhook", b"/%00", b"/metrics",
    b"/healthz", b"/readyz", b"/webhook#x", b"/webhook?" + b"a=b&" * 2_000,
)  # fmt: skip
METHODS = (b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT", b"BREW")


@dataclass(frozen=True, slots=True)
class Case:
    """Bytes for one connection, in the pieces in which they are sent, and what they may keep."""

    pieces: tuple[bytes, ...]
    bodies: tuple[bytes | None, ...]  # of each request in order; None where none may be kept
    leaves: bool = False  # without waiting for an answer


def case(random: Random) -> Case:
    """Return one case."""
    (make,) = random.choices([make for make, _ in _MAKERS], [often for _, often in _MAKERS])
    return make(random)


def request(content: bytes, *more: bytes, signature: str | None = None, length: int = -1) -> bytes:
    """Return a signed delivery, unless told to lie."""
    lines = [b"POST /webhook HTTP/1.1", b"Host: gateway"]
    lines.append(b"X-Hub-Signature-256: " + (signature or signed(content)).encode())
    lines.append(b"Content-Length: %d" % (len(content) if length < 0 else length))
    return b"\r\n".join([*lines, *more, b"", content])


def _whole(random: Random) -> Case:
    content = body(random)
    return Case((request(content),), (content,))


def _pipelined(random: Random) -> Case:
    bodies = tuple(body(random) for _ in range(random.randint(2, 5)))
    return Case((b"".join(map(request, bodies)),), bodies)


def _headers(random: Random) -> Case:
    content = body(random)
    more = random.sample(ODD_HEADERS, random.randint(1, 4))
    return Case((request(content, *more),), (content,))


def _long_head(random: Random) -> Case:
    content = body(random)
    name = b"X-Long: " if random.random() < 0.5 else b"X-Hub-Signature-256: sha256="
    long = name + b"a" * random.randint(33_000, 300_000)
    whole = request(content, long)
    size = random.choice([len(whole), 8_000])
    return Case(tuple(whole[at : at + size] for at in range(0, len(whole), size)), (None,))


def _chunked(random: Random) -> Case:
    content = body(random)[:5_000]
    size = random.randint(1, 700)
    chunks = [content[at : at + size] for at in range(0, len(content), size)]
    head = request(b"", b"Transfer-Encoding: chunked", signature=signed(content))
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return Case((head.replace(b"Content-Length: 0\r\n", b"") + framed + b"0\r\n\r\n",), (content,))


def _dripping(random: Random) -> Case:
    content = body(random)[:2_000]
    whole = request(content)
    size = max(1, len(whole) // 12)
    return Case(tuple(whole[at : at + size] for at in range(0, len(whole), size)), (content,))


def _unsigned(random: Random) -> Case:
    content = body(random)
    wrong = random.choice(
        ["sha256=", "sha256=" + "0" * 64, "sha1=x", signed(content, "x"), "é", "sha256=" + "é" * 64]
    )
    return Case((request(content, signature=wrong),), (None,))


def _cut(random: Random) -> Case:
    content = body(random)
    whole = request(content, length=len(content) + 1)
    return Case((whole[: random.randrange(1, len(whole) + 1)],), (None,), leaves=True)


def _elsewhere(random: Random) -> Case:
    method, target = random.choice(METHODS), random.choice(TARGETS)
    line = method + b" " + target + random.choice([b" HTTP/1.1", b" HTTP/1.0", b" HTTP/9.9", b""])
    return Case((line + b"\r\nHost: gateway\r\nConnection: close\r\n\r\n",), (None,))


def _noise(random: Random) -> Case:
    return Case((random.randbytes(random.randint(1, 300)) + b"\r\n\r\n",), (None,), leaves=True)


_MAKERS: list[tuple[Callable[[Random], Case], int]] = [
    (_whole, 55), (_pipelined, 6), (_headers, 12), (_chunked, 6), (_dripping, 3), (_unsigned, 6),
    (_cut, 6), (_elsewhere, 4), (_noise, 2), (_long_head, 2),
]  # fmt: skip
