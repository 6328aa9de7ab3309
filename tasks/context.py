"""What one worker process holds: built when it is first needed, after the fork, once a process."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import structlog

from gateway import __version__
from gateway.config.settings import Settings, SettingsError
from gateway.core.planning.circuit_breaker import Breaker
from gateway.core.planning.decision import RuleDecider
from gateway.graph.messages import Graph
from gateway.rules.reloader import RulebookSource
from gateway.store.body_encryption import Bodies
from gateway.store.inbox.inbox import Inbox
from gateway.store.number_list import MOST_NUMBERS, add_number
from gateway.store.planning import rulebooks
from gateway.store.redis.client import Store
from gateway.store.sending.lanes import Lanes
from tasks.processes.http_pool import SENDS_AT_ONCE
from tasks.processes.process_names import process_name
from tasks.processes.rule_reloading import RuleReloader
from tasks.processes.served_numbers import Sender
from tasks.processes.store_check import refuse_unfit

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class StoreAccess:
    """What is needed for everything that runs by the clock: it asks no rule and calls nobody."""

    settings: Settings
    store: Store
    bodies: Bodies  # how bodies are stored, and what sends said
    inbox: Inbox


@dataclass(slots=True)
class WorkerContext(StoreAccess):
    """The store, the rules and the connection to Meta of this process."""

    rules: RulebookSource
    graph: Graph
    post_pool: ThreadPoolExecutor  # one thread more than there are posts asks a store that was away
    breaker: Breaker
    ring_pool: ThreadPoolExecutor  # a broker that is away must not hold up who holds a lease
    _lanes: dict[str, Lanes] = field(default_factory=dict)
    listed_numbers: set[str] = field(default_factory=set)
    sender: Sender = field(default_factory=Sender)
    reported_errors: set[str] = field(default_factory=set)  # kinds of errors that attempts raised

    def lanes(self, number: str) -> Lanes:
        """Return the lanes of a number, which the pumps of this process share."""
        per_second = self.settings.meta_messages_per_second
        return self._lanes.setdefault(number, Lanes(self.store, number, per_second))

    def ensure_listed(self, number: str) -> None:
        """Make a number one that ticks and sweeps look at, before there is anything to look at."""
        if number not in self.listed_numbers:
            if not add_number(self.store, number):
                # Its events have their effect, and its sends go while bells ring for them.
                log.warning("numbers_full", most=MOST_NUMBERS)
            self.listed_numbers.add(number)

    def renew_token(self) -> bool:
        """Read the token again, where it is kept in a file; say whether it is another one."""
        try:
            token = Settings.from_env().meta_access_token.get_secret_value()
            return self.graph.use_token(token)
        except (SettingsError, OSError, ValueError):
            return False  # half-written: the old one stays, and the next probe looks again


def release_id(rulebook: RuleDecider) -> str:
    """Name what planning is done by: the code, and the rules that may change meanwhile."""
    return f"{__version__}/{rulebook.version}"


_contexts: dict[int, WorkerContext] = {}
_reloading_enabled = threading.Event()


def worker_context() -> WorkerContext:
    """Return what this process works with.

    Raises StoreUnavailableError until the store was looked at and may be worked on.
    """
    current = _held()
    refuse_unfit(current.store, current.settings.gateway_store_bytes)
    return current


def _held() -> WorkerContext:
    """Return what this process holds: a client from before a fork answers the wrong child."""
    pid = os.getpid()
    # Two threads may come here first at once; all must end with the same, which holds outcomes.
    if found := _contexts.get(pid):
        return found
    made = build_context(Settings.from_env())
    held = _contexts.setdefault(pid, made)
    if held is made and _reloading_enabled.is_set():
        RuleReloader(made.store, made.rules).start()
    return held


def enable_rule_reloading() -> None:
    """Let this process and those that it forks take up changed rules while they work."""
    _reloading_enabled.set()


def open_store_access(settings: Settings) -> StoreAccess:
    """Open the store, with connections that nobody else has."""
    store, bodies = Store(settings.redis_url), Bodies(settings.encryption_keys)
    return StoreAccess(settings, store, bodies, Inbox(store, bodies, process_name()))


def build_context(settings: Settings) -> WorkerContext:
    """Put together what a worker needs. Raises RulebookError where the rules are wrong."""
    opened = open_store_access(settings)
    store = opened.store
    graph = Graph(
        settings.meta_graph_url,
        settings.meta_graph_version,
        settings.meta_access_token.get_secret_value(),
    )
    return WorkerContext(
        settings=settings,
        store=store,
        bodies=opened.bodies,
        inbox=opened.inbox,
        rules=RulebookSource(
            settings.gateway_rules, fallback=partial(rulebooks.read_kept_files, store)
        ),
        graph=graph,
        post_pool=ThreadPoolExecutor(SENDS_AT_ONCE + 1, thread_name_prefix="post"),
        breaker=Breaker(),
        ring_pool=ThreadPoolExecutor(1, thread_name_prefix="ring"),
    )
