"""Web application: its routes, and the table from errors to the answers that strangers see."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.accounts.account import Accounts
from gateway.accounts.source import AccountsSource
from gateway.config.settings import Settings
from gateway.core.webhook.signature import SignatureError
from gateway.store.api.key_table import KeyTable
from gateway.store.api.request_rate import RequestRate
from gateway.store.body_codec import Bodies
from gateway.store.inbox.writer import InboxWriter
from gateway.store.monitoring import secret_uses
from gateway.store.monitoring.account_problems import find_account_problems, find_stopped_rules
from gateway.store.monitoring.counters import Counters
from gateway.store.monitoring.pause_problems import find_pause_problems
from gateway.store.monitoring.rule_problems import find_rule_problems
from gateway.store.monitoring.secret_uses import UsedSecret
from gateway.store.planning import planning_stop, rulebooks
from gateway.store.redis.client import StoreUnavailableError, connect_async
from gateway.store.redis.driver import AsyncClient
from gateway.store.sending import pauses
from gateway.store.server.health import HealthMonitor
from gateway.store.server.ownership import OwnerMonitor
from gateway.web.api.app import create_api
from gateway.web.api.composition import MessageApi
from gateway.web.api.server.listener import listen
from gateway.web.background import Heartbeat, reload_accounts
from gateway.web.buffered_counts import BufferedCounts
from gateway.web.connections import Door
from gateway.web.console.console import Console
from gateway.web.health import HealthPages
from gateway.web.metrics import MetricsPage
from gateway.web.refusals import REASONS, Refusals
from gateway.web.request_limits import Bounds
from gateway.web.webhook import HandshakeError, TooLargeError, UnknownAccountError, Webhook

# Strangers get the status of the reason and an empty body, whatever the error.
REFUSAL_REASONS: Mapping[type[Exception], str] = {
    TooLargeError: "too_large",
    SignatureError: "signature",
    HandshakeError: "handshake",
    UnknownAccountError: "account_unknown",
    StoreUnavailableError: "store",
    ClientDisconnect: "disconnected",
}


@dataclass(frozen=True, slots=True)
class GuardedInbox:
    """Inbox writer that refuses while the store is full or not fit to keep deliveries."""

    writer: InboxWriter
    pressure: HealthMonitor

    async def keep(self, body: bytes, *, secret: str, account: str) -> None:
        """Return once the body is on disk. Raises StoreUnavailableError."""
        if not self.pressure.health.is_ready:
            raise StoreUnavailableError("not ready")
        await self.writer.keep(body, secret=secret, account=account)


@dataclass(slots=True)
class _Parts:
    """What runs in a web process from its start to its end."""

    client: AsyncClient
    accounts: AccountsSource
    writer: InboxWriter
    pressure: HealthMonitor
    counters: Counters
    heartbeat: Heartbeat
    refusals: Refusals
    uses: BufferedCounts[UsedSecret]
    door: Door
    messages: MessageApi
    console: Console
    background_tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @classmethod
    def build(
        cls,
        settings: Settings,
        ring: Callable[[], None],
        bounds: Bounds,
        ring_number: Callable[[str, str], None],
    ) -> "_Parts":
        """Build the parts; nothing runs yet. Raises AccountsError."""
        client, accounts = connect_async(settings.redis_url), AccountsSource(settings)
        owner = OwnerMonitor(client, settings.installation)
        pressure = HealthMonitor(
            client, settings.gateway_store_bytes, settings.gateway_results, owner.judge
        )
        counters = Counters(client)
        heartbeat = Heartbeat(counters)
        refusals = Refusals(counters, heartbeat.note_refusal)
        return cls(
            client=client,
            accounts=accounts,
            writer=InboxWriter(client, Bodies(settings.encryption_keys), ring),
            pressure=pressure,
            counters=counters,
            heartbeat=heartbeat,
            refusals=refusals,
            uses=BufferedCounts(partial(secret_uses.note_uses, client)),
            door=Door(refusals.add, bounds),
            messages=MessageApi(
                settings, client, accounts.current, ring_number, lambda: pressure.health.is_ready
            ),
            console=Console.build(settings, accounts.current),
        )

    def note_use(self, account: str, secret: str) -> None:
        """Count that a secret has matched: one that matches nothing any more is safe to remove."""
        self.uses.count(UsedSecret(account, secret))

    @contextlib.asynccontextmanager
    async def running(
        self, api: Starlette, second_socket: socket.socket | None
    ) -> AsyncIterator[None]:
        """Do the work beside the requests, and serve the second address."""
        with contextlib.suppress(StoreUnavailableError):
            await self.pressure.refresh()
        self.writer.start()
        self.background_tasks = [
            asyncio.create_task(run)
            for run in (
                self.pressure.watch(), self.refusals.run(), self.heartbeat.run(), self.door.run(),
                self.uses.run(), reload_accounts(self.accounts),
            )
        ]  # fmt: skip
        async with (
            self.messages.running(),
            self.console.running(),
            listen(api, second_socket, self.answer_all),
        ):
            yield

    def answer_all(self) -> None:
        """Let everything be answered that waits for a change, and end what is live."""
        self.messages.answer_all()
        self.console.live.end()

    async def close(self) -> None:
        """Keep what has arrived, store what was counted, and end."""
        self.door.close()
        await self.writer.close()
        await _cancel_all(self.background_tasks)
        # With the refusals since the last heartbeat, since other processes may go on.
        for store_counts in (self.refusals.flush, self.uses.flush, self.heartbeat.beat):
            await store_counts()
        self.door.abort()
        await self.client.aclose()


def create_app(
    settings: Settings,
    ring: Callable[[], None],
    bounds: Bounds | None = None,
    second_socket: socket.socket | None = None,
    ring_number: Callable[[str, str], None] = lambda number, priority: None,
) -> Starlette:
    """Build the web process; the functions that ring return at once, and wake a worker later.

    The lifespan yields the Door that BoundedHttpProtocol needs, and serves `state.api`, the
    application of the second address, on the bound `second_socket`. Raises AccountsError.
    """
    parts = _Parts.build(settings, ring, bounds or Bounds(), ring_number)
    webhook = Webhook(
        GuardedInbox(parts.writer, parts.pressure), parts.accounts.current, parts.note_use
    )
    warn = partial(_find_warnings, parts.client, parts.accounts.current)
    health = HealthPages(parts.pressure.refresh, warn)
    api = _build_api(settings, parts, health)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Door]]:
        async with parts.running(api, second_socket):
            yield {"door": parts.door}
        await parts.close()

    app = Starlette(
        routes=[*_webhook_routes(webhook), Route("/healthz", health.live)],
        exception_handlers=_exception_handlers(parts.refusals),
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # Meta follows no redirect, and strangers need none
    app.state.api, app.state.answer_all = api, parts.answer_all
    return app


def _webhook_routes(webhook: Webhook) -> list[Route]:
    return [
        Route("/webhook", webhook.receive, methods=["POST"]),
        Route("/webhook", webhook.answer_handshake, methods=["GET"]),
        Route("/webhook/{account}", webhook.receive, methods=["POST"]),
        Route("/webhook/{account}", webhook.answer_handshake, methods=["GET"]),
    ]


def _build_api(settings: Settings, parts: _Parts, health: HealthPages) -> Starlette:
    """Return the application of the second address."""
    return create_api(
        health,
        MetricsPage(parts.counters.read),
        parts.messages.routers(),
        parts.messages.busy(),
        parts.messages.direct(),
        _build_key_table(settings, parts).find,
        RequestRate(parts.client).take,
        parts.console.routes,
    )


def _build_key_table(settings: Settings, parts: _Parts) -> KeyTable:
    return KeyTable(
        parts.client,
        settings.environment_keys,
        lambda name: parts.accounts.current().numbers_of(name),
    )


async def _cancel_all(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel until all have ended: a driver that is connecting may swallow a cancellation."""
    while tasks:
        for task in tasks:
            task.cancel()
        _, left = await asyncio.wait(tasks, timeout=0.1)
        tasks = list(left)


async def _find_warnings(client: AsyncClient, accounts: Callable[[], Accounts]) -> list[str]:
    """Return the problems that do not keep a delivery from being stored."""
    by_number = await pauses.read_pauses(client)
    names = {number: accounts().name_of(number) for number in by_number}
    pause_problems = find_pause_problems(by_number, names)
    reports = await rulebooks.read_reports(client)
    stopped_rules = await planning_stop.read_stopped_rules(client)
    problems = (
        *pause_problems,
        *find_account_problems(reports),
        *find_stopped_rules(stopped_rules),
        *find_rule_problems(reports),
    )
    return [str(one) for one in problems]


def _exception_handlers(refusals: Refusals) -> dict[Any, Any]:
    def refuse(_: Request, error: Exception) -> Response:
        reason = REFUSAL_REASONS[type(error)]
        if isinstance(error, SignatureError):
            reason = f"signature_{error.reason}"
        refusals.add(reason)
        return Response(status_code=REASONS[reason].status)

    def pass_through(_: Request, error: HTTPException) -> Response:
        return Response(status_code=error.status_code, headers=error.headers)

    def internal_error(_: Request, __: Exception) -> Response:
        return Response(status_code=500)

    return dict.fromkeys(REFUSAL_REASONS, refuse) | {
        HTTPException: pass_through,
        Exception: internal_error,
    }
