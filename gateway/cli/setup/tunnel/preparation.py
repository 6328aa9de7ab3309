"""Preparation of `gateway tunnel`: settings, the folder's lock, and a public address."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gateway.accounts.account import Account
from gateway.cli.common import errors
from gateway.cli.common.accounts import (
    choose_one_account,
    load_or_end,
    settings_of,
    variables_of,
)
from gateway.cli.common.callback_probe import (
    NGROK_PLAN_NOTE,
    WEBHOOK,
    ProbeCheck,
    is_free_ngrok,
    parse_public_address,
)
from gateway.cli.local import workspace
from gateway.cli.local.environment import prepare
from gateway.cli.setup.tunnel import callback, callback_plan
from gateway.cli.setup.tunnel.ngrok import NgrokError, OpenTunnel, open_tunnel
from gateway.cli.setup.tunnel.options import TunnelOptions
from gateway.cli.setup.tunnel.screen import Screen
from gateway.config.environment import SettingsError
from gateway.config.settings import Settings
from gateway.config.types import without_secrets
from gateway.core.text import suggestion_for
from gateway.rules.loader import load_if_any
from gateway.rules.problems import RulebookError

ANY_PORT = 1  # a placeholder: these settings are only read, and no port is opened


def read_settings(given: Mapping[str, str]) -> Settings:
    """Return the settings for the real Meta, or end the command with everything wrong in them."""
    try:
        return prepare(given, ANY_PORT, real=True).settings
    except SettingsError as error:
        problems = "\n  ".join(error.problems)
        raise errors.fail(
            "The settings are not complete, and gateway init asks for what Meta gave:\n"
            f"  {problems}"
        ) from None


@dataclass(frozen=True, slots=True)
class TunnelScope:
    """Settings of the number that is led here, and the environment of a gateway for it."""

    settings: Settings = field(repr=False)
    given: Mapping[str, str] = field(repr=False)
    path: str = WEBHOOK  # where that gateway takes the number's deliveries
    proof_secret: bytes = field(default=b"", repr=False)  # b"" where its app asks for no proof


def choose_scope(given: Mapping[str, str], account: str, number: str, *, real: bool) -> TunnelScope:
    """Return the scope of a run, or end the command if the options name no account and number.

    A gateway that sends for real serves all accounts; in a rehearsal it has this account only,
    because its sandbox has one app.
    """
    settings = read_settings(given)
    chosen = choose_one_account(load_or_end(settings), account)
    if not chosen.name and not number:
        return TunnelScope(settings, given)
    own = chosen.number(number) if number else chosen.numbers[0]
    if own is None:
        hint = suggestion_for(number, [one.id for one in chosen.numbers])
        raise errors.fail(f"{number} is no number of the account {chosen.name}; {hint}")
    one = settings_of(settings, chosen, own)
    proof_secret = own.credentials.proof_secret
    if real:
        return TunnelScope(one, given, chosen.webhook, proof_secret)
    _check_zones(chosen)
    return TunnelScope(one, {**given, **variables_of(one)}, proof_secret=proof_secret)


def _check_zones(account: Account) -> None:
    """End the command if opening hours need the account's time zone: variables name none."""
    try:
        load_if_any(account.rules, zone=account.time_zone)
    except RulebookError:
        return  # the gateway that is started says what is wrong with the rules
    try:
        load_if_any(account.rules)
    except RulebookError:
        raise errors.fail(
            f"Opening hours in {account.rules} name no zone, and a rehearsal does not know "
            f"`time_zone` of the account {account.name}: write `zone` in the rules, or use --real."
        ) from None


def check_options(options: TunnelOptions, settings: Settings, screen: Screen) -> TunnelOptions:
    """Return the options with a normalized address; end the command if they are unusable."""
    if missing := callback.check_missing_settings(settings):
        screen.require(missing)
    if not options.url:
        return options
    url = parse_public_address(options.url, settings.meta_graph_url)
    if url is None:
        raise errors.fail(
            f"{without_secrets(options.url)} is no address that Meta could post to: write "
            "https://host, as the tunnel shows it."
        )
    return replace(options, url=url)


def lock_folder() -> None:
    """Take the folder's lock until this process ends, so that only one run changes callbacks."""
    try:
        workspace.make_folder()
        lock = workspace.hold(callback_plan.LOCK, 0.3)
    except OSError as error:
        raise errors.fail(f"Cannot use the folder .gateway here: {error.strerror}.") from None
    if lock is None:
        raise errors.fail("gateway tunnel runs in this folder already.")


def way_in(options: TunnelOptions, port: int, token: str, screen: Screen) -> OpenTunnel:
    """Return the given tunnel, or open one of ngrok."""
    if options.url:
        screen.show(ProbeCheck("tunnel", "good", f"{options.url}, as given"))
        return OpenTunnel(options.url, "as given")
    try:
        way = open_tunnel(port, token, options.ngrok_api)
    except NgrokError as error:
        raise errors.fail(str(error)) from None
    screen.show(ProbeCheck("tunnel", "good", f"{way.url}, {way.description}"))
    if is_free_ngrok(way.url):
        screen.show(
            ProbeCheck("tunnel", "odd", f"this is of ngrok's free plan, and {NGROK_PLAN_NOTE}")
        )
    return way
