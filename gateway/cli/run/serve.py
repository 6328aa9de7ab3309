"""`gateway serve`: the web process."""

import atexit
import signal
import socket
from functools import partial
from types import FrameType
from typing import Annotated, NoReturn

import structlog
import typer
import uvicorn
from starlette.applications import Starlette
from uvicorn.supervisors import Multiprocess

from gateway.accounts.loader import load_accounts
from gateway.cli.common import errors, open_files
from gateway.config import logs
from gateway.config.settings import Settings
from gateway.store.redis.client import Store
from gateway.web.app import create_app
from gateway.web.http_protocol import BoundedHttpProtocol
from gateway.web.request_limits import Bounds
from tasks.monitoring.alert_watch import StandIn
from tasks.processes.garbage import exempt_startup_objects
from tasks.wakeup import NumberWakeups, WakeupThread

log = structlog.get_logger(__name__)

# Slower requests are cut off; the rest of a stop, store and broker unavailable, takes 8 s more.
STOP_WITHIN_S = 10
# A process that gives no sign of life for so long is replaced. A new one has as long to get ready,
# and where the machine is busy its imports alone take uvicorn's own 5 s many times over.
ALIVE_WITHIN_S = 60
# The TLS proxy is close, so a small window costs no time.
RECEIVE_BYTES = 64 * 1024


class _Config(uvicorn.Config):
    """Uvicorn's configuration, whose logging hook also prepares each web process."""

    def configure_logging(self) -> None:
        """Prepare this process: its logs, and an exit that writes all lines and rings all wake-ups.

        After it has stopped, uvicorn raises the signal again; by default that kills the process
        before any exit handler has run.
        """
        atexit.register(logs.configure(Settings.from_env().gateway_log_level).stop)
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, _end)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Web processes.", min=1)] = 1,
) -> None:
    """Start the web process: it verifies deliveries, keeps them, and answers."""
    settings = errors.settings()
    with errors.exit_on_config_error():
        load_accounts(settings)
    errors.check_store(settings)
    listening = bind(host, port)
    second = bind(*settings.gateway_api_bind, hint="; GATEWAY_API_BIND names another address")
    config = _Config(
        partial(web, second),
        factory=True,
        workers=workers,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        lifespan="on",
        http=BoundedHttpProtocol,
        ws="none",
        timeout_graceful_shutdown=STOP_WITHIN_S,
        timeout_worker_healthcheck=ALIVE_WITHIN_S,
    )
    server = uvicorn.Server(config)
    if workers == 1:
        server.run(sockets=[listening])
    else:
        Multiprocess(config, sockets=[listening]).run()


def web(second: socket.socket) -> Starlette:
    """Build the application inside a web process, with the bound socket of its second address."""
    settings = Settings.from_env()
    log.info("web_started", **settings.loggable_values())
    ringer = WakeupThread()
    ringer.start()
    atexit.register(ringer.close)
    wakeups = NumberWakeups(Store(settings.redis_url))
    wakeups.start()
    atexit.register(wakeups.close)
    stand_in = StandIn(settings)
    stand_in.start()
    atexit.register(stand_in.close)
    bounds = Bounds(connections=open_files.connections())
    app = create_app(settings, ringer.ring, bounds, second, wakeups.ring)
    # Scanning imported objects for garbage again and again stopped every request for some 50 ms,
    # twice a second under load.
    exempt_startup_objects()
    return app


def bind(host: str, port: int, hint: str = "") -> socket.socket:
    """Bind the port, or end the command with a sentence that names it."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Each connection inherits the small buffer, so reads are short and the kernel holds little.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    try:
        listening.bind((host, port))
    except OSError as error:
        raise errors.fail(f"Cannot listen on {host}:{port}: {error.strerror}{hint}.") from None
    listening.set_inheritable(True)
    return listening


def _end(_: int, __: FrameType | None) -> NoReturn:
    raise SystemExit(0)
