"""`gateway serve`: the web process."""

import atexit
import socket
from typing import Annotated

import structlog
import typer
import uvicorn
from starlette.applications import Starlette
from uvicorn.supervisors import Multiprocess

from gateway import logs
from gateway.cli import failing
from gateway.settings import Settings
from gateway.web.app import create_app
from tasks.bell import Ringer

log = structlog.get_logger(__name__)

STOP_WITHIN_S = 15
BACKLOG = 2048


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(help="Web processes.", min=1)] = 1,
) -> None:
    """Start the web process: it verifies deliveries, keeps them, and answers."""
    settings = failing.settings()
    failing.look_at_store(settings)
    listening = bind(host, port)
    config = uvicorn.Config(
        "gateway.cli.serve:web",
        factory=True,
        workers=workers,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        lifespan="on",
        limit_concurrency=BACKLOG,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )
    server = uvicorn.Server(config)
    if workers == 1:
        server.run(sockets=[listening])
    else:
        Multiprocess(config, sockets=[listening]).run()


def web() -> Starlette:
    """Build the application inside a web process."""
    settings = Settings.from_env()
    atexit.register(logs.configure(settings.gateway_log_level).stop)
    log.info("web_started", **settings.shown())
    ringer = Ringer()
    ringer.start()
    atexit.register(ringer.close)
    return create_app(settings, ringer.ring)


def bind(host: str, port: int) -> socket.socket:
    """Take the port, or end with a sentence that names it."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        raise failing.fail(f"Cannot listen on {host}:{port}: {error.strerror}.") from None
    listening.set_inheritable(True)
    return listening
