"""How many messages a second the API accepts, singly and in batches, and what each costs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.core.api.keys import ApiKey, hash_key
from gateway.store.api.api_keys import add_key
from gateway.store.redis.client import Store
from tests.bench.load import load
from tests.bench.recipe import Recipe
from tests.bench.sending import cpu_s
from tests.support.servers import Server
from tests.support.stack import Stack

KEY = "a-key-of-the-benchmark"
# Beyond what any key is given, so that the gateway is measured and not its limit.
LIFTED = 1_000_000
IN_A_BATCH = 1_000
MOST_A_SECOND = 10_000  # so many requests are prepared for each second


@dataclass(frozen=True)
class Accepted:
    """Messages accepted a second, how long an answer took, and what each cost the web process."""

    per_second: float
    p99_ms: float
    cpu_ms: float


class Accepting:
    """The gateway's API with one key, and no worker."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.server = server
        self.stack = Stack(folder, server, GATEWAY_LOG_LEVEL="warning")

    def measure(self, seconds: float) -> Iterator[tuple[str, Accepted]]:
        """Post messages singly, then with idempotency keys, then in batches."""
        self.stack.start("web")
        with_key = Store(self.server.url)
        add_key(with_key, ApiKey("bench", hash_key(KEY), rate=LIFTED))
        with_key.close()
        count = int(seconds * MOST_A_SECOND)
        for kind in ("message", "message with a key"):
            yield kind, self._load(kind, count, seconds)
        yield "batch", self._load("batch", count // 100, seconds, connections=4)

    def _load(self, kind: str, count: int, seconds: float, connections: int = 32) -> Accepted:
        web = self.stack.programs["web"].pid
        cpu = cpu_s(web)
        seen = load(
            self.stack.api_port, kind, "", count, seconds, kind=kind, connections=connections
        )
        assert seen["ok"] == seen["answered"] > 0, seen
        each = IN_A_BATCH if kind == "batch" else 1
        used = (cpu_s(web) - cpu) / (seen["ok"] * each) * 1_000
        return Accepted(seen["per_second"] * each, seen["p99_ms"], used)

    def stop(self) -> None:
        self.stack.stop()


class SendingRecipe(Recipe):
    """The usual recipe's `POST /send-message`, which the benchmark brings along."""

    def __init__(self, folder: Path, server: Server) -> None:
        super().__init__(folder, server, Path(__file__).parent / "usual" / "sending_recipe.py")

    def measure(self, seconds: float) -> Iterator[tuple[str, Accepted]]:
        """Post messages singly, which is all that it can do; the ratios are to this."""
        self.start()
        web = self.programs["web"].pid
        cpu = cpu_s(web)
        count = int(seconds * MOST_A_SECOND)
        seen = load(self.web_port, "recipe", "", count, seconds, kind="recipe")
        assert seen["ok"] == seen["answered"] > 0, seen
        used = (cpu_s(web) - cpu) / seen["ok"] * 1_000
        for kind in ("message", "message with a key", "batch"):
            yield kind, Accepted(seen["per_second"], seen["p99_ms"], used)


def figures(measured: Iterable[tuple[str, Accepted]]) -> Iterator[tuple[str, float]]:
    """Yield the rows of the table."""
    for kind, one in measured:
        yield f"accepted/s, {kind}", one.per_second
        yield f"accepted p99 ms, {kind}", one.p99_ms
        yield f"CPU ms of web for each, {kind}", one.cpu_ms
