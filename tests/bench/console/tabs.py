"""What open tabs of the console cost those who deliver: deliveries kept a second with and without.

Run as a process of its own it is the tabs: it opens a stream for each address that it reads from
standard input, one a line, says "open" once all have had something, and reads until it is ended.
"""

import asyncio
import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from urllib.parse import SplitResult, urlsplit

from gateway.store.api.lists.list_secret import read_secret
from gateway.store.redis.client import Store
from gateway.web.console.handles import conversation_address
from gateway.web.console.page import ROOT
from tests.bench.accepting import MOST_A_SECOND
from tests.bench.console.pages import TOKEN, sign_in
from tests.bench.console.seeder import Seeder
from tests.bench.load import load
from tests.bench.sending import cpu_s
from tests.support.factories import NUMBER
from tests.support.stack import Stack

TABS, EVENTS, PAIRS = 50, 5_000, 5


class ConsoleTabs:
    """A gateway that keeps deliveries at full load, with tabs open or not."""

    def __init__(self, stack: Stack, store: Store) -> None:
        """Take a gateway that is not started, and its store, which is filled."""
        self.stack, self.store, self.pair, self.turn = stack, store, 0, 0
        sign_in(store)
        self.seeder = Seeder(store)
        self.seeder.fill(EVENTS)
        self.seeder.close()
        stack.start("web")

    def measure(self, seconds: float) -> Iterator[tuple[str, float]]:
        """Yield what tabs of each kind leave of the deliveries kept a second, in pairs of turns."""
        for name, topics in self._tabs().items():
            share = 100 * self._share_of_a_core(topics, seconds)
            yield f"% of a core of the web process for {TABS} tabs, {name}", share
            ratios = [self._ratio(topics, seconds) for _ in range(PAIRS)]
            yield f"kept/s beside {TABS} tabs : alone, {name}", statistics.median(ratios)

    def _tabs(self) -> dict[str, Sequence[str]]:
        secret = read_secret(self.store)
        chats = [
            conversation_address(secret, NUMBER, one).removeprefix(f"{ROOT}/conversations/")
            for one in self.seeder.customers()
        ]
        conversations = [f"conversation/{one}" for one in chats[: TABS // 2]]
        return {
            "overview": ["overview"] * TABS,
            "half of them conversations": ["overview"] * (TABS - len(conversations))
            + conversations,
        }

    def _ratio(self, topics: Sequence[str], seconds: float) -> float:
        """Return kept a second with tabs by that without, one after the other."""
        self.pair += 1
        kept: dict[bool, float] = {}
        # The other one begins each time.
        for is_beside in (False, True)[:: -1 if self.pair % 2 else 1]:
            keep = partial(self._kept_beside, topics) if is_beside else self._kept
            kept[is_beside] = keep(seconds)
        return kept[True] / kept[False]

    def _kept_beside(self, topics: Sequence[str], seconds: float) -> float:
        with _open_tabs(self.stack, topics):
            return self._kept(seconds)

    def _share_of_a_core(self, topics: Sequence[str], seconds: float) -> float:
        """Return what tabs take while nothing else happens: on a busy machine it says most."""
        web = self.stack.programs["web"].pid
        with _open_tabs(self.stack, topics):
            used, began = cpu_s(web), time.monotonic()
            time.sleep(seconds)
            return (cpu_s(web) - used) / (time.monotonic() - began)

    def _kept(self, seconds: float) -> float:
        self.turn += 1
        count = int(seconds * MOST_A_SECOND)
        seen = load(self.stack.web_port, f"t{self.turn}", "hello", count, seconds)
        return seen["per_second"]


@contextlib.contextmanager
def _open_tabs(stack: Stack, topics: Sequence[str]) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.console.tabs"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write("".join(f"{stack.api}{ROOT}/live?topics={one}\n" for one in topics))
        process.stdin.close()
        assert process.stdout.readline() == "open\n"
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def _hold(addresses: Sequence[str]) -> None:
    """Open a stream for each address, and read them all."""
    streams = [await _open(urlsplit(one)) for one in addresses]
    for reader, _ in streams:
        assert b" 200 " in await reader.readline()
        while b"data:" not in await reader.readline():
            pass
    sys.stdout.write("open\n")
    sys.stdout.flush()
    await asyncio.gather(*(_read(reader) for reader, _ in streams))


async def _open(place: SplitResult) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    request = f"GET {place.path}?{place.query} HTTP/1.1\r\nHost: {place.netloc}\r\n"
    writer.write(f"{request}Cookie: gateway-console={TOKEN}\r\n\r\n".encode())
    return reader, writer


async def _read(reader: asyncio.StreamReader) -> None:
    while await reader.read(1 << 16):
        pass


if __name__ == "__main__":
    asyncio.run(_hold(sys.stdin.read().splitlines()))
