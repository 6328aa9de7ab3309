"""Alert watch: reads a snapshot every few seconds and reports alerts that begin and end."""

import threading
from collections.abc import Callable
from datetime import timedelta

import structlog

from gateway.accounts.account import Accounts
from gateway.accounts.source import AccountsSource
from gateway.config.settings import Settings
from gateway.core.alerts import GIVE_UP_MS, Alert, AlertState, alert_changes, alert_payload
from gateway.core.planning.effects import RULE_ALERT
from gateway.http_out.client import post
from gateway.store import keys
from gateway.store.coordination import run_ages
from gateway.store.monitoring import alert_store, snapshot
from gateway.store.monitoring.problems import SILENT_S
from gateway.store.monitoring.snapshot import Snapshot
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError
from tasks.app import app
from tasks.context import release_id, worker_context
from tasks.monitoring.noted_alerts import CALLS_LOST, NOTIFICATIONS_LOST, SENDS_DOUBLED, find_alerts
from tasks.processes.store_check import note_owner
from tasks.wakeup import clear_task

log = structlog.get_logger(__name__)

# After a time without workers many wake-ups wait for this, one for every few seconds.
GUARD_MS = 2_000
# Alerts of what is only counted: the name of the count, and the counters that it is the sum of.
COUNTED = (
    (SENDS_DOUBLED, "doubled", ("sends.doubled",)),
    (
        NOTIFICATIONS_LOST,
        "notifications_lost",
        ("notifications.dead", "notifications.crowded_out"),
    ),
    (CALLS_LOST, "calls_lost", ("calls.crowded_out",)),
)
COUNTED_FOR = timedelta(hours=1)


@app.task(name="tasks.watch", time_limit=60)
def watch() -> None:
    """Update the alerts; to run late, twice or not at all does no harm."""
    ctx = worker_context()
    clear_task(ctx.store, "tasks.watch")
    if ctx.store.mark(keys.WATCH_GUARD, GUARD_MS):
        run_ages.record_run(ctx.store, "watch", release_id(ctx.rules.current().version))
        note_owner(ctx.store, ctx.settings)
        update_alerts(ctx.store, ctx.settings, ctx.accounts.current())


def update_alerts(store: Store, settings: Settings, accounts: Accounts | None = None) -> None:
    """Compare the active alerts with those reported before, and report what begins and ends.

    Any number of processes may do so at once: each change is written by one of them only, and a
    process records that it is about to post before it does. `accounts` say whose a number is.
    """
    store_snapshot = snapshot.read(store, settings.gateway_store_bytes, accounts)
    _note_counted(store, store_snapshot)
    snapshot.record_memory_use(store, store_snapshot.now_ms, store_snapshot.health.used_bytes)
    active = find_alerts(store_snapshot) | alert_store.active_alerts(store, store_snapshot.now_ms)
    _update_rows(store, active, store_snapshot.now_ms)
    url = settings.gateway_alert_url.get_secret_value()
    _drop_ended(store, store_snapshot.now_ms, GIVE_UP_MS if url else 0)
    if url:
        name_of = accounts.name_of if accounts else lambda _: ""
        _send_due(store, url, store_snapshot.now_ms, name_of)


def _note_counted(store: Store, store_snapshot: Snapshot) -> None:
    """Note what has happened since the last look; noted first, so that none is missed."""
    for alert, name, counters in COUNTED:
        count = sum(map(store_snapshot.total, counters))
        if alert_store.has_grown(store, name, count):
            alert_store.record_alert(store, alert, COUNTED_FOR)
        alert_store.record_counter(store, name, count)


def _update_rows(store: Store, active: dict[str, Alert], now_ms: int) -> None:
    rows = alert_store.read_rows(store)
    known = {key: row.state for key, row in rows.items()}
    for key, one in alert_changes(known, active, now_ms).items():
        if alert_store.replace_row(store, key, rows.get(key), one) and key not in known:
            log.warning("alert_begun", **_log_fields(one), **_title_field(one.alert))


def _drop_ended(store: Store, now_ms: int, keep_ms: int) -> None:
    for key, row in alert_store.read_rows(store).items():
        if row.state.is_over(now_ms, keep_ms) and alert_store.replace_row(store, key, row, None):
            log.info("alert_over", **_log_fields(row.state))


def _send_due(store: Store, url: str, now_ms: int, name_of: Callable[[str], str]) -> None:
    """Post the due alerts; the first failure ends it, since the others would fail too."""
    for key, row in alert_store.read_rows(store).items():
        attempted = row.state.after_attempt(now_ms)
        if not row.state.is_due(now_ms) or not alert_store.replace_row(store, key, row, attempted):
            continue
        if error := post(url, alert_payload(attempted, name_of(attempted.alert.cause.number))):
            log.warning("alert_unheard", reason=error, **_log_fields(attempted))
            return
        alert_store.record_answer(store, key, attempted)
        log.info("alert_told", state=attempted.state, **_log_fields(attempted))


def _log_fields(state: AlertState) -> dict[str, str]:
    cause = state.alert.cause
    account = {"account": cause.account} if cause.account else {}
    return {"cause": cause.kind, "detail": cause.detail, "number": cause.number, **account}


def _title_field(alert: Alert) -> dict[str, str]:
    """Return the alert's title for the log; a rule's may quote a customer, so it is left out."""
    return {} if alert.cause.kind == RULE_ALERT else {"title": alert.title}


class StandIn:
    """Thread of a web process that updates alerts while no worker does."""

    def __init__(self, settings: Settings, every_s: float = SILENT_S) -> None:
        """Look after `every_s` for the first time: workers may start a little later."""
        self._settings = settings
        self._every_s = every_s
        self._stop_event = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stand-in", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Stop, without waiting for the look that is under way."""
        self._stop_event.set()

    def _run(self) -> None:
        store = Store(self._settings.redis_url)
        accounts = AccountsSource(self._settings)
        while not self._stop_event.wait(self._every_s):
            try:
                if are_workers_silent(store):
                    accounts.reload_if_changed()
                    update_alerts(store, self._settings, accounts.current())
            except (StoreUnavailableError, ScriptError):
                continue  # nothing can be reported without the store; the heartbeat is missed then
            except Exception:
                log.exception("stand_in_failed")  # the next look may succeed
        store.close()


def are_workers_silent(store: Store) -> bool:
    """Return whether no worker has looked for a minute."""
    ago_s = run_ages.seconds_since_run(store, "watch")
    return ago_s is None or ago_s > SILENT_S
