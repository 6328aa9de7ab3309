"""What Meta grants, taken as soon as it is told."""

import structlog

from gateway.core.planning.batch import PlanningResult
from gateway.core.webhook.notice_readers import granted
from gateway.store.sending import pauses
from tasks.context import WorkerContext

log = structlog.get_logger(__name__)


def take_grants(at_work: WorkerContext, planned: PlanningResult) -> None:
    """Raise the pace where Meta did; before the commit, since twice is once."""
    for event in (event for made in planned.plans for event in made.events):
        if per_second := granted(event):
            number = at_work.settings.meta_phone_number_id
            pauses.grant(at_work.store, number, per_second)
            log.info("pace_raised", number=number, per_second=per_second)
