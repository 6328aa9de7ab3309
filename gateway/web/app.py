"""Web application: its routes, and the table from errors to the answers that strangers see."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
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
from gateway.store.planning import planning_stop, rulebooks
from gateway.store.redis.client import StoreUnavailableError, connect_async
from gateway.store.redis.driver import AsyncClient
from gateway.store.sending import pauses
from gateway.store.server.health import HealthMonitor
from gateway.store.server.ownership import OwnerMonitor
from gateway.web.api.app import create_api
from gateway.web.api.listener import listen
from gateway.web.api.message_api import MessageApi
from gateway.web.background import Heartbeat, reload_accounts
from gateway.web.connections import Door
from gateway.web.health import HealthPages
from gateway.web.metrics import MetricsPage
from gateway.web.refusals import REASONS, Refusals
from gateway.web.request_limits import Bounds
from gateway.web.secret_uses import SecretUseCounter
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
    client = connect_async(settings.redis_url)
    writer = InboxWriter(client, Bodies(settings.encryption_keys), ring)
    pressure = HealthMonitor(
        client,
        settings.gateway_store_bytes,
        settings.gateway_results,
        OwnerMonitor(client, settings.installation).judge,
    )
    counters = Counters(client)
    heartbeat = Heartbeat(counters)
    refusals = Refusals(counters, heartbeat.note_refusal)
    door = Door(refusals.add, bounds or Bounds())
    accounts = AccountsSource(settings)
    uses = SecretUseCounter(partial(secret_uses.note_uses, client))
    webhook = Webhook(GuardedInbox(writer, pressure), accounts.current, uses.add)
    health = HealthPages(pressure.refresh, partial(_find_warnings, client, accounts.current))
    messages = MessageApi(
        settings, client, accounts.current, ring_number, lambda: pressure.health.is_ready
    )
    api = create_api(
        health,
        MetricsPage(counters.read),
        messages.routers(),
        messages.busy(),
        KeyTable(client, settings.environment_keys).find,
        RequestRate(client).take,
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Door]]:
        with contextlib.suppress(StoreUnavailableError):
            await pressure.refresh()
        writer.start()
        background_tasks = [
            asyncio.create_task(run)
            for run in (
                pressure.watch(), refusals.run(), heartbeat.run(), door.run(), uses.run(),
                reload_accounts(accounts),
            )
        ]  # fmt: skip
        async with messages.running(), listen(api, second_socket, messages.answer_all):
            yield {"door": door}
        door.close()
        await writer.close()
        await _cancel_all(background_tasks)
        # With the refusals since the last heartbeat, since other processes may go on.
        for store_counts in (refusals.flush, uses.flush, heartbeat.beat):
            await store_counts()
        door.abort()
        await client.aclose()

    app = Starlette(
        routes=[
            Route("/webhook", webhook.receive, methods=["POST"]),
            Route("/webhook", webhook.answer_handshake, methods=["GET"]),
            Route("/webhook/{account}", webhook.receive, methods=["POST"]),
            Route("/webhook/{account}", webhook.answer_handshake, methods=["GET"]),
            Route("/healthz", health.live),
        ],
        exception_handlers=_exception_handlers(refusals),
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # Meta follows no redirect, and strangers need none
    app.state.api = api
    return app


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
