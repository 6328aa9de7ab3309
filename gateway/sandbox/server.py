"""The sandbox as a server of its own, which can cut a connection instead of answering."""

import socket

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.sandbox.app import create_app
from gateway.sandbox.config import Config
from gateway.sandbox.graph_api.messages import CUT

_GRACE_S = 1


class _Connection(HttpToolsProtocol):
    def on_message_begin(self) -> None:
        """Hand the application a way to cut this connection."""
        super().on_message_begin()
        self.scope["extensions"] = {CUT: {"abort": self.transport.abort}}


class Server(uvicorn.Server):
    """A server that ends within two seconds, whoever still waits for an event."""

    def __init__(self, config: Config) -> None:
        """Prepare a server; `serve(sockets=[listen(config)])` runs it."""
        app = create_app(config)
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
        """Let those who wait for events go, then end as usual."""
        self._phones.wake_all()
        await super().shutdown(sockets)


def listen(config: Config) -> socket.socket:
    """Take the port, so that one that is taken is told before anything starts."""
    return socket.create_server((config.host, config.port), backlog=1024)
