"""Sandbox as an ASGI application: it is put together here, and nowhere else."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Lifespan

from gateway.sandbox.config import Config
from gateway.sandbox.control_api.control import Control
from gateway.sandbox.control_api.customer_actions import CustomerActions
from gateway.sandbox.graph_api.administration import Administration
from gateway.sandbox.graph_api.media import MediaApi
from gateway.sandbox.graph_api.messages import GraphApi
from gateway.sandbox.loopback_guard import LoopbackGuard
from gateway.sandbox.simulation.customer_messages import ControlError
from gateway.sandbox.simulation.faults import FaultError
from gateway.sandbox.simulation.sandbox import Clock, Sandbox
from gateway.sandbox.simulation.webhook_payloads import WritingError
from gateway.sandbox.wire import as_json

_CALLER_ERRORS = (ControlError, FaultError, WritingError)

# What builds the routes of pages for people, which are all under PAGES.
Pages = Callable[[Sandbox], Sequence[Route]]
CONTROL, PAGES = "/sandbox", "/phone"


def no_pages(_: Sandbox) -> Sequence[Route]:
    """Return no routes."""
    return ()


def create_app(
    config: Config,
    *,
    pages: Pages = no_pages,
    clock: Clock = time.time,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Starlette:
    """Build one sandbox; `transport` carries its webhooks, by default the network.

    The sandbox itself is `app.state.sandbox`; its lifespan begins the handshake, and ends it all.
    """
    sandbox = Sandbox(config, clock, transport)
    app = Starlette(
        # Graph's paths come last, since any path of two parts matches one of them.
        routes=[*pages(sandbox), *_routes(sandbox)],
        middleware=[Middleware(LoopbackGuard, guarded=(CONTROL, PAGES))],
        exception_handlers=dict.fromkeys(_CALLER_ERRORS, _refuse),
        lifespan=_lifespan(sandbox),
    )
    app.state.sandbox = sandbox
    return app


def _lifespan(sandbox: Sandbox) -> Lifespan[Starlette]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        sandbox.start()
        yield
        await sandbox.aclose()

    return lifespan


async def _refuse(_: Request, error: Exception) -> Response:
    """Answer 400 with the error's sentence, since the caller made the mistake."""
    return as_json({"error": str(error)}, 400)


def _routes(sandbox: Sandbox) -> list[Route]:
    graph, control, actions = GraphApi(sandbox), Control(sandbox), CustomerActions(sandbox)
    customer = "/sandbox/customers/{customer}"
    return [
        Route("/{version}/{phone_number_id}/messages", graph.messages, methods=["POST"]),
        Route(f"{customer}/messages", actions.write, methods=["POST"]),
        Route(f"{customer}/events", actions.events, methods=["GET"]),
        Route(f"{customer}/identity", actions.set_identity, methods=["POST"]),
        Route(f"{customer}/change", actions.change_identity, methods=["POST"]),
        Route(f"{customer}/window", actions.show_window, methods=["GET"]),
        Route(f"{customer}/window", actions.set_last_written, methods=["POST"]),
        Route(f"{customer}/preferences", actions.set_preference, methods=["POST"]),
        Route("/sandbox/faults", control.show_faults, methods=["GET"]),
        Route("/sandbox/faults", control.arm_faults, methods=["POST"]),
        Route("/sandbox/faults", control.clear_faults, methods=["DELETE"]),
        Route("/sandbox/codes", control.show_codes, methods=["GET"]),
        Route("/sandbox/token", control.set_token, methods=["POST"]),
        Route("/sandbox/templates", control.set_templates, methods=["POST"]),
        Route("/sandbox/templates/{name}/{language}", control.review_template, methods=["POST"]),
        Route("/sandbox/numbers/{phone_number_id}", control.set_number, methods=["POST"]),
        Route("/sandbox/pace", control.show_pace, methods=["GET"]),
        Route("/sandbox/pace", control.clear_pace, methods=["DELETE"]),
        Route("/sandbox/notifications", control.receive_notification, methods=["POST"]),
        Route("/sandbox/log", control.show_log, methods=["GET"]),
        Route("/sandbox/log", control.clear_log, methods=["DELETE"]),
        Route("/sandbox/batch", control.set_batch, methods=["POST"]),
        Route("/sandbox/clock", control.show_clock, methods=["GET"]),
        Route("/sandbox/clock", control.set_clock, methods=["POST"]),
        Route("/sandbox/account", control.show_account, methods=["GET"]),
        Route("/sandbox/account", control.set_account, methods=["POST"]),
        Route("/sandbox/health", control.health, methods=["GET"]),
        *_administration(sandbox),
    ]


def _administration(sandbox: Sandbox) -> list[Route]:
    """Return the routes of the set-up; they come last, since any path of two parts matches one."""
    administration, node, every = (
        Administration(sandbox),
        "/{version}/{node}",
        ["GET", "POST", "DELETE"],
    )
    media = MediaApi(sandbox, administration.node)
    return [
        Route("/media/{media_id}", media.download, methods=["GET"]),
        Route("/{version}/debug_token", administration.debug_token, methods=["GET"]),
        Route(f"{node}/phone_numbers", administration.numbers, methods=["GET"]),
        Route(f"{node}/message_templates", administration.templates, methods=every),
        Route(f"{node}/subscribed_apps", administration.subscribed_apps, methods=every),
        Route(f"{node}/subscriptions", administration.subscriptions, methods=every),
        Route("/{version}/{phone_number_id}/media", media.upload, methods=["POST"]),
        Route(node, media.node, methods=every),
    ]
