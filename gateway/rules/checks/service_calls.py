"""Calls of services after which a customer may get no answer."""

from collections.abc import Iterator

from gateway.core.services.answer import FAILED
from gateway.core.services.service_call import CALL
from gateway.rules.language.call_action import iter_steps
from gateway.rules.problems import Mark
from gateway.rules.yaml.nodes import Map

SILENT_FAILURE = (
    "has no `failed` beside it: where the service does not answer, the customer hears nothing"
)


def silent_failures(rule: Map) -> Iterator[tuple[Mark, str]]:
    """Warn of calls without a branch for a service that does not answer."""
    for step in iter_steps(rule):
        if CALL in step and FAILED not in step:
            yield step.marks[CALL], SILENT_FAILURE
