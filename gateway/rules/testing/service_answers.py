"""Answers of services in tests: what a case lets each service answer, and the events of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator

from gateway.core.events import Delivery, Event
from gateway.core.services.answer import FAILED, answer_delivery
from gateway.core.services.service_call import ServiceCall
from gateway.core.webhook.parser import split
from gateway.rules.language.call_action import STATUS
from gateway.rules.language.outgoing.services import ServiceName
from gateway.rules.language.raw_messages import restore_types
from gateway.rules.language.refusals import refuse

LATER = datetime(9000, 1, 1, tzinfo=UTC)


class UnknownAnswerError(Exception):
    """The rules call a service of which the case does not say what it answers."""


def _answer(given: dict[str, Any]) -> dict[str, Any]:
    if len(given) != 1:
        refuse("must be one answer, such as {200: {status: sent}} or {failed: timeout}")
    (name,) = given
    if name != FAILED and not (STATUS.fullmatch(name) and name.isdecimal()):
        refuse("must be a status such as 200, or `failed`")
    return {str(name): restore_types(given[name])}


# By the name of a service: a status with its content, or `failed` with the reason.
ServiceAnswers = dict[ServiceName, Annotated[dict[str, Any], AfterValidator(_answer)]]


@dataclass(slots=True)
class AnsweringServices:
    """The services of one case, each with the answer that it gives from now on."""

    answers: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def events(self, call: ServiceCall) -> Iterator[Event]:
        """Yield the event that a call's answer becomes. Raises UnknownAnswerError."""
        if call.service not in self.answers:
            raise UnknownAnswerError(
                f"the rules call {call.service}, and the case says not what it answers (`services`)"
            )
        ((name, content),) = self.answers[call.service].items()
        status, failure = (None, str(content)) if name == FAILED else (int(name), "")
        text = content if isinstance(content, str) else orjson.dumps(content).decode()
        body = answer_delivery(call.id, call.payload, status, "" if failure else text, failure)
        yield from split(Delivery("0:1-0", LATER, body, origin="internal"))
