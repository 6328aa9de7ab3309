"""The Celery application: `celery -A tasks worker` and `celery -A tasks beat` start from here."""

import atexit
import sys
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_process_init

from gateway import logs
from gateway.settings import Settings, SettingsError
from tasks.config import UnknownOptionError, config

app = Celery(
    "gateway",
    include=["tasks.inbound", "tasks.outbound", "tasks.periodic"],
)


@app.on_configure.connect
def configure(sender: Celery, **_: Any) -> None:
    """Read the settings when they are first needed, never when this module is imported."""
    try:
        sender.config_from_object(config(Settings.from_env()))
    except (SettingsError, UnknownOptionError) as error:
        sys.exit(f"The settings are not complete:\n{error}")


@setup_logging.connect
@worker_process_init.connect
def log_ours(**_: Any) -> None:
    """Log our way, not Celery's; once more after a fork, which no writing thread survives."""
    atexit.register(logs.configure(Settings.from_env().gateway_log_level).stop)
