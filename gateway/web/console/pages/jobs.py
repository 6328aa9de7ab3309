"""Job page: how far an act on many things is, and the button that stops it."""

import re
from datetime import UTC, datetime

from gateway.core.console.users import OPERATE
from gateway.store.console.jobs import JobProgress, ask_to_stop, read_progress
from gateway.web.console.page import (
    ROOT,
    ConsoleAction,
    ConsolePage,
    PageView,
    PageVisit,
    Redirection,
    not_found,
)

_ID = re.compile(r"[0-9a-f]{16}")


async def build(visit: PageVisit) -> PageView:
    """Return how far the job is."""
    job = await _find(visit)
    data = {
        "id": job.id,
        "what": job.what,
        "by": job.user,
        "started_at": job.started_at,
        "total": job.total,
        "done": job.done_count,
        "outcomes": job.outcomes,
        "is_over": job.is_over,
        "is_broken": job.is_broken(datetime.now(UTC)),
        "may_stop": visit.user.may(OPERATE),
    }
    return PageView(job.what.capitalize(), "dead_letters/job.html", data)


async def stop(visit: PageVisit) -> Redirection:
    """Let the job stop."""
    id_ = (await _find(visit)).id
    await visit.desk.note(visit.user, "stop job", id_)
    await visit.desk.read(ask_to_stop, visit.desk.store, id_)
    return Redirection(f"{ROOT}/jobs/{id_}")


async def _find(visit: PageVisit) -> JobProgress:
    """Return the job of an address. Raises PageError."""
    desk, id_ = visit.desk, visit.path["id"]
    job = await desk.read(read_progress, desk.store, id_) if _ID.fullmatch(id_) else None
    # What a job is about is not stored, so who may not see everything sees their own alone.
    if job is None or (visit.user.accounts and job.user != visit.user.name):
        raise not_found("There is no such job.", "Jobs are kept for a day.")
    return job


PAGES = (ConsolePage("/jobs/{id}", build),)
ACTIONS = (ConsoleAction("/jobs/{id}/stop", stop, OPERATE),)
