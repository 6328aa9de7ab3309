"""Server health: whether the server answers, writes, and has room for more."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import structlog
from redis.exceptions import RedisError, ResponseError

from gateway.core.alerts import HealthProblem
from gateway.store import keys
from gateway.store.lua.scripts import source
from gateway.store.redis.client import Call, require_any_answer, translate_error
from gateway.store.redis.driver import AsyncClient

log = structlog.get_logger(__name__)

OLDEST_SERVER = (6, 2)
LAYOUT_BEFORE = "1/8"  # which gateway migrate can read
YIELD_FROM = 0.60
REFUSE_FROM = 0.75
# From this share on finished sends are compacted early: first accepted ones, then also those whose
# dead letters could still begin again.
COMPACT_FROM, COMPACT_ALL_FROM = YIELD_FROM, 0.70
# Customers are never deleted, so an import leaves room for deliveries.
IMPORT_UNTIL = 0.70
# Part of the history that goes each second while it yields.
AN_EIGHTH = 8
POLL_S = 1.0
RESULTS_RETENTION = timedelta(days=1)

NO_FILE = HealthProblem(
    "no_append_only_file",
    "Redis has no append-only file, so what was acknowledged is lost when it stops.",
    "Set appendonly yes and appendfsync always.",
)
NO_DISK = HealthProblem(
    "disk_not_written",
    "Redis cannot write to its disk, so deliveries are refused.",
    "See in the log of Redis whether its disk is full; Meta delivers again.",
)
EVICTS = HealthProblem(
    "may_evict",
    "Redis may throw away what waits when its memory is full.",
    "Set maxmemory-policy noeviction.",
)
PLANNING_STOPPED = HealthProblem(
    "planning_stopped",
    "Planning has stopped, for too many events raised an error; deliveries are kept.",
    "Roll back the release or the rules, and see gateway dead-letters list.",
)


@dataclass(frozen=True, slots=True)
class ServerHealth:
    """Problems of the server, in sentences; none of them prevents a start unless it is `fatal`."""

    fatal: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    used_bytes: int = 0
    limit_bytes: int = 0
    refusal: str = ""  # the server's error when a write was tried
    owner_id: str = ""  # of the store, "" where nobody asked whose it is

    @property
    def is_short(self) -> bool:
        """Return whether processed data has to give way, before its retention is over."""
        return self._beyond(YIELD_FROM)

    @property
    def has_room_for_customers(self) -> bool:
        """Return whether many customers may be added, and deliveries are still stored."""
        return not self._beyond(IMPORT_UNTIL)

    @property
    def is_full(self) -> bool:
        """Return whether deliveries have to be refused, so that stored ones can be worked off."""
        return self._beyond(REFUSE_FROM)

    @property
    def is_ready(self) -> bool:
        """Return whether deliveries are stored."""
        return not (self.fatal or self.refusal or self.is_full)

    @property
    def early_ms(self) -> float:
        """Return how long before their time finished sends are compacted."""
        if self._beyond(COMPACT_ALL_FROM):
            return float("inf")
        return keys.DAY_MS if self._beyond(COMPACT_FROM) else 0

    def _beyond(self, share: float) -> bool:
        return bool(self.limit_bytes) and self.used_bytes > share * self.limit_bytes


def judge_server(info: Mapping[str, Any], layout: str, limit_bytes: int) -> ServerHealth:
    """Judge the server's INFO and the layout found in it; pure."""
    fatal = [
        problem
        for problem in (version_problem(info), layout_problem(layout), replica_problem(info))
        if problem
    ]
    warnings = []
    if not int(info.get("aof_enabled", 0)):
        warnings.append(str(NO_FILE))
    if info.get("aof_last_write_status", "ok") != "ok":
        warnings.append(str(NO_DISK))
    if info.get("maxmemory_policy", "noeviction") != "noeviction":
        warnings.append(str(EVICTS))
    return ServerHealth(
        tuple(fatal), tuple(warnings), int(info["used_memory"]), _limit(info, limit_bytes)
    )


def version_problem(info: Mapping[str, Any]) -> str:
    """Return why the server lacks what our scripts need; "" where it does not."""
    version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    if version >= OLDEST_SERVER:
        return ""
    return f"Redis {info['redis_version']} is too old: 6.2 or newer is needed."


def layout_problem(layout: str) -> str:
    """Return why we cannot read the layout of the stored data; "" where we can."""
    if layout in ("", layout_name()):
        return ""
    if layout == LAYOUT_BEFORE:
        return "The store has the layout of an older release: run gateway migrate, once."
    return f"The store has layout {layout}; this version needs {layout_name()}."


def replica_problem(info: Mapping[str, Any]) -> str:
    """Return why a server takes no writes of ours; "" where it does."""
    if info.get("role") not in ("slave", "replica"):
        return ""
    return "Redis is a replica and cannot keep anything: use the address of its primary."


def _limit(info: Mapping[str, Any], limit_bytes: int) -> int:
    half = int(info.get("total_system_memory", 0)) // 2
    return int(info.get("maxmemory", 0)) or limit_bytes or half


def judge_servers(infos: Sequence[Any], layout: str, limit_bytes: int) -> ServerHealth:
    """Judge every server that writes: the problems of any, and how full the fullest is; pure."""
    answering = [
        judge_server(one, layout, limit_bytes) for one in infos if not isinstance(one, RedisError)
    ]
    away = len(infos) - len(answering)
    missing = f"{away} of the {len(infos)} servers of the cluster do not answer."
    warnings = (one for health in answering for one in health.warnings)
    fullest = max(
        answering, key=lambda one: one.used_bytes / (one.limit_bytes or one.used_bytes or 1)
    )
    return replace(
        fullest,
        fatal=tuple(dict.fromkeys(one for health in answering for one in health.fatal)),
        warnings=tuple(dict.fromkeys([*warnings, *([missing] if away else [])])),
    )


def layout_name() -> str:
    """Return the layout that this version reads and writes."""
    return f"{keys.LAYOUT}/{keys.PARTITIONS}"


def history_drop_calls(numbers: Iterable[str], results: timedelta) -> list[Call]:
    """Return the calls that drop the oldest of the history, a bounded part; each returns how many.

    History is processed deliveries, the records of why something was planned for them, the texts of
    sends, and the records of those that were compacted at least `results` ago.
    """
    calls = [Call("trim", keys.partition(i), [0, AN_EIGHTH]) for i in range(keys.PARTITIONS)]
    kept_ms = int(results.total_seconds() * 1000)
    for name in numbers:
        calls.append(Call("forget_records", keys.number(name), [AN_EIGHTH]))
        calls.append(Call("prune", keys.number(name), [0, kept_ms, kept_ms, AN_EIGHTH]))
    return calls


UNSEEN = "The store has not been seen yet."


# By a script, as deliveries are kept.
_WRITE = "return redis.call('SET', KEYS[1], 1, 'PX', ARGV[1])"


JudgeOwner = Callable[[ServerHealth], Awaitable[ServerHealth]]


class HealthMonitor:
    """Checks the server once a second, beside the requests."""

    def __init__(
        self,
        client: AsyncClient,
        limit_bytes: int,
        results: timedelta = RESULTS_RETENTION,
        judge_owner: JudgeOwner | None = None,
    ) -> None:
        """Use `limit_bytes` where the server has no limit of its own (0: half of its host)."""
        self._redis = client
        self._judge_owner = judge_owner
        self._limit_bytes = limit_bytes
        self._results = results
        self._layout: bytes | None = None  # as it was read last, b"" of an empty store
        self.health = ServerHealth(fatal=(UNSEEN,))  # it may be of another layout

    async def refresh(self) -> ServerHealth:
        """Ask every server now. Raises StoreUnavailableError."""
        try:
            layout = await self._look_at_layout()
            stopped = await self._ask(self._redis.get(keys.STOPPED_RELEASE))
            infos = require_any_answer(await self._redis.infos())
            refusal = await self._write_refusal()
            health = judge_servers(infos, layout.decode(), self._limit_bytes)
            if self._judge_owner and not health.fatal:
                health = await self._judge_owner(health)
        except RedisError as error:
            raise translate_error(error) from error
        self.health = replace(health, refusal=refusal)
        if stopped:
            warnings = (*self.health.warnings, str(PLANNING_STOPPED))
            self.health = replace(self.health, warnings=warnings)
        return self.health

    async def _look_at_layout(self) -> bytes:
        """Return the layout; the last one read where its server is unavailable and others serve."""
        try:
            found: Any = await self._redis.get(keys.LAYOUT_KEY)
        except RedisError as error:
            if not self._redis.is_partial(error) or self._layout is None:
                raise
            return self._layout
        self._layout = found or b""
        return self._layout

    async def _write_refusal(self) -> str:
        """Return why a write fails: a server may refuse for reasons that its INFO does not show."""
        try:
            await self._ask(self._redis.eval(_WRITE, 1, f"{keys.LAST_RUN}web", keys.DAY_MS))
        except ResponseError as error:
            return str(error)
        return ""

    async def _ask(self, command: Awaitable[Any]) -> Any:
        """Return an answer; None where its server is unavailable and others serve."""
        try:
            return await command
        except RedisError as error:
            if not self._redis.is_partial(error):
                raise
            return None

    async def watch(self) -> None:
        """Refresh until cancelled; an unavailable server changes nothing."""
        while True:
            await asyncio.sleep(POLL_S)
            try:
                health = await self.refresh()
                if health.is_short and not health.fatal:
                    await self._make_room()
            except Exception:  # noqa: S112 - the writer of a delivery finds out by itself
                continue

    async def _make_room(self) -> None:
        """Drop history, as a tick does: a full server may have no room for its wake-up."""
        found: Any = self._redis.smembers(keys.NUMBERS)
        pipe = self._redis.pipeline(transaction=False)
        for call in history_drop_calls((name.decode() for name in await found), self._results):
            pipe.eval(source(call.script), 1, call.prefix, *call.args)
        if dropped := sum(await pipe.execute()):
            log.warning("history_yields", dropped=dropped)
