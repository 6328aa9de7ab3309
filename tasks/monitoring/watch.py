"""The look at how everything stands, each few seconds, and what a person is told of it."""

import threading
from datetime import timedelta

import structlog

from gateway.config.settings import Settings
from gateway.core.alerts import GIVE_UP_MS, Alert, AlertState, body, changes
from gateway.http_out.client import post
from gateway.store import keys, maintenance
from gateway.store.monitoring import alerts, snapshot
from gateway.store.monitoring.snapshot import Snapshot
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError
from tasks.app import app
from tasks.context import release, worker
from tasks.monitoring.alert_conditions import SILENT_S, causes
from tasks.monitoring.alerts import DOUBLED
from tasks.wakeup import clear_task

log = structlog.get_logger(__name__)

# After a while without workers there are many bells for this, one for every few seconds.
GUARD_MS = 2_000
DOUBLED_FOR = timedelta(hours=1)


@app.task(name="tasks.watch", time_limit=60)
def watch() -> None:
    """Look, and tell; late, twice or not at all does no harm."""
    at_work = worker()
    clear_task(at_work.store, "tasks.watch")
    if at_work.store.mark(keys.WATCHED, GUARD_MS):
        maintenance.ran(at_work.store, "watch", release(at_work.rules.current()))
        look(at_work.store, at_work.settings)


def look(store: Store, settings: Settings) -> None:
    """Compare what is the matter with what was told, and tell what begins and what is over.

    Any number of processes may do so at once: each change is written by one of them only, and who
    is about to tell says so first.
    """
    reading = snapshot.read(store, settings.gateway_store_bytes)
    _note_doubled(store, reading)
    snapshot.note(store, reading.now_ms, reading.health.used_bytes)
    true = causes(reading) | alerts.noted(store, reading.now_ms)
    _compare(store, true, reading.now_ms)
    url = settings.gateway_alert_url.get_secret_value()
    _forget(store, reading.now_ms, GIVE_UP_MS if url else 0)
    if url:
        _tell(store, url, reading.now_ms)


def _note_doubled(store: Store, reading: Snapshot) -> None:
    """Note that sends were doubled since the last look; noted first, so that none is missed."""
    doubled = reading.total("sends.doubled")
    if alerts.grown(store, "doubled", doubled):
        alerts.note(store, DOUBLED, DOUBLED_FOR)
    alerts.saw(store, "doubled", doubled)


def _compare(store: Store, true: dict[str, Alert], now_ms: int) -> None:
    rows = alerts.rows(store)
    told = {key: row.told for key, row in rows.items()}
    for key, one in changes(told, true, now_ms).items():
        if alerts.write(store, key, rows.get(key), one) and key not in told:
            log.warning("alert_begun", **_named(one))


def _forget(store: Store, now_ms: int, keep_ms: int) -> None:
    for key, row in alerts.rows(store).items():
        if row.told.over(now_ms, keep_ms) and alerts.write(store, key, row, None):
            log.info("alert_over", **_named(row.told))


def _tell(store: Store, url: str, now_ms: int) -> None:
    """Post what is due; the first that is not heard ends it, for the others would not be either."""
    for key, row in alerts.rows(store).items():
        trying = row.told.tried(now_ms)
        if not row.told.due(now_ms) or not alerts.write(store, key, row, trying):
            continue
        if told := post(url, body(trying)):
            log.warning("alert_unheard", told=told, **_named(trying))
            return
        alerts.answered(store, key, trying)
        log.info("alert_told", state=trying.state, **_named(trying))


def _named(told: AlertState) -> dict[str, str]:
    cause = told.alert.cause
    return {"cause": cause.kind, "detail": cause.detail, "number": cause.number}


class StandIn:
    """Looks in the workers' place, from a thread, while none of them does."""

    def __init__(self, settings: Settings, every_s: float = SILENT_S) -> None:
        """Look after `every_s` for the first time: workers may start a little later than we."""
        self._settings = settings
        self._every_s = every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stand-in", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End with the look that is under way, which is not waited for."""
        self._over.set()

    def _run(self) -> None:
        store = Store(self._settings.redis_url)
        while not self._over.wait(self._every_s):
            try:
                if silent(store):
                    look(store, self._settings)
            except (StoreUnavailableError, ScriptError):
                continue  # nothing can be told without the store; the heartbeat is missed then
            except Exception:
                log.exception("stand_in_failed")  # the next look may do better
        store.close()


def silent(store: Store) -> bool:
    """Say whether no worker has looked for a minute."""
    ago_s = maintenance.ago_s(store, "watch")
    return ago_s is None or ago_s > SILENT_S
