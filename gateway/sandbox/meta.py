"""The stand-in for Meta itself: takes messages, tells of their fate, and lets customers write."""

import asyncio
from collections.abc import Callable

import httpx
import orjson

from gateway.sandbox import updates
from gateway.sandbox.config import Config, Number
from gateway.sandbox.errors import RECIPIENT_IS_SENDER, Refusal
from gateway.sandbox.faults import Fault, Faults
from gateway.sandbox.limits import Limits
from gateway.sandbox.log import Accepted, Log
from gateway.sandbox.phones import Phones
from gateway.sandbox.webhooks import Webhooks
from gateway.sandbox.wire import Json, is_user_id, new_wamid, phone_digits
from gateway.sandbox.writing import write

Clock = Callable[[], float]


class Sandbox:
    """All that the stand-in knows; lives in one event loop."""

    def __init__(
        self, config: Config, clock: Clock, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """Start with no messages, no customers and no faults."""
        self.config = config
        self.numbers = {number.id: number for number in config.numbers}
        self.faults = Faults()
        self.log = Log(config.log_max)
        self.phones = Phones()
        self.webhooks = Webhooks(config, self.faults, self.log.tally, transport)
        self.clock = clock
        self._limits = Limits(config.messages_per_second)

    def limit(self, number: Number, body: Json) -> Refusal | None:
        """Refuse a checked message to oneself, or one too many, and count it otherwise."""
        customer = _recipient(body)
        if customer == phone_digits(number.display):
            return Refusal(RECIPIENT_IS_SENDER, "The recipient is the sending number itself.")
        if not self.config.enforce_limits:
            return None
        return self._limits.take(number.id, customer, self.clock())

    def accept(self, number: Number, body: Json, raw: bytes) -> Json:
        """Take a checked message: log it, show it on the phone, and report on it from now on."""
        customer, wamid, now = _recipient(body), new_wamid(), self.clock()
        message = Accepted(
            wamid=wamid,
            number=number.id,
            to=customer,
            callback=body.get("biz_opaque_callback_data"),
            body=orjson.Fragment(raw),
            at=now,
        )
        self.log.accept(message)
        failure = self.faults.take("fail_status")
        if failure is None:
            phone = self.phones.of(customer)
            phone.last_message = wamid
            phone.show("message", id=wamid, body=message.body, at=now)
        self._report(number, message, body.get("type", "text"), failure)
        return _answer(body, customer, wamid)

    def mark_read(self, body: Json) -> Json:
        """Show the blue ticks, and typing if asked, on the phone of whoever wrote the message."""
        if phone := self.phones.author_of(body["message_id"]):
            phone.show("read", message_id=body["message_id"])
            if "typing_indicator" in body:
                phone.show("typing")
        return {"success": True}

    def say(self, customer: str, number: Number, wish: Json) -> str:
        """Let a customer write, tap or react; give the message's id, or raise WritingError."""
        phone = self.phones.of(customer)
        made = write(wish, number, phone.last_message)
        phone.name = wish.get("name", phone.name)
        stamp = {"id": new_wamid(), "timestamp": str(int(self.clock()))}
        message = {**updates.sender(customer), **stamp, **made}
        wamid: str = message["id"]
        self.phones.wrote(customer, wamid)
        self._limits.count_inbound(number.id, self.clock())
        change = updates.message_change(number, customer, phone.name, message)

        def hear(http_status: int) -> None:
            phone.show("webhook", message_id=wamid, http_status=http_status)

        self.webhooks.owe(1, self.webhooks.send(change, hear))
        return wamid

    async def aclose(self) -> None:
        """Stop posting."""
        await self.webhooks.aclose()

    def _report(self, number: Number, message: Accepted, kind: str, failure: Fault | None) -> None:
        steps = _steps(self.config, kind, failed=failure is not None)
        if len(steps) > 1 and self.faults.take("reorder"):
            latest = max(after_s for _, after_s in steps)
            steps = [(word, latest) for word, _ in reversed(steps)]
        if steps:
            self.webhooks.owe(len(steps), self._tell(number, message, kind, steps, failure))

    async def _tell(
        self,
        number: Number,
        message: Accepted,
        kind: str,
        steps: list[tuple[str, float]],
        failure: Fault | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        name = self.phones.of(message.to).name
        for word, after_s in steps:
            await asyncio.sleep(started + after_s - loop.time())
            status = updates.status(
                message.wamid,
                word,
                message.to,
                at=self.clock(),
                callback=message.callback,
                template=kind == "template",
            )
            if failure is not None:
                status["errors"] = [updates.failure(failure.code)]
            # One status waits for the one before it, so that only the fault changes their order.
            await self.webhooks.send(
                updates.status_change(number, message.to, name, status), _nobody_hears
            )


def _recipient(body: Json) -> str:
    if to := body.get("to"):
        return phone_digits(to) or ""
    return str(body["recipient"])


def _answer(body: Json, customer: str, wamid: str) -> Json:
    contact = {"input": body.get("to") or customer}
    contact["user_id" if is_user_id(customer) else "wa_id"] = customer
    message = {"id": wamid}
    if body.get("type") == "template":
        message["message_status"] = "accepted"
    return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]}


def _steps(config: Config, kind: str, *, failed: bool) -> list[tuple[str, float]]:
    if not config.statuses:
        return []
    if failed:
        return [("failed", config.sent_after_s)]
    sent = [("sent", config.sent_after_s)]
    if kind == "reaction":  # Meta tells no more of a reaction.
        return sent
    opened = [] if config.read_after_s is None else [("read", config.read_after_s)]
    return [*sent, ("delivered", config.delivered_after_s), *opened]


def _nobody_hears(_: int) -> None:
    """Let the attempts of a status pass unheard: a phone shows only what its owner wrote."""
