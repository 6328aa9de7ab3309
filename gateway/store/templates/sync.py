"""Fetch of an account's templates from Meta, put in force whole or not at all."""

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from gateway.accounts.account import GraphCredentials
from gateway.core.templates.graph_form import read_graph_row
from gateway.core.templates.sync_schedule import RegistryState, may_fetch
from gateway.graph.admin.errors import SetupError
from gateway.graph.admin.templates import TemplateClient
from gateway.store.redis.client import Store
from gateway.store.templates.registry import TemplateRegistry

# Longer than one page may take; it is renewed with each.
CLAIM_MS = 30_000
LOOK_AGAIN_S = 0.2

SyncStep = Literal["fetched", "running", "too_soon", "failed"]


class TemplatePages(Protocol):
    """The part of the client for templates that a fetch needs."""

    def pages(self, waba: str) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of all templates, page by page. Raises SetupError."""


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What became of a fetch, and what is known of the list `now`, by the server's clock."""

    step: SyncStep
    state: RegistryState
    now: datetime
    error: str = ""


def fetch_list(
    store: Store, graph_url: str, waba: str, credentials: GraphCredentials, wait_s: float = 0
) -> SyncResult:
    """Fetch the list of an account with the credentials of one of its numbers.

    Raises as `sync_templates` does.
    """
    client = TemplateClient(graph_url, credentials)
    with contextlib.closing(client):
        return sync_templates(TemplateRegistry(store, waba), client, wait_s=wait_s)


def sync_templates(
    registry: TemplateRegistry,
    client: TemplatePages,
    *,
    wait_s: float = 0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> SyncResult:
    """Fetch the list, unless that was done or tried within a minute; two at once are one.

    If another process fetches it, wait for it up to `wait_s`. An error of Meta's leaves the list as
    it is, and is recorded. Raises StoreUnavailableError or ScriptError.
    """
    state, now = registry.read_state()
    if not may_fetch(state, now):
        return SyncResult("too_soon", state, now, state.error)
    holder = secrets.token_hex(8)
    if registry.begin_fetch(holder, CLAIM_MS):
        try:
            return _fetch(registry, client, holder, now)
        finally:
            registry.end_fetch(holder)
    until = clock() + wait_s
    while clock() < until:
        sleep(LOOK_AGAIN_S)
        newer, now = registry.read_state()
        if newer.tried_at != state.tried_at:
            return SyncResult("failed" if newer.error else "fetched", newer, now, newer.error)
    return SyncResult("running", state, now)


def _fetch(
    registry: TemplateRegistry, client: TemplatePages, holder: str, began: datetime
) -> SyncResult:
    try:
        is_ours = _fetch_pages(registry, client, holder, began)
    except SetupError as error:
        registry.note_failure(error.sentence)
        state, now = registry.read_state()
        return SyncResult("failed", state, now, error.sentence)
    state, now = registry.read_state()
    return SyncResult("fetched" if is_ours else "running", state, now)


def _fetch_pages(
    registry: TemplateRegistry, client: TemplatePages, holder: str, began: datetime
) -> bool:
    """Stage all pages and put them in force; false where another process took the fetch over."""
    registry.clear_staged()
    known: set[str] = set()
    stopped: list[str] = []
    for rows in client.pages(registry.waba):
        if not registry.begin_fetch(holder, CLAIM_MS):
            return False
        found = [one for row in rows if (one := read_graph_row(row, None))]
        registry.stage(found)
        known |= {one.key for one in found}
        stopped += [one.key for one in found if one.is_stopped]
    return registry.replace(holder, began, len(known), list(dict.fromkeys(stopped)))
