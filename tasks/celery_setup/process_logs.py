"""Logs of Celery's processes: our format, on stderr, at the level of the settings or of `-l`."""

import atexit
import gc
import logging
import os

import click
from click.core import ParameterSource

from gateway.config import logs
from gateway.config.settings import Settings

_started_in: set[int] = set()


def start_logging() -> None:
    """Log in our format, once a process: no logging thread survives a fork."""
    if os.getpid() in _started_in:
        return
    _started_in.add(os.getpid())
    atexit.register(logs.configure(read_option() or Settings.from_env().gateway_log_level).stop)
    logging.captureWarnings(True)
    gc.freeze()  # what was imported is no garbage, and scanning it takes time


def read_option() -> str:
    """Return the level that the option `-l` of Celery's command names, "" if it was not given."""
    context = click.get_current_context(silent=True)
    if context is None:
        return ""
    if context.get_parameter_source("loglevel") is not ParameterSource.COMMANDLINE:
        return ""
    return str(logging.getLevelName(context.params["loglevel"]))


def refuse_log_file(path: object) -> None:
    """Raise click.UsageError if the option `-f` of Celery's command names a file."""
    if path:
        raise click.UsageError("Logs go to stderr: write 2>>FILE instead of -f (--logfile).")
