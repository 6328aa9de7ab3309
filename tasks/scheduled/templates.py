"""Sends that wait for a template: they go on once Meta sends it again.

Whoever heard of it only wrote it down; each tick compares what waits with what is stopped, so it
does not matter which process dies in between.
"""

from collections.abc import Sequence

import structlog

from gateway.core.sending.send import PRIORITIES
from gateway.store.redis.client import ScriptError
from gateway.store.sending.lanes import Damage
from gateway.store.templates.waiting_sends import resume_sends
from tasks.context import StoreAccess
from tasks.monitoring.noted_alerts import note_damage
from tasks.wakeup import ring_number

log = structlog.get_logger(__name__)


def resume_templates(ctx: StoreAccess, number: str, waiting: Sequence[str]) -> None:
    """Let the sends of a number go on whose templates are not stopped any more.

    Damaged keys of one template stop nothing else. Raises StoreUnavailableError.
    """
    for template in waiting:
        if ctx.is_template_stopped(number, template):
            continue
        try:
            count = resume_sends(ctx.store, number, template)
        except ScriptError as error:
            note_damage(ctx.store, number, [Damage("template", "", str(error))])
            continue
        log.info("template_resumed", number=number, template=template, sends=count)
        for priority in PRIORITIES:
            ring_number(ctx.store, number, priority)
