"""Target of a command: the `gateway dev` of this folder, or the gateway of the settings."""

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from gateway.cli.common import errors
from gateway.cli.local import workspace
from gateway.cli.local.environment import prepare
from gateway.cli.local.workspace import Running
from gateway.config.environment import SettingsError, environment
from gateway.config.settings import Settings

# No process is started, so this port is never listened to.
ANY_PORT = 1
# Before what is missing in the settings, which name a gateway that runs elsewhere.
NOTHING_RUNS = "No gateway runs in this folder: start one with scripts/dev. "


def settings() -> Settings:
    """Return the settings of this folder's running gateway, or else of the environment, or end."""
    running = workspace.find_running()
    try:
        return settings_for(running)
    except SettingsError as error:
        start = "" if running else NOTHING_RUNS
        listed = "\n  ".join(error.problems)
        raise errors.fail(f"{start}The settings are not complete:\n  {listed}") from None


def settings_for(running: Running | None) -> Settings:
    """Return the settings for a running gateway. Raises SettingsError."""
    if running is None:
        return Settings.from_env()
    given = prepare(environment(), ANY_PORT, real=not running.sandbox).settings
    now = {"redis_url": running.redis_url, "gateway_rules": Path(running.rules)}
    # A gateway with its own server uses that as its broker, whatever is set.
    own = {"celery_broker_url": ""} if running.redis_url != given.redis_url else {}
    return given.model_copy(update=now | own | _sandbox_of(running))


def _sandbox_of(running: Running) -> dict[str, Any]:
    """Return what Meta is for a gateway beside a sandbox: each sandbox has secrets of its own."""
    if not running.sandbox:
        return {}
    return {
        "meta_graph_url": running.sandbox,
        "meta_access_token": SecretStr(running.token),
        "meta_app_secret": (SecretStr(running.app_secret),),
    }
