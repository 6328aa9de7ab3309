"""Canary sink: the destination of the canary's sends, which answers in Meta's place."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from gateway.core.sending import canary
from gateway.core.sending.outcome import Attempt
from gateway.core.sending.response import Answer, NotConnected, Responded
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.http_out.client import ping
from gateway.store.monitoring import alert_store
from gateway.store.monitoring.canary import record_arrival
from gateway.store.redis.client import ScriptError, StoreUnavailableError
from tasks.context import WorkerContext
from tasks.monitoring.noted_alerts import HEARTBEAT_UNHEARD

log = structlog.get_logger(__name__)

# It is noted again each minute.
UNHEARD_FOR = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class CanarySink:
    """Transport of the canary's number."""

    ctx: WorkerContext

    def post(self, attempt: Attempt, _: Mapping[str, Any], now: datetime) -> Answer:
        """Accept a canary's send in Meta's place: note its arrival, and send the heartbeat."""
        try:
            return _receive(self.ctx, attempt, now)
        except (StoreUnavailableError, ScriptError) as error:
            return NotConnected(type(error).__name__)


def _receive(ctx: WorkerContext, attempt: Attempt, now: datetime) -> Answer:
    record_arrival(ctx.store, ms_from_datetime(now), now - canary.kept_at(attempt.expires_at))
    url = ctx.settings.gateway_heartbeat_url.get_secret_value()
    if not url:
        return Responded(200, b"")
    if error := ping(url):
        alert_store.record_alert(ctx.store, HEARTBEAT_UNHEARD, UNHEARD_FOR)
        log.warning("heartbeat_unheard", reason=error)
        return NotConnected(error)
    alert_store.clear_cause(ctx.store, HEARTBEAT_UNHEARD.cause)
    return Responded(200, b"")
