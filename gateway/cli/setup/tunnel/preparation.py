"""What `gateway tunnel` needs before it sets anything: settings, the folder, a public address."""

from collections.abc import Mapping
from dataclasses import replace

from gateway.cli.common import errors
from gateway.cli.common.callback_probe import PLAN, ProbeCheck, address, is_free_ngrok
from gateway.cli.local import workspace
from gateway.cli.local.environment import prepare
from gateway.cli.setup.tunnel import callback, callback_plan
from gateway.cli.setup.tunnel.ngrok import NgrokError, Opened, open_tunnel
from gateway.cli.setup.tunnel.options import TunnelOptions
from gateway.cli.setup.tunnel.screen import Screen
from gateway.config.settings import Settings, SettingsError
from gateway.config.types import without_secrets

ANY_PORT = 1  # whoever only reads the settings listens to none


def read_settings(given: Mapping[str, str]) -> Settings:
    """Return the settings that speak to the real Meta, or end with all that is wrong with them."""
    try:
        return prepare(given, ANY_PORT, real=True).settings
    except SettingsError as error:
        told = "\n  ".join(error.problems)
        raise errors.fail(
            f"The settings are not complete, and gateway init asks for what Meta gave:\n  {told}"
        ) from None


def checked(asked: TunnelOptions, told: Settings, screen: Screen) -> TunnelOptions:
    """Return what was asked for with its address as it is used; end where it cannot be."""
    if missing := callback.unset(told):
        screen.must(missing)
    if not asked.url:
        return asked
    found = address(asked.url, told.meta_graph_url)
    if found is None:
        raise errors.fail(
            f"{without_secrets(asked.url)} is no address that Meta could post to: write "
            "https://host, as the tunnel shows it."
        )
    return replace(asked, url=found)


def take_folder() -> None:
    """Let one run at a time set and note things in this folder, until this process ends."""
    try:
        workspace.make()
        mine = workspace.hold(callback_plan.LOCK, 0.3)
    except OSError as error:
        raise errors.fail(f"Cannot use the folder .gateway here: {error.strerror}.") from None
    if mine is None:
        raise errors.fail("gateway tunnel runs in this folder already.")


def way_in(asked: TunnelOptions, port: int, token: str, screen: Screen) -> Opened:
    """Return the public address, of the tunnel that was given or of ngrok's."""
    if asked.url:
        screen.show(ProbeCheck("tunnel", "good", f"{asked.url}, as given"))
        return Opened(asked.url, "as given")
    try:
        way = open_tunnel(port, token, asked.ngrok_api)
    except NgrokError as error:
        raise errors.fail(str(error)) from None
    screen.show(ProbeCheck("tunnel", "good", f"{way.url}, {way.told}"))
    if is_free_ngrok(way.url):
        screen.show(ProbeCheck("tunnel", "odd", f"this is of ngrok's free plan, and {PLAN}"))
    return way
