"""Rulebooks: which one each worker process has in force, and the files of the last valid one.

May raise StoreUnavailableError or ScriptError.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from redis.exceptions import RedisError

from gateway.rules.loader import File
from gateway.store import keys
from gateway.store.redis.client import Store, translate_error
from gateway.store.redis.driver import AsyncClient, Client

# A process reports more often than that, so that one which ended is soon not counted any more.
LASTS_MS = 30_000
MOST_PROCESSES = 1_000
MOST_PROBLEM = 300
MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class InForce:
    """The rules of one process, and what is wrong with the files as it sees them now.

    `problem` is about one file or folder of rules, `more_problems` are about others.
    """

    version: str
    problem: str = ""
    has_files: bool = True  # False: there are no rules at all, so nothing is answered
    more_problems: tuple[str, ...] = ()
    accounts_problem: str = ""


def report(store: Store, process: str, now: InForce) -> None:
    """Report what a process has in force; the report expires unless it is repeated."""
    fields = {
        "version": now.version,
        "problem": now.problem[:MOST_PROBLEM],
        "has_files": now.has_files,
        "more_problems": [one[:MOST_PROBLEM] for one in now.more_problems[:MOST_PROBLEMS]],
        "accounts_problem": now.accounts_problem[:MOST_PROBLEM],
    }
    row = orjson.dumps(fields)
    store.call("note", keys.RULEBOOKS, process, row, LASTS_MS, MOST_PROCESSES)


def forget_ended(store: Store) -> None:
    """Forget the processes whose last report has expired."""
    rows: Any = store.run(lambda client: client.hgetall(keys.RULEBOOKS))
    seconds, _ = store.run(lambda client: client.time())
    for process, seen in rows.items():
        if _expires_ms(seen) < int(seconds) * 1000:
            store.call("compare_and_swap", keys.RULEBOOKS, process, seen, "")


def parse_reports(rows: Mapping[bytes, bytes], now_ms: int) -> tuple[InForce, ...]:
    """Parse the reports of processes that are alive at `now_ms`."""
    payloads = (seen.partition(b"|")[2] for seen in rows.values() if _expires_ms(seen) > now_ms)
    reports = map(orjson.loads, payloads)
    return tuple(
        InForce(
            str(one["version"]),
            str(one["problem"]),
            one.get("has_files", True),
            tuple(map(str, one.get("more_problems", ()))),
            str(one.get("accounts_problem", "")),
        )
        for one in reports
    )


def count_versions(reports: Iterable[InForce]) -> dict[str, int]:
    """Count the processes that have each version in force, most frequent first."""
    return dict(Counter(one.version for one in reports).most_common())


def read(store: Store) -> tuple[InForce, ...]:
    """Return what processes have in force now."""
    rows: Any = store.run(lambda client: client.hgetall(keys.RULEBOOKS))
    seconds, _ = store.run(lambda client: client.time())
    return parse_reports(rows, int(seconds) * 1000)


async def read_reports(client: AsyncClient) -> tuple[InForce, ...]:
    """Return what processes have in force now. Raises StoreUnavailableError."""
    try:
        pipe = client.pipeline(transaction=False)
        pipe.hgetall(keys.RULEBOOKS)
        rows = (await pipe.execute())[0]
        seconds, _ = await client.time()
    except RedisError as error:
        raise translate_error(error) from error
    return parse_reports(rows, int(seconds) * 1000)


def keep_files(
    store: Store, main: Path, valid: Mapping[Path, tuple[str, Iterable[File]]], used: Sequence[Path]
) -> None:
    """Store the files of valid rulebooks, each in place of the one before of the same path.

    `main` is the path GATEWAY_RULES, whose fields releases for one account read as well. Files of
    paths that are not `used` any more are forgotten.
    """
    kept: Any = store.run(lambda client: client.hgetall(keys.RULES_KEPT))
    for path, (version, files) in valid.items():
        version_field, files_field = _kept_fields(path, main)
        if kept.get(version_field.encode()) != version.encode():
            files_json = orjson.dumps({one.name: one.content.decode() for one in files})
            fields: Any = {version_field: version, files_field: files_json}
            store.run(partial(_write_fields, fields))
    wanted = {field.encode() for path in (main, *used) for field in _kept_fields(path, main)}
    if ended := {*kept} - wanted:
        store.run(lambda client: client.hdel(keys.RULES_KEPT, *ended))


def read_kept_files(store: Store, main: Path, path: Path) -> tuple[File, ...]:
    """Return the files of the last valid rulebook of a path, none where there was none."""
    _, field = _kept_fields(path, main)
    files_json: Any = store.run(lambda client: client.hget(keys.RULES_KEPT, field))
    contents = orjson.loads(files_json) if files_json else {}
    return tuple(File(name, content.encode()) for name, content in contents.items())


def _write_fields(fields: Any, client: Client) -> Any:
    return client.hset(keys.RULES_KEPT, mapping=fields)


def _kept_fields(path: Path, main: Path) -> tuple[str, str]:
    place = "" if path == main else f":{path}"
    return f"version{place}", f"files{place}"


def _expires_ms(seen: bytes) -> int:
    return int(seen.partition(b"|")[0])
