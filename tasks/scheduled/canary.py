"""Canary: a delivery of our own that goes the whole way each minute, to prove that it works."""

from gateway.core.sending import canary
from gateway.store.monitoring.canary import record_departure
from tasks.app import app
from tasks.context import worker_context
from tasks.wakeup import call_inbox, clear_task


@app.task(name="tasks.canary", time_limit=20)
def send_canary() -> None:
    """Put a canary into the inbox, as a delivery of our own; two within a second are one."""
    ctx = worker_context()
    clear_task(ctx.store, "tasks.canary")
    now_ms = record_departure(ctx.store)
    ctx.inbox.append_internal(canary.delivery(str(now_ms // 1000)))
    call_inbox(ctx.inbox)
