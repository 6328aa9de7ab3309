"""`gateway tunnel`: routes a real number to this machine and shows each message and its reply."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Annotated

import typer

from gateway.cli.common import errors
from gateway.cli.common.callback_probe import WEBHOOK, Probe, ProbeCheck
from gateway.cli.common.store import open_store
from gateway.cli.local import log_view, startup
from gateway.cli.setup.tunnel import preparation
from gateway.cli.setup.tunnel.callback import CallbackClient, clear_rest, lead_here, open_client
from gateway.cli.setup.tunnel.gateway import Behind, find, start_gateway
from gateway.cli.setup.tunnel.messages import Messages
from gateway.cli.setup.tunnel.ngrok import AGENT, OpenTunnel
from gateway.cli.setup.tunnel.options import TunnelOptions
from gateway.cli.setup.tunnel.preparation import way_in
from gateway.cli.setup.tunnel.screen import Screen
from gateway.cli.setup.tunnel.self_test import TunnelWatch
from gateway.config.environment import environment
from gateway.config.settings import Settings
from gateway.store.body_codec import Bodies
from gateway.store.inbox.history import Arrivals
from gateway.store.redis.client import Store
from gateway.store.tracing.masking import Masking
from gateway.store.tracing.traces import Traces

REAL = "This sends for real: whoever writes to the number gets answers from this machine."


@dataclass(frozen=True, slots=True)
class Run:
    """One run, and what must be closed at its end."""

    options: TunnelOptions
    given: Mapping[str, str] = field(repr=False)
    settings: Settings
    screen: Screen
    meta: CallbackClient
    stopping: list[int]
    ending: ExitStack
    path: str = WEBHOOK  # of the account's address

    def run(self) -> None:
        """Go through the checklist, then report messages until a signal asks to stop."""
        for check in self.meta.check_settings():
            self.screen.require(check)
            self._exit_if_stopping()
        if self.options.real:
            self.screen.warn(REAL)
        here, way = self._find_gateway()
        watch = TunnelWatch(here, self.stopping, self.screen)
        probe = self.ending.enter_context(Probe(way.url, path=self.path))
        with open_store(here.redis_url, "so nothing can be told") as store:
            self._follow_messages(watch, probe, store, f"{way.url}{self.path}")

    def _find_gateway(self) -> tuple[Behind, OpenTunnel]:
        """Return the gateway, started if none runs, and the tunnel that leads to it."""
        options = self.options
        running = find(self.given, options.port, real=options.real)
        # First the tunnel, since that is more likely to fail than the gateway.
        port = running.port if running else options.port
        way = way_in(options, port, self.given.get("NGROK_AUTHTOKEN", ""), self.screen)
        self.ending.callback(way.close)
        self._exit_if_stopping()
        here = running or self.ending.enter_context(
            start_gateway(self.given, port, self.screen, self.stopping, real=options.real)
        )
        self._exit_if_stopping()
        self.screen.show(ProbeCheck("gateway", "good", here.description))
        return here, way

    def _follow_messages(
        self, watch: TunnelWatch, probe: Probe, store: Store, callback: str
    ) -> None:
        bodies = Bodies(self.settings.encryption_keys)
        watch.check_address(probe, self.settings.meta_verify_token.get_secret_value())
        watch.check_delivery(probe, self.settings, store)
        # Before Meta has the callback, so that not even the first message is missed.
        arrivals, traces = Arrivals(store, bodies), Traces(store, bodies)
        self._exit_if_stopping()
        display = lead_here(self.meta, callback, self.options, self.screen, self.ending)
        masking, real = Masking(self.options.reveal), self.options.real
        Messages(watch, arrivals, traces, self.settings, masking, real).follow(display, probe)

    def _exit_if_stopping(self) -> None:
        """End if a signal asked to stop: then nothing more is started or set."""
        if self.stopping:
            raise typer.Exit


def tunnel(
    url: Annotated[
        str,
        typer.Option(help="Public https address of a tunnel of your own; else ngrok opens one."),
    ] = "",
    account: Annotated[
        str, typer.Option(help="Account of GATEWAY_ACCOUNTS that is led here.")
    ] = "",
    number: Annotated[
        str, typer.Option(help="Its phone number id; the account's first if it is left out.")
    ] = "",
    port: Annotated[int, typer.Option(help="Port of the webhook.", min=1, max=65535)] = 8000,
    real: Annotated[bool, typer.Option(help="Send for real; else to a sandbox.")] = False,
    yes: Annotated[bool, typer.Option(help="Give the app a callback if it has none.")] = False,
    replace: Annotated[
        bool, typer.Option(help="Replace a callback that somebody else set for the number.")
    ] = False,
    clear: Annotated[
        bool, typer.Option(help="Only clear what an earlier run left set at Meta.")
    ] = False,
    reveal: Annotated[bool, typer.Option(help="Show texts and phone numbers.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")] = False,
    ngrok_api: Annotated[str, typer.Option(help="Where a running ngrok agent is asked.")] = AGENT,
) -> None:
    """Lead a real number's messages to this machine, see them come in, and what is answered."""
    with errors.exit_on_config_error():
        given = environment()
    screen = Screen(json=json)
    scope = preparation.choose_scope(given, account, number, real=real)
    settings = scope.settings
    options = preparation.check_options(
        TunnelOptions(url, port, real, yes, replace, reveal, ngrok_api), settings, screen
    )
    preparation.lock_folder()
    if json:
        log_view.print_to_stderr()
    stopping = startup.catch_signals()
    with open_client(settings, scope.proof_secret) as calls:
        meta = CallbackClient(calls, settings)
        clear_rest(meta, screen, is_requested=clear)
        if not clear:
            with ExitStack() as ending:
                Run(
                    options, scope.given, settings, screen, meta, stopping, ending, scope.path
                ).run()
