"""Server of a sandbox: it cuts connections on demand, and ends within two seconds."""

import gc
import signal
import socket
import sys

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.sandbox.app import Pages, create_app, no_pages
from gateway.sandbox.config import Config
from gateway.sandbox.graph_api.messages import CUT
from gateway.sandbox.wire import Json

_GRACE_S = 1
# A sandbox keeps what it saw, and looking through all of it for garbage would stop it for a second
# where that is 100,000 messages. Garbage is found while it is young.
_YOUNG_ONLY = 1_000_000_000


class _Connection(HttpToolsProtocol):
    def on_message_begin(self) -> None:
        """Give the application a function that cuts this connection."""
        super().on_message_begin()
        self.scope["extensions"] = {CUT: {"abort": self.transport.abort}}


class SandboxServer(uvicorn.Server):
    """Server that ends within two seconds, even if clients still wait for events."""

    def __init__(self, config: Config, pages: Pages = no_pages, faults: Json | None = None) -> None:
        """Prepare a server with some faults armed; `serve(sockets=[listen(config)])` runs it."""
        app = create_app(config, pages=pages)
        if faults:
            app.state.sandbox.faults.arm(faults)
        self._phones = app.state.sandbox.phones
        super().__init__(
            uvicorn.Config(
                app,
                http=_Connection,
                ws="none",
                log_config=None,
                access_log=False,
                date_header=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Release the clients that wait for events, then end as usual."""
        self._phones.close()
        await super().shutdown(sockets)


def listen(config: Config) -> socket.socket:
    """Bind the port, so that a port in use is reported before anything starts."""
    return socket.create_server((config.host, config.port), backlog=1024)


def describe_port(config: Config, error: OSError) -> str:
    """Say in one sentence why the port cannot be taken."""
    return f"Cannot listen on {config.host} port {config.port}: {error.strerror}."


def serve(
    config: Config,
    listener: socket.socket,
    *,
    pages: Pages = no_pages,
    faults: Json | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT."""
    # The server raises the signal again once it has ended; that is the normal end, not a failure.
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: sys.exit(0))
    gc.set_threshold(*gc.get_threshold()[:2], _YOUNG_ONLY)
    SandboxServer(config, pages, faults).run(sockets=[listener])
