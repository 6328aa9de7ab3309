"""Canary: a delivery of our own that goes the whole way each minute, to show that it is open."""

from gateway.core.sending import canary
from gateway.store.monitoring.canary import expect
from tasks.app import app
from tasks.context import worker
from tasks.wakeup import call_inbox, clear_task


@app.task(name="tasks.canary", time_limit=20)
def set_off() -> None:
    """Keep a canary, as a delivery of our own; two within a second are one."""
    at_work = worker()
    clear_task(at_work.store, "tasks.canary")
    now_ms = expect(at_work.store)
    at_work.inbox.put_back(canary.delivery(str(now_ms // 1000)))
    call_inbox(at_work.inbox)
