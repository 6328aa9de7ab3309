"""The sandbox as an ASGI application: put together here, and nowhere else."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Lifespan

from gateway.sandbox.config import Config
from gateway.sandbox.control import REFUSED, Control, refuse
from gateway.sandbox.graph import Graph
from gateway.sandbox.meta import Clock, Sandbox


def create_app(
    config: Config,
    *,
    clock: Clock = time.time,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Starlette:
    """Make one sandbox; `transport` carries its webhooks, the network if left out.

    The sandbox itself is `app.state.sandbox`; its lifespan only ends it.
    """
    sandbox = Sandbox(config, clock, transport)
    app = Starlette(
        routes=_routes(sandbox),
        exception_handlers=dict.fromkeys(REFUSED, refuse),
        lifespan=_ending(sandbox),
    )
    app.state.sandbox = sandbox
    return app


def _ending(sandbox: Sandbox) -> Lifespan[Starlette]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await sandbox.aclose()

    return lifespan


def _routes(sandbox: Sandbox) -> list[Route]:
    graph, control = Graph(sandbox), Control(sandbox)
    customer = "/sandbox/customers/{customer}"
    return [
        Route("/{version}/{phone_number_id}/messages", graph.messages, methods=["POST"]),
        Route(f"{customer}/messages", control.write, methods=["POST"]),
        Route(f"{customer}/events", control.events, methods=["GET"]),
        Route("/sandbox/faults", control.show_faults, methods=["GET"]),
        Route("/sandbox/faults", control.arm_faults, methods=["POST"]),
        Route("/sandbox/faults", control.clear_faults, methods=["DELETE"]),
        Route("/sandbox/log", control.show_log, methods=["GET"]),
        Route("/sandbox/log", control.clear_log, methods=["DELETE"]),
        Route("/sandbox/health", control.health, methods=["GET"]),
    ]
