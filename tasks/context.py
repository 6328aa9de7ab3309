"""Context of a worker process: built once a process, on first use, after the fork."""

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
from gateway.store.body_codec import Bodies
from gateway.store.inbox.inbox import Inbox
from gateway.store.number_list import MOST_NUMBERS, add_number
from gateway.store.planning import rulebooks
from gateway.store.redis.client import Store
from gateway.store.sending.lanes import Lanes
from tasks.processes.post_concurrency import SENDS_AT_ONCE
from tasks.processes.process_names import process_name
from tasks.processes.rule_reloading import RuleReloader
from tasks.processes.served_numbers import Sender
from tasks.processes.store_check import refuse_unfit

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class StoreAccess:
    """What periodic jobs need: no rules, and no connection to Meta."""

    settings: Settings
    store: Store
    bodies: Bodies  # how bodies and the answers to sends are stored
    inbox: Inbox


@dataclass(slots=True)
class WorkerContext(StoreAccess):
    """The store, the rules and the connection to Meta of this process."""

    rules: RulebookSource
    graph: Graph
    post_pool: ThreadPoolExecutor  # one thread more than posts, to retry an unavailable store
    breaker: Breaker
    ring_pool: ThreadPoolExecutor  # an unavailable broker must not delay the holder of a lease
    _lanes: dict[str, Lanes] = field(default_factory=dict)
    listed_numbers: set[str] = field(default_factory=set)
    sender: Sender = field(default_factory=Sender)
    reported_errors: set[str] = field(default_factory=set)  # kinds of errors that attempts raised

    def lanes(self, number: str) -> Lanes:
        """Return the lanes of a number, which the pumps of this process share."""
        per_second = self.settings.meta_messages_per_second
        return self._lanes.setdefault(number, Lanes(self.store, number, per_second))

    def ensure_listed(self, number: str) -> None:
        """Add a number to those that ticks and sweeps look at, before it has any work."""
        if number not in self.listed_numbers:
            if not add_number(self.store, number):
                # Its events have their effect, and its sends go as long as wake-ups arrive.
                log.warning("numbers_full", most=MOST_NUMBERS)
            self.listed_numbers.add(number)

    def renew_token(self) -> bool:
        """Read the token again if a file holds it; return whether it changed."""
        try:
            token = Settings.from_env().meta_access_token.get_secret_value()
            return self.graph.use_token(token)
        except (SettingsError, OSError, ValueError):
            return False  # half-written: the old one stays, and the next probe reads it again


def release_id(rulebook: RuleDecider) -> str:
    """Return the name of the release that plans: the code, and the rules, which may change."""
    return f"{__version__}/{rulebook.version}"


_contexts: dict[int, WorkerContext] = {}
_reloading_enabled = threading.Event()


def worker_context() -> WorkerContext:
    """Return the context of this process.

    Raises StoreUnavailableError until the store was checked and is fit to work on.
    """
    current = _held()
    refuse_unfit(current.store, current.settings)
    return current


def _held() -> WorkerContext:
    """Return this process's context; a client from before a fork would answer the wrong child."""
    pid = os.getpid()
    # Two threads may arrive here first at once; both must get the same, which holds outcomes.
    if found := _contexts.get(pid):
        return found
    made = build_context(Settings.from_env())
    held = _contexts.setdefault(pid, made)
    if held is made and _reloading_enabled.is_set():
        RuleReloader(made.store, made.rules).start()
    return held


def enable_rule_reloading() -> None:
    """Let this process and its forks reload changed rules while they work."""
    _reloading_enabled.set()


def open_store_access(settings: Settings) -> StoreAccess:
    """Open the store, with connections that nothing else shares."""
    store, bodies = Store(settings.redis_url), Bodies(settings.encryption_keys)
    return StoreAccess(settings, store, bodies, Inbox(store, bodies, process_name()))


def build_context(settings: Settings) -> WorkerContext:
    """Build what a worker needs. Raises RulebookError if the rules are wrong."""
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
            settings.gateway_rules,
            fallback=partial(rulebooks.read_kept_files, store),
            demo=settings.gateway_demo_rules,
            trial_hours=settings.gateway_trial_hours,
        ),
        graph=graph,
        post_pool=ThreadPoolExecutor(SENDS_AT_ONCE + 1, thread_name_prefix="post"),
        breaker=Breaker(),
        ring_pool=ThreadPoolExecutor(1, thread_name_prefix="ring"),
    )
