"""Snapshot: the state of everything at one moment, by which an operator sees if all is well."""

import time
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.accounts.account import Account, Accounts
from gateway.core.alerts import Alert
from gateway.core.alerts import Cause as AlertCause
from gateway.core.dead_letters.dead_letter import Cause
from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.core.storage.forecast import HOUR_MS, MOST_MS, Forecast, forecast
from gateway.core.storage.ownership import StoreOwner
from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import dead_letters
from gateway.store.inbox.inbox import Inbox, PartitionState
from gateway.store.monitoring import alert_store
from gateway.store.monitoring.canary import NONE_YET, Canary
from gateway.store.monitoring.canary import read as read_canary
from gateway.store.monitoring.number_state import (
    NumberState,
    parse_counts,
    parse_numbers,
    queue_number_commands,
)
from gateway.store.outgoing.receiver_states import ReceiverState, read_receiver_states
from gateway.store.planning import rulebooks
from gateway.store.planning.rulebooks import InForce
from gateway.store.redis.client import ScriptError, Store
from gateway.store.redis.driver import Client
from gateway.store.sending.lookup import run_commands
from gateway.store.server.health import REFUSE_FROM, ServerHealth, judge_servers


def _concerns(cause: AlertCause, numbers: Container[str], names: Container[str]) -> bool:
    """Say whether an alert is about one of these numbers or accounts, or about all."""
    if cause.number:
        return cause.number in numbers
    return not cause.account or cause.account in names


def record_memory_use(store: Store, now_ms: int, used_bytes: int) -> None:
    """Record the memory used, once an hour, and drop samples older than two days."""
    hour = now_ms // HOUR_MS * HOUR_MS
    row = f"{now_ms}:{used_bytes}"
    if not store.run(lambda client: client.hsetnx(keys.MEMORY_HISTORY, str(hour), row)):
        return
    hours: Any = store.run(lambda client: client.hkeys(keys.MEMORY_HISTORY))
    if old := [name for name in hours if not 0 <= hour - int(name) <= 2 * MOST_MS]:
        store.run(lambda client: client.hdel(keys.MEMORY_HISTORY, *old))


def samples(raw: Mapping[bytes, bytes]) -> dict[int, int]:
    """Return the stored memory samples: bytes used, by moment."""
    pairs = (value.split(b":") for value in raw.values())
    return {int(at): int(used) for at, used in pairs}


SCHEDULED_RUNS = ("tick", "sweep", "watch", "web")
# Only the newest are read for their causes; the rest are only counted.
MOST_LETTERS = 1_000


@dataclass(frozen=True, slots=True)
class DeadLetterGroup:
    """Properties that the dead letters of a group share."""

    number: str
    cause: Cause
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State of everything at one moment of the server's clock."""

    now_ms: int
    health: ServerHealth
    partitions: tuple[PartitionState, ...]
    numbers: tuple[NumberState, ...]
    letters: Mapping[DeadLetterGroup, int] = field(default_factory=dict)
    ago_s: Mapping[str, float] = field(default_factory=dict)  # when each scheduled job ran
    counts: Mapping[str, int] = field(default_factory=dict)  # of the space as a whole
    stopped_release: str = ""  # the release that must not plan now
    stopped_rules: str = ""  # releases with the rules of some accounts, a line each
    canary: Canary = NONE_YET
    rulebooks: tuple[InForce, ...] = ()  # one for each worker process
    release: str = ""  # of the worker that ran the watch last, with its rules; "" where none has
    has_beat_leader: bool = False  # some beat holds the leader lock
    memory_samples: Mapping[int, int] = field(
        default_factory=dict
    )  # bytes used, by moment, hour by hour
    owner: StoreOwner | None = None
    alerts: tuple[Alert, ...] = ()  # that have begun and not ended
    ahead_s: float = 0.0  # the server's clock of ours, which decides nothing
    receivers: tuple[ReceiverState, ...] = ()  # of forwards
    unassigned: frozenset[str] = frozenset()  # numbers that no account has
    accounts_by_number: Mapping[str, str] = field(default_factory=dict)  # those with a name

    @property
    def forecast(self) -> Forecast | None:
        """Return when deliveries will be refused at the present rate, None where unknown."""
        health = self.health
        full_bytes = REFUSE_FROM * health.limit_bytes
        return forecast(self.now_ms, health.used_bytes, full_bytes, self.memory_samples)

    @property
    def causes(self) -> dict[str, int]:
        """Count what `gateway dead-letters` lists; the partitions count deferred deliveries."""
        cause_counts: Counter[str] = Counter()
        for group, count in self.letters.items():
            cause_counts[group.cause] += count
        deferred = sum(one.deferred for one in self.partitions)
        return dict(cause_counts) | ({"aside": deferred} if deferred else {})

    def of_accounts(self, *accounts: Account) -> "Snapshot":
        """Return the snapshot with nothing of the numbers of other accounts."""
        names = {one.name for one in accounts}
        own = {
            one.number
            for one in self.numbers
            if any(account.number(one.number) for account in accounts)
        }
        return replace(
            self,
            numbers=tuple(one for one in self.numbers if one.number in own),
            receivers=tuple(one for one in self.receivers if one.number in own),
            letters={group: n for group, n in self.letters.items() if group.number in own},
            alerts=tuple(one for one in self.alerts if _concerns(one.cause, own, names)),
        )

    @property
    def kept(self) -> int:
        """Return how many deliveries were stored in all."""
        return sum(one.kept for one in self.partitions)

    @property
    def waiting(self) -> int:
        """Return how many deliveries wait, including deferred ones."""
        return sum(one.waiting for one in self.partitions)

    @property
    def oldest_s(self) -> float:
        """Return the age of the oldest waiting delivery."""
        return max((one.oldest_s for one in self.partitions), default=0.0)

    @property
    def given_up(self) -> int:
        """Return how many deliveries operators gave up in all."""
        return sum(one.given_up for one in self.partitions)

    def total(self, name: str) -> int:
        """Return a counter, summed over all numbers."""
        return sum(one.counts.get(name, 0) for one in self.numbers)


def read(
    store: Store,
    limit_bytes: int,
    accounts: Accounts | None = None,
    letters: Mapping[DeadLetterGroup, int] | None = None,
) -> Snapshot:
    """Read everything and change nothing; `accounts` say which numbers no account has.

    To count `letters` takes longer than all else, so whoever has just done so may give them.

    Raises StoreUnavailableError or ScriptError.
    """
    began = time.time()
    partitions = tuple(Inbox(store, Bodies()).partition_states())
    between, now_ms = (began + time.time()) / 2, partitions[0].now_ms
    infos, rows, numbers = store.infos(), _read_rows(store), _read_numbers(store)
    found = Snapshot(
        now_ms=now_ms,
        health=judge_servers(infos, _text(rows["layout"]), limit_bytes),
        partitions=partitions,
        numbers=numbers,
        letters=_count_dead_letters(store) if letters is None else letters,
        alerts=_read_alerts(store),
        ahead_s=now_ms / 1000 - between,
        receivers=_read_receivers(store, numbers),
        unassigned=_find_unassigned(numbers, accounts),
        accounts_by_number=_name_accounts(numbers, accounts),
    )
    return _with_rows(found, rows)


# What is stored once for all numbers: how each row is read, by its name.
_ROWS: Mapping[str, Sequence[str]] = {
    "layout": ("GET", keys.LAYOUT_KEY),
    "owner": ("HGET", keys.OWNER, "owner"),
    "counts": ("HGETALL", f"{keys.SPACE}count"),
    "stopped_release": ("GET", keys.STOPPED_RELEASE),
    "stopped_rules": ("GET", keys.STOPPED_RULES),
    "canary": ("HGETALL", keys.CANARY),
    "rulebooks": ("HGETALL", keys.RULEBOOKS),
    "release": ("GET", f"{keys.LAST_RUN}watch"),
    "beat_lock": ("EXISTS", keys.BEAT_LOCK),
    "memory": ("HGETALL", keys.MEMORY_HISTORY),
    **{what: ("PTTL", f"{keys.LAST_RUN}{what}") for what in SCHEDULED_RUNS},
}


def _read_rows(store: Store) -> Mapping[str, Any]:
    return dict(zip(_ROWS, run_commands(store, *_ROWS.values()), strict=True))


def _with_rows(found: Snapshot, rows: Mapping[str, Any]) -> Snapshot:
    """Return the snapshot with what is stored once for all numbers."""
    left_ms = {what: rows[what] for what in SCHEDULED_RUNS}
    return replace(
        found,
        ago_s={what: (keys.DAY_MS - left) / 1000 for what, left in left_ms.items() if left > 0},
        counts=parse_counts(rows["counts"]),
        stopped_release=_text(rows["stopped_release"]),
        stopped_rules=_text(rows["stopped_rules"]),
        canary=read_canary(rows["canary"], found.now_ms),
        rulebooks=rulebooks.parse_reports(rows["rulebooks"], found.now_ms),
        release=_text(rows["release"]),
        has_beat_leader=bool(rows["beat_lock"]),
        memory_samples=samples(rows["memory"]),
        owner=StoreOwner.unpack(rows["owner"] or b""),
    )


def _text(row: bytes | None) -> str:
    return row.decode() if row else ""


def _read_alerts(store: Store) -> tuple[Alert, ...]:
    """Read the alerts that have begun and not ended, as the last watch found them."""
    states = (row.state for row in alert_store.read_rows(store).values())
    return tuple(one.alert for one in states if not one.until_ms)


def _count_dead_letters(store: Store) -> Counter[DeadLetterGroup]:
    """Count the newest dead letters by cause, none where a list of them is damaged."""
    newest = dead_letters.iter_dead_letters(store, DeadLetterFilter(), MOST_LETTERS)
    try:
        return Counter(DeadLetterGroup(one.number, one.cause, one.code) for one in newest)
    except ScriptError:
        return Counter()


def _read_receivers(store: Store, numbers: Iterable[NumberState]) -> tuple[ReceiverState, ...]:
    names = [one.number for one in numbers if "forwards.planned" in one.counts]
    return tuple(read_receiver_states(store, names))


def _find_unassigned(numbers: Iterable[NumberState], accounts: Accounts | None) -> frozenset[str]:
    if accounts is None:
        return frozenset()
    names = (one.number for one in numbers if one.number)
    return frozenset(name for name in names if accounts.owner_of(name) is None)


def _name_accounts(numbers: Iterable[NumberState], accounts: Accounts | None) -> dict[str, str]:
    names = ((one.number, accounts.name_of(one.number)) for one in numbers if accounts)
    return {number: name for number, name in names if name}


def _read_numbers(store: Store) -> tuple[NumberState, ...]:
    """Read the state of each number, in one round trip."""
    names = number_list.numbers_at_meta(store)

    def run(client: Client) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        queue_number_commands(pipe, names)
        return pipe.answers()

    return parse_numbers(names, store.run(run)) if names else ()
