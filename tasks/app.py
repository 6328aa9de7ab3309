"""The Celery application: `celery -A tasks worker` and `celery -A tasks beat` start from here."""

import sys
from collections.abc import Iterable
from functools import cached_property, partial
from typing import Any, NoReturn

import billiard.pool
import structlog
from celery import Celery
from celery.signals import beat_init, setup_logging, worker_init, worker_process_init

from gateway.accounts.loader import AccountsError, load_accounts
from gateway.accounts.rulebooks import AccountRules
from gateway.config import standard_streams
from gateway.config.environment import SettingsError
from gateway.config.open_files import raise_limit
from gateway.config.settings import Settings
from gateway.rules.problems import RulebookError
from gateway.rules.reloader import RulebookSource
from gateway.rules.rulebook import Rulebook
from gateway.store.redis.client import Store, StoreUnavailableError
from tasks.celery_setup.broker import use_store
from tasks.celery_setup.config import UnknownOptionError, config
from tasks.celery_setup.process_logs import start_logging
from tasks.context import enable_reloading
from tasks.processes.garbage import exempt_startup_objects
from tasks.processes.post_concurrency import SENDS_AT_ONCE
from tasks.processes.process_names import children
from tasks.processes.store_check import look

log = structlog.get_logger(__name__)

# A worker that is asked to end forgets the tasks that its children have not accepted yet, and reads
# no more of them. A child that accepts one then does the work, and would wait for 30 s, in steps of
# 0.1 s, until its report is read. Nothing depends on the report here, so 2 s are enough.
billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 20

# Connections of a process: a post each at most, and as many again for everything else.
OPEN_FILES = 4 * SENDS_AT_ONCE

standard_streams.reopen_closed()


class GatewayCelery(Celery):
    """Celery's application, whose processes write log lines only."""

    @cached_property
    def Worker(self) -> Any:  # noqa: N802
        """Return the class that `celery worker` runs."""
        return _subclass(self, "QuietWorker")

    @cached_property
    def Beat(self) -> Any:  # noqa: N802
        """Return the class that `celery beat` runs."""
        return _subclass(self, "QuietBeat")


def _subclass(application: Celery, name: str) -> Any:
    # By name, and so imported by the processes that need it only: web processes do not.
    return application.subclass_with_self(f"tasks.celery_setup.output:{name}")  # type: ignore[arg-type]


app = GatewayCelery(
    "gateway",
    include=[
        "tasks.inbound",
        "tasks.outbound",
        "tasks.campaigns.process",
        "tasks.outgoing.calls",
        "tasks.outgoing.forwards",
        "tasks.outgoing.notifications",
        "tasks.outgoing.templates",
        "tasks.requests.send_message",
        "tasks.scheduled.jobs",
        "tasks.scheduled.canary",
        "tasks.monitoring.alert_watch",
    ],
)

app.steps["worker"].add("tasks.scheduled.safety_net:NetStep")


@app.on_configure.connect
def configure(sender: Celery, **_: Any) -> None:
    """Read the settings on first use, never when this module is imported."""
    try:
        settings = Settings.from_env()
        sender.config_from_object(config(settings))
    except (SettingsError, UnknownOptionError) as error:
        _exit_with_error(f"The settings are not complete:\n{error}")
    use_store(sender, settings.redis_url)


@worker_init.connect
def run_startup_checks(**_: Any) -> None:
    """Exit with code 2 at the start if this worker could do only harm, or nothing."""
    settings = Settings.from_env()
    raise_limit(OPEN_FILES)  # before the pool forks, so that children have it too
    enable_reloading()
    children()  # before the pool forks them
    try:
        accounts = load_accounts(settings)
        rules = AccountRules(
            lambda: accounts, partial(RulebookSource, demo=settings.gateway_demo_rules)
        )
    except AccountsError as error:
        _exit_with_error(f"The accounts cannot be used:\n{error}")
    except RulebookError as error:
        _exit_with_error(f"The rules cannot be used:\n{error}")
    for problem in rules.problems:
        log.error("rules_rejected", version=rules.current().version, problems=problem)
    for path in rules.empty_paths:
        log.warning("no_rules", path=str(path))
    _warn_of_missing_address(settings, rules.rulebooks())
    exit_on_unfit_store()


# After the checks, and before the pool forks.
worker_init.connect(exempt_startup_objects)


@beat_init.connect
def exit_on_unfit_store(**_: Any) -> None:
    """Exit with code 2 if this process must not work on the store."""
    settings = Settings.from_env()
    try:
        health = look(Store(settings.redis_url), settings)
    except StoreUnavailableError:
        log.warning("store_away")  # it may return; it is checked before the first work
        return
    if health.fatal:
        _exit_with_error(" ".join(health.fatal))


def _warn_of_missing_address(settings: Settings, rulebooks: Iterable[Rulebook]) -> None:
    """Log that rules notify an address that is not set; what they report waits for it."""
    posts = any(one.posts_notifications for one in rulebooks)
    if posts and not settings.gateway_notify_url.get_secret_value():
        log.warning("notify_unset")


@worker_process_init.connect
def announce_child(**_: Any) -> None:
    """Announce this child to the main process before its first task."""
    children().announce()


def _exit_with_error(message: str) -> NoReturn:
    sys.stderr.write(f"{message}\n")
    sys.exit(2)


@setup_logging.connect
@worker_process_init.connect
def configure_logging(**_: Any) -> None:
    """Log in our format, not Celery's; again after a fork, which no logging thread survives."""
    start_logging()
