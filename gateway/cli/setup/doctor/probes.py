"""Probes of our own side: each collects one fact, and changes nothing."""

import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.accounts.rulebooks import RulesInForce
from gateway.cli.common.accounts import load_if_usable
from gateway.cli.setup.doctor.checks.rules_and_disk import Disk, Rules
from gateway.cli.setup.doctor.checks.settings_file import Given
from gateway.cli.setup.doctor.checks.store import Redis
from gateway.cli.setup.doctor.checks.workers import Broker
from gateway.cli.setup.doctor.findings import Unseen
from gateway.config.environment import environment, read_settings
from gateway.config.receiver_secrets import ReceiverSecretError, ReceiverSecrets
from gateway.config.redis_address import parse
from gateway.config.settings import Settings
from gateway.core.forwards.receiver import Receiver
from gateway.http_out.receiver_posts import check_secret
from gateway.rules.loader import load_if_any, read_trial_now
from gateway.rules.problems import RulebookError
from gateway.store.monitoring import snapshot
from gateway.store.monitoring.snapshot import Snapshot
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError
from gateway.store.server.inspection import inspect_servers
from gateway.store.server.rights import find_missing_rights, rights_problem
from tasks.monitoring.worker_ping import BrokerAwayError, WorkerPing, count_listeners

Look = Callable[[], Any]


def run_looks(
    looks: Mapping[str, Look],
    within_s: float,
    on_progress: Callable[[list[str]], None] = lambda _: None,
) -> dict[str, Any]:
    """Return the result of each probe; an Unseen for one that failed or did not end in time.

    `on_progress` gets the names of the running probes. A late thread is left behind: it dies with
    the process.
    """
    results: dict[str, Any] = {}
    changed = threading.Condition()

    def run(name: str, look: Look) -> None:
        try:
            result = look()
        except Exception as error:  # one failed probe must not stop the others
            result = Unseen(f"the look at it failed ({type(error).__name__}), so report this")
        with changed:
            results[name] = result
            changed.notify()

    for name, look in looks.items():
        threading.Thread(target=run, args=(name, look), daemon=True).start()
    deadline = time.monotonic() + within_s
    with changed:
        while len(results) < len(looks) and (left_s := deadline - time.monotonic()) > 0:
            on_progress([name for name in looks if name not in results])
            changed.wait(left_s)
        ended = dict(results)
    timed_out = Unseen(f"nothing came back within {within_s:.0f} s")
    return {name: ended.get(name, timed_out) for name in looks}


ENV = Path(".env")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def read_given(settings: Settings, *, dev: bool = False) -> Given:
    """Return the settings with what the checks need to know about them."""
    return Given(
        mode=file_mode(),
        secrets=len(settings.meta_app_secret),
        has_notify_url=bool(settings.gateway_notify_url.get_secret_value()),
        dev=dev,
    )


def file_mode() -> int | None:
    """Return the mode of the file .env, None if there is none."""
    try:
        return ENV.stat().st_mode
    except OSError:
        return None


def redis(settings: Settings) -> Redis:
    """Read the state of the store's servers."""
    # A server whose disk is full refuses the driver's own PING, and gives the reason in INFO.
    store = Store(settings.redis_url, health_check_interval=0)
    try:
        if problem := rights_problem(find_missing_rights(store)):
            return Redis(problem)
        return Redis(
            examined=inspect_servers(store),
            limit_bytes=settings.gateway_store_bytes,
            mine=settings.installation,
        )
    except StoreUnavailableError as error:
        if "Auth" in str(error):
            return Redis("Redis wants another user or password than REDIS_URL has.")
        return Redis(f"Redis does not answer ({_reason(error)}): nothing is kept.")
    except ScriptError as error:
        # A user without the permission gets an error of its own, such as NOPERM.
        return Redis(f"Redis refuses to answer: {error}")
    finally:
        store.close()


def read_snapshot(settings: Settings) -> Snapshot | Unseen:
    """Read the snapshot that `gateway status` shows."""
    store = Store(settings.redis_url)
    try:
        return snapshot.read(store, settings.gateway_store_bytes, load_if_usable(settings))
    except StoreUnavailableError:
        return Unseen("Redis does not answer")
    except ScriptError as error:
        return Unseen(f"Redis refuses to answer ({error})")
    finally:
        store.close()


def broker(settings: Settings) -> Broker:
    """Check whether the broker answers."""
    apart = bool(settings.celery_broker_url) and settings.celery_broker_url != settings.redis_url
    ping = WorkerPing(settings)
    try:
        ping.connect()
    except BrokerAwayError as error:
        return Broker(apart, str(error))
    finally:
        ping.close()
    return Broker(apart)


def workers(settings: Settings) -> Mapping[str, int] | Unseen:
    """Ask all workers for their queues."""
    try:
        return count_listeners(settings)
    except BrokerAwayError:
        return Unseen("the broker does not answer")


def rules(settings: Settings) -> Rules:
    """Load the rules of all accounts."""
    trial_now = read_trial_now(settings.gateway_trial_hours)
    accounts = load_if_usable(settings)
    if accounts is None:
        return Rules(problems=("The accounts cannot be used, which name the rules.",))
    books, problems = {}, list[str]()
    for path in accounts.rule_paths:
        try:
            books[path] = load_if_any(path, trial_now, accounts.zone_of(path))
        except RulebookError as error:
            problems += map(str, error.problems)
    if problems:
        return Rules(problems=tuple(problems))
    secrets = tuple(dict.fromkeys(name for one in books.values() for name in one.secret_names))
    receivers = [receiver for one in books.values() for receiver in one.receivers]
    return Rules(
        RulesInForce(accounts, books).version,
        sum(len(one.rules) for one in books.values()),
        notifies=any(one.posts_notifications for one in books.values()),
        service_secrets=secrets,
        missing_secrets=_missing(secrets),
        receivers=tuple(one.name for one in receivers),
        receiver_problems=tuple(dict.fromkeys(_secret_problems(receivers))),
        templates=tuple(dict.fromkeys(each for one in books.values() for each in one.templates)),
        trial_now=trial_now,
    )


def _missing(names: Sequence[str]) -> tuple[str, ...]:
    """Return the variables that are not set here, nor as a file."""
    fields = [name.lower() for name in names]
    found = read_settings(fields, environment())
    return tuple(name for name in names if name.lower() not in found)


def _secret_problems(receivers: Iterable[Receiver]) -> Iterator[str]:
    """Yield why posts to some receivers cannot be signed, with the names of their settings."""
    secrets = ReceiverSecrets()
    for one in receivers:
        try:
            check_secret(one, secrets)
        except ReceiverSecretError as error:
            yield str(error)


def disk(settings: Settings, redis_facts: Redis | Unseen) -> Disk | Unseen:
    """Return the disk of this folder, or of the append-only file if that is on this machine."""
    here, size = Path(), 0
    server = (
        redis_facts.examined.servers[0]
        if isinstance(redis_facts, Redis) and redis_facts.examined
        else None
    )
    if server and server.folder and _is_here(settings.redis_url, Path(server.folder)):
        here, size = Path(server.folder), int(server.info.get("aof_current_size", 0))
    try:
        return Disk(shutil.disk_usage(here).free, size)
    except OSError as error:
        return Unseen(str(error.strerror))


def _reason(error: BaseException) -> str:
    """Return the system's message, such as that a certificate is not trusted, if there is one."""
    under: BaseException | None = error
    while under:
        if isinstance(under, OSError):
            return type(under).__name__
        under = under.__cause__ or under.__context__
    return str(error)


def _is_here(redis_url: str, folder: Path) -> bool:
    address = parse(redis_url)
    if address.nodes or address.sentinels:
        return False
    host = address.url.partition("://")[2].rpartition("@")[2]
    return host.startswith(_LOOPBACK) and folder.is_dir()
