"""Which rulebook each worker process has in force, and the files of the last one that was right.

May raise StoreUnavailableError or ScriptError.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from redis.exceptions import RedisError

from gateway.rules.loader import File
from gateway.store import keys
from gateway.store.redis.client import Store, meaning
from gateway.store.redis.driver import AsyncClient

# A process says so more often than that, so that one which ended is soon not counted any more.
LASTS_MS = 30_000
MOST_PROCESSES = 1_000
MOST_TOLD = 300


@dataclass(frozen=True, slots=True)
class InForce:
    """The rulebook of one process, and what is wrong with the files as it sees them now."""

    version: str
    problem: str = ""


def report(store: Store, process: str, now: InForce) -> None:
    """Say what a process has in force; it is forgotten where that is not said again."""
    seen = orjson.dumps({"version": now.version, "problem": now.problem[:MOST_TOLD]})
    store.call("note", keys.RULEBOOKS, process, seen, LASTS_MS, MOST_PROCESSES)


def forget_ended(store: Store) -> None:
    """Forget the processes that have not said anything for long."""
    found: Any = store.run(lambda client: client.hgetall(keys.RULEBOOKS))
    seconds, _ = store.run(lambda client: client.time())
    for process, seen in found.items():
        if _till(seen) < int(seconds) * 1000:
            store.call("compare_and_swap", keys.RULEBOOKS, process, seen, "")


def reported(found: Mapping[bytes, bytes], now_ms: int) -> tuple[InForce, ...]:
    """Read what processes said that are there at `now_ms`."""
    said = (seen.partition(b"|")[2] for seen in found.values() if _till(seen) > now_ms)
    read = map(orjson.loads, said)
    return tuple(InForce(str(one["version"]), str(one["problem"])) for one in read)


def versions(found: Iterable[InForce]) -> dict[str, int]:
    """Count the processes that have each version in force, the most first."""
    return dict(Counter(one.version for one in found).most_common())


def sentences(found: Iterable[InForce]) -> list[str]:
    """Tell what is wrong with the files of rules, each thing once."""
    told = {one.problem.splitlines()[0]: one.version for one in found if one.problem}
    return [
        f"The rules as they are now cannot be used, so version {version} stays in force: {problem}"
        for problem, version in sorted(told.items())
    ]


async def warnings(client: AsyncClient) -> list[str]:
    """Tell what is wrong with the files of rules. Raises StoreUnavailableError."""
    try:
        pipe = client.pipeline(transaction=False)
        pipe.hgetall(keys.RULEBOOKS)
        found = (await pipe.execute())[0]
        seconds, _ = await client.time()
    except RedisError as error:
        raise meaning(error) from error
    return sentences(reported(found, int(seconds) * 1000))


def keep(store: Store, version: str, files: Iterable[File]) -> None:
    """Keep the files of a rulebook that was right, in place of the one before."""
    said: Any = store.run(lambda client: client.hget(keys.RULES_KEPT, "version"))
    if said == version.encode():
        return
    held = orjson.dumps({one.name: one.content.decode() for one in files})
    fields: Any = {"version": version, "files": held}
    store.run(lambda client: client.hset(keys.RULES_KEPT, mapping=fields))


def kept(store: Store) -> tuple[File, ...]:
    """Return the files of the last rulebook that was right, none where there was none."""
    held: Any = store.run(lambda client: client.hget(keys.RULES_KEPT, "files"))
    found = orjson.loads(held) if held else {}
    return tuple(File(name, content.encode()) for name, content in found.items())


def _till(seen: bytes) -> int:
    return int(seen.partition(b"|")[0])
