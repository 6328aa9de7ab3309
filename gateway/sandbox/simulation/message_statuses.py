"""Statuses that the business gets for an accepted message, one by one."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.sandbox.config import Config, Number
from gateway.sandbox.simulation import webhook_payloads
from gateway.sandbox.simulation.customers import CustomerPhone, SimulatedPerson
from gateway.sandbox.simulation.faults import Faults
from gateway.sandbox.simulation.traffic import AcceptedMessage
from gateway.sandbox.simulation.webhook_delivery import Webhooks
from gateway.sandbox.wire import Json

Steps = list[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class FollowedMessage:
    """Message whose statuses are sent; `failure` is the error with which it fails."""

    number: Number
    message: AcceptedMessage
    person: SimulatedPerson = field(repr=False)
    phone: CustomerPhone = field(repr=False)
    kind: str
    category: str
    failure: Json | None = None


class StatusReports:
    """Sends statuses when they are due."""

    def __init__(
        self, config: Config, clock: Callable[[], float], faults: Faults, webhooks: Webhooks
    ) -> None:
        """Take the configuration, the clock, the faults, and the webhooks."""
        self._config = config
        self._clock = clock
        self._faults = faults
        self._webhooks = webhooks

    def follow(self, followed: FollowedMessage) -> None:
        """Send the statuses of a message from now on."""
        steps = self._steps(followed)
        if len(steps) > 1 and self._faults.take("reorder"):
            latest = max(after_s for _, after_s in steps)
            steps = [(word, latest) for word, _ in reversed(steps)]
        if steps:
            self._webhooks.owe(len(steps), self._send_statuses(followed, steps))

    def _steps(self, followed: FollowedMessage) -> Steps:
        if followed.failure is not None:
            return [("failed", self._config.sent_after_s)]
        sent = [("sent", self._config.sent_after_s)]
        if followed.kind == "reaction":  # Meta sends no more for a reaction.
            return sent
        read_after_s = self._config.read_after_s
        opened = [] if read_after_s is None else [("read", read_after_s)]
        return [*sent, ("delivered", self._config.delivered_after_s), *opened]

    async def _send_statuses(self, followed: FollowedMessage, steps: Steps) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        for word, after_s in steps:
            await asyncio.sleep(started + after_s - loop.time())
            status = self._status(followed, word)
            if followed.phone.shows_statuses:
                followed.phone.show("status", message_id=followed.message.wamid, status=word)
            change = webhook_payloads.status_change(
                followed.number, followed.person, followed.phone.name, status
            )
            # Each status waits for the one before it, so that only the fault changes their order.
            await self._webhooks.send(change, _ignore_attempt)

    def _status(self, followed: FollowedMessage, word: str) -> Json:
        message = followed.message
        status = webhook_payloads.status(
            message.wamid, word, followed.person, at=self._clock(), callback=message.callback
        )
        if word in ("sent", "delivered"):
            status["pricing"] = webhook_payloads.price(followed.category)
        if followed.failure is not None:
            status["errors"] = [followed.failure]
        return status


def _ignore_attempt(_: int) -> None:
    """Ignore the attempts of a status: a phone shows only those of its owner's messages."""
