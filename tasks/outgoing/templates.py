"""Lists of templates, fetched from Meta: at start, nightly, and when one is wanted.

Meta may take minutes for a long list, so workers of the queue `outgoing` fetch it. Each task looks
at all accounts, and fetches what is due.
"""

import time

import structlog

from gateway.core.templates.sync_schedule import is_fetch_due, is_old
from gateway.store.monitoring.alert_store import record_alert
from gateway.store.redis.client import ScriptError
from gateway.store.templates.registry import TemplateRegistry
from gateway.store.templates.sync import fetch_list
from tasks.app import app
from tasks.context import StoreAccess, worker_context
from tasks.monitoring.noted_alerts import TEMPLATES_OLD_FOR, old_templates_alert
from tasks.wakeup import clear_task

log = structlog.get_logger(__name__)

SLICE_S = 30.0


@app.task(name="tasks.templates", time_limit=600)
def fetch_templates() -> None:
    """Fetch the lists of templates that are due."""
    ctx = worker_context()
    clear_task(ctx.store, "tasks.templates")
    fetch_due_lists(ctx)


def fetch_due_lists(ctx: StoreAccess) -> None:
    """Fetch the list of each WhatsApp account for which that is due.

    An error of one account's is recorded in its registry, and delays no other. What is left after
    half a minute is for the next task, so that notifications find workers. Raises
    StoreUnavailableError.
    """
    deadline = time.monotonic() + SLICE_S
    for waba, credentials in ctx.accounts.current().credentials_by_waba().items():
        if time.monotonic() > deadline:
            return
        registry = TemplateRegistry(ctx.store, waba)
        try:
            state, now = registry.read_state()
            if not is_fetch_due(state, waba, now):
                continue
            result = fetch_list(ctx.store, ctx.settings.meta_graph_url, waba, credentials)
        except ScriptError as error:  # damaged keys of this registry
            log.error("templates_not_stored", waba=waba, error=str(error))
            continue
        if result.step == "failed":
            log.warning("templates_not_fetched", waba=waba, error=result.error)
            if is_old(result.state, now):
                record_alert(ctx.store, old_templates_alert(waba), TEMPLATES_OLD_FOR)
        else:
            log.info("templates_fetched", waba=waba, step=result.step, count=result.state.count)
