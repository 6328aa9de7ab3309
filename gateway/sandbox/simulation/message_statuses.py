"""What the business is told of a message that was accepted: status by status."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.sandbox.config import Config, Number
from gateway.sandbox.simulation import webhook_payloads
from gateway.sandbox.simulation.customers import SimulatedPerson
from gateway.sandbox.simulation.faults import Faults
from gateway.sandbox.simulation.traffic import AcceptedMessage
from gateway.sandbox.simulation.webhook_delivery import Webhooks
from gateway.sandbox.wire import Json

Steps = list[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Followed:
    """A message to report on; `failure` is the error with which it fails."""

    number: Number
    message: AcceptedMessage
    person: SimulatedPerson = field(repr=False)
    name: str = field(repr=False)
    kind: str
    category: str
    failure: Json | None = None


class Reports:
    """Sends statuses at their moments."""

    def __init__(
        self, config: Config, clock: Callable[[], float], faults: Faults, webhooks: Webhooks
    ) -> None:
        """Take the configuration, the time, what is to go wrong, and the way out."""
        self._config = config
        self._clock = clock
        self._faults = faults
        self._webhooks = webhooks

    def follow(self, one: Followed) -> None:
        """Report on a message from now on."""
        steps = self._steps(one)
        if len(steps) > 1 and self._faults.take("reorder"):
            latest = max(after_s for _, after_s in steps)
            steps = [(word, latest) for word, _ in reversed(steps)]
        if steps:
            self._webhooks.owe(len(steps), self._tell(one, steps))

    def _steps(self, one: Followed) -> Steps:
        if one.failure is not None:
            return [("failed", self._config.sent_after_s)]
        sent = [("sent", self._config.sent_after_s)]
        if one.kind == "reaction":  # Meta tells no more of a reaction.
            return sent
        read_after_s = self._config.read_after_s
        opened = [] if read_after_s is None else [("read", read_after_s)]
        return [*sent, ("delivered", self._config.delivered_after_s), *opened]

    async def _tell(self, one: Followed, steps: Steps) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        for word, after_s in steps:
            await asyncio.sleep(started + after_s - loop.time())
            status = self._status(one, word)
            change = webhook_payloads.status_change(one.number, one.person, one.name, status)
            # One status waits for the one before it, so that only the fault changes their order.
            await self._webhooks.send(change, _nobody_hears)

    def _status(self, one: Followed, word: str) -> Json:
        message = one.message
        made = webhook_payloads.status(
            message.wamid, word, one.person, at=self._clock(), callback=message.callback
        )
        if word in ("sent", "delivered"):
            made["pricing"] = webhook_payloads.price(one.category)
        if one.failure is not None:
            made["errors"] = [one.failure]
        return made


def _nobody_hears(_: int) -> None:
    """Let the attempts of a status pass unheard: a phone shows only what its owner wrote."""
