"""Context of a worker process: built once a process, on first use, after the fork."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from gateway import __version__
from gateway.accounts.account import Accounts
from gateway.accounts.rulebooks import AccountRules
from gateway.accounts.source import AccountsSource
from gateway.config.settings import Settings
from gateway.core.planning.circuit_breaker import Breaker
from gateway.core.sending import canary
from gateway.graph.messages import Graph
from gateway.rules.reloader import RulebookSource
from gateway.store.body_codec import Bodies
from gateway.store.inbox.inbox import Inbox
from gateway.store.number_list import MOST_NUMBERS, add_number
from gateway.store.planning import rulebooks
from gateway.store.redis.client import Store
from gateway.store.sending.lanes import Lanes
from gateway.store.templates.cache import TemplateCache
from tasks.processes.post_concurrency import SENDS_AT_ONCE
from tasks.processes.process_names import process_name
from tasks.processes.reloading import Reloader
from tasks.processes.served_numbers import Sender
from tasks.processes.store_check import refuse_unfit
from tasks.processes.store_room import StoreRoom

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class StoreAccess:
    """What periodic jobs need: no rules, and no connection to Meta."""

    settings: Settings
    accounts: AccountsSource
    store: Store
    bodies: Bodies  # how bodies and the answers to sends are stored
    inbox: Inbox
    templates: TemplateCache

    def is_template_stopped(self, number: str, template: str) -> bool:
        """Say whether Meta has stopped a template of a number's account, as far as is known."""
        own = self.accounts.current().number(number)
        return own is not None and self.templates.view(own.waba).is_stopped(template)

    def may_send(self, number: str) -> bool:
        """Say whether some account has a number; what another has to send waits until one does."""
        if number in ("", canary.NUMBER):
            return True
        return self.accounts.current().owner_of(number) is not None

    def pace_of(self, number: str) -> int:
        """Return how many messages a second Meta grants a number."""
        found = self.accounts.current().number(number)
        return found.pace if found else self.settings.meta_messages_per_second


@dataclass(slots=True)
class WorkerContext(StoreAccess):
    """The store, the rules and the connection to Meta of this process."""

    rules: AccountRules
    graph: Graph
    post_pool: ThreadPoolExecutor  # one thread more than posts, to retry an unavailable store
    ring_pool: ThreadPoolExecutor  # an unavailable broker must not delay the holder of a lease
    _lanes: dict[str, Lanes] = field(default_factory=dict)
    listed_numbers: set[str] = field(default_factory=set)
    sender: Sender = field(default_factory=Sender)
    room: StoreRoom = field(default_factory=StoreRoom)
    reported_errors: set[str] = field(default_factory=set)  # kinds of errors that attempts raised
    _next_look_s: float = 0.0
    _breakers: dict[str, Breaker] = field(default_factory=dict)  # by release

    def lanes(self, number: str) -> Lanes:
        """Return the lanes of a number at its present pace, which this process's pumps share."""
        pace = self.pace_of(number)
        lanes = self._lanes.setdefault(number, Lanes(self.store, number, pace))
        lanes.use_pace(pace)
        return lanes

    def are_accounts_behind(self, accounts: Accounts) -> bool:
        """Look now, once a second at most, whether there are other accounts than these by now."""
        if time.monotonic() >= self._next_look_s:
            self._next_look_s = time.monotonic() + 1.0
            self.accounts.reload_now()
        return self.accounts.current() != accounts

    def breaker(self, release: str) -> Breaker:
        """Return the breaker of a release: one account's rules stop no other account's events."""
        if release not in self._breakers:
            in_force = {release_id(one.version) for one in self.rules.current().by_path.values()}
            for ended in {*self._breakers} - in_force:
                del self._breakers[ended]
        return self._breakers.setdefault(release, Breaker())

    def ensure_listed(self, number: str) -> None:
        """Add a number to those that ticks and sweeps look at, before it has any work."""
        if number not in self.listed_numbers:
            if not add_number(self.store, number):
                # Its events have their effect, and its sends go as long as wake-ups arrive.
                log.warning("numbers_full", most=MOST_NUMBERS)
            self.listed_numbers.add(number)


def release_id(rules_version: str) -> str:
    """Return the name of the release that plans: the code, and the rules, which may change."""
    return f"{__version__}/{rules_version}"


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
        Reloader(made.store, made.settings, made.accounts, made.rules).start()
    return held


def enable_reloading() -> None:
    """Let this process and its forks take up changed accounts and rules while they work."""
    _reloading_enabled.set()


def open_store_access(settings: Settings) -> StoreAccess:
    """Open the store, with connections that nothing else shares. Raises AccountsError."""
    store, bodies = Store(settings.redis_url), Bodies(settings.encryption_keys)
    inbox = Inbox(store, bodies, process_name())
    templates = TemplateCache(store)
    return StoreAccess(settings, AccountsSource(settings), store, bodies, inbox, templates)


def build_context(settings: Settings) -> WorkerContext:
    """Build what a worker needs.

    Raises AccountsError, and RulebookError if no rules at all can be used.
    """
    opened = open_store_access(settings)
    return WorkerContext(
        settings=settings,
        accounts=opened.accounts,
        store=opened.store,
        bodies=opened.bodies,
        inbox=opened.inbox,
        templates=opened.templates,
        rules=AccountRules(opened.accounts.current, partial(_open_rules, opened)),
        graph=Graph(settings.meta_graph_url),
        post_pool=ThreadPoolExecutor(SENDS_AT_ONCE + 1, thread_name_prefix="post"),
        ring_pool=ThreadPoolExecutor(1, thread_name_prefix="ring"),
    )


def _open_rules(opened: StoreAccess, path: Path, /, *, zone: str) -> RulebookSource:
    """Open the rules of some accounts. Raises RulebookError if they cannot be used, nor earlier."""
    settings = opened.settings
    return RulebookSource(
        path,
        fallback=partial(rulebooks.read_kept_files, opened.store, settings.gateway_rules, path),
        demo=settings.gateway_demo_rules,
        trial_hours=settings.gateway_trial_hours,
        zone=zone,
    )
