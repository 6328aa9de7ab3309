"""The destination of the canary's sends: it answers in Meta's place."""

from datetime import datetime, timedelta

import structlog

from gateway.core.sending import canary
from gateway.core.sending.outcome import Attempt
from gateway.core.sending.response import Answer, NotConnected, Responded
from gateway.http_out.client import ping
from gateway.store.monitoring import alerts
from gateway.store.monitoring.canary import arrived
from gateway.store.redis.client import ScriptError, StoreUnavailableError
from tasks.context import WorkerContext
from tasks.monitoring.alerts import HEARTBEAT_UNHEARD

log = structlog.get_logger(__name__)

# It is said again each minute.
UNHEARD_FOR = timedelta(minutes=3)


def arrive(at_work: WorkerContext, attempt: Attempt, now: datetime) -> Answer:
    """Take a canary's send in Meta's place: note that it came, and ping whoever waits for it."""
    try:
        return _arrive(at_work, attempt, now)
    except (StoreUnavailableError, ScriptError) as error:
        return NotConnected(type(error).__name__)


def _arrive(at_work: WorkerContext, attempt: Attempt, now: datetime) -> Answer:
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
