"""Transports: where the sends of a number go, and with which credentials."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from gateway.accounts.account import GraphCredentials
from gateway.core.sending import canary
from gateway.core.sending.outcome import Attempt
from gateway.core.sending.response import Answer, NotConnected
from gateway.graph.messages import Graph
from tasks.context import WorkerContext
from tasks.sending.canary_sink import CanarySink


class Transport(Protocol):
    """Destination of a number's sends."""

    def post(self, attempt: Attempt, body: Mapping[str, Any], now: datetime) -> Answer:
        """Post one attempt, once; return what was observed of it."""


@dataclass(frozen=True, slots=True)
class MetaTransport:
    """Meta, reached with the credentials that the number had when the attempt began."""

    graph: Graph
    number: str
    credentials: GraphCredentials

    def post(self, _: Attempt, body: Mapping[str, Any], __: datetime) -> Answer:
        """Post one message to Meta."""
        return self.graph.post_message(self.number, body, self.credentials)


class NoTransport:
    """Destination of a number that no account has any more: nothing reaches anybody."""

    def post(self, _: Attempt, __: Mapping[str, Any], ___: datetime) -> Answer:
        """Post nothing."""
        return NotConnected("no account has the number")


def transport_for(ctx: WorkerContext, number: str) -> Transport:
    """Return where the sends of a number go now."""
    if number == canary.NUMBER:
        return CanarySink(ctx)
    found = ctx.accounts.current().number(number)
    return MetaTransport(ctx.graph, number, found.credentials) if found else NoTransport()
