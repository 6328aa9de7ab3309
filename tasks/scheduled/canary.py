"""The canary's two ends: kept each minute as beat rings, and arrived where a send ends at us."""

from datetime import datetime, timedelta

import structlog

from gateway.core.sending import canary
from gateway.core.sending.outcome import Attempt
from gateway.core.sending.response import Answer, NotConnected, Responded
from gateway.store.monitoring import alerts
from gateway.store.monitoring.canary import arrived, expect
from gateway.store.redis.client import ScriptError, StoreUnavailableError
from tasks.app import app
from tasks.context import Worker, worker
from tasks.monitoring.alerts import HEARTBEAT_UNHEARD
from tasks.monitoring.notifier import ping
from tasks.wakeup import call_inbox, clear_task

log = structlog.get_logger(__name__)

# It is said again each minute.
UNHEARD_FOR = timedelta(minutes=3)


@app.task(name="tasks.canary", time_limit=20)
def set_off() -> None:
    """Keep a canary, as a delivery of our own; two within a second are one."""
    at_work = worker()
    clear_task(at_work.store, "tasks.canary")
    now_ms = expect(at_work.store)
    at_work.inbox.put_back(canary.delivery(str(now_ms // 1000)))
    call_inbox(at_work.inbox)


def arrive(at_work: Worker, attempt: Attempt, now: datetime) -> Answer:
    """Take a canary's send in Meta's place: note that it came, and ping whoever waits for it."""
    try:
        return _arrive(at_work, attempt, now)
    except (StoreUnavailableError, ScriptError) as error:
        return NotConnected(type(error).__name__)


def _arrive(at_work: Worker, attempt: Attempt, now: datetime) -> Answer:
    arrived(at_work.store, int(now.timestamp() * 1000), now - canary.kept_at(attempt.expires_at))
    url = at_work.settings.gateway_heartbeat_url.get_secret_value()
    if not url:
        return Responded(200, b"")
    if told := ping(url):
        alerts.note(at_work.store, HEARTBEAT_UNHEARD, UNHEARD_FOR)
        log.warning("heartbeat_unheard", told=told)
        return NotConnected(told)
    alerts.clear(at_work.store, HEARTBEAT_UNHEARD.cause)
    return Responded(200, b"")
