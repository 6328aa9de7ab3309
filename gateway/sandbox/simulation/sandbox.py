"""Core of the stand-in for Meta: accepts messages, sends statuses, and lets customers write."""

import asyncio
from collections.abc import Callable

import httpx
import orjson

from gateway.sandbox.config import AppConfig, Config, Number
from gateway.sandbox.errors import NOT_LISTED, RECIPIENT_IS_SENDER, Refusal, code_of
from gateway.sandbox.media_files import MediaFiles
from gateway.sandbox.simulation import webhook_payloads
from gateway.sandbox.simulation.account import AppSetup, Handshakes
from gateway.sandbox.simulation.apps import Apps, SimulatedApp
from gateway.sandbox.simulation.customers import CustomerPhones, Customers, SimulatedPerson
from gateway.sandbox.simulation.faults import ON_REQUEST, Faults
from gateway.sandbox.simulation.first_handshake import FirstHandshake
from gateway.sandbox.simulation.message_statuses import FollowedMessage, StatusReports
from gateway.sandbox.simulation.policy import Breach, Policy, ThroughputLimits
from gateway.sandbox.simulation.tokens import Token
from gateway.sandbox.simulation.traffic import AcceptedMessage, Log, Paces
from gateway.sandbox.simulation.webhook_delivery import Webhooks
from gateway.sandbox.simulation.webhook_payloads import build_content
from gateway.sandbox.wire import GROUP, Json, new_wamid, phone_digits

Clock = Callable[[], float]
_NOT_LISTED = Refusal(NOT_LISTED, "The recipient is not on the list of this test number.")
_TO_ONESELF = Refusal(RECIPIENT_IS_SENDER, "The recipient is the sending number itself.")


class Sandbox:
    """State of the stand-in; lives in one event loop."""

    def __init__(
        self, config: Config, clock: Clock, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """Start with no messages, no customers and no faults."""
        self.config = config
        self._clock, self.ahead_s = clock, config.clock_ahead_s
        self.foreign_tokens: set[str] = set()  # Of apps that are not here.
        self.faults = Faults()
        self.limits = ThroughputLimits(config.messages_per_second)
        self.policy = Policy(config)
        self.customers = Customers(with_user_ids=config.user_ids)
        self.phones = CustomerPhones()
        self.media = MediaFiles()
        self.log = Log(config.log_max)
        self.handshakes = Handshakes(config.webhook_timeout_s, transport)
        self.apps = Apps(self._app(one, transport) for one in config.apps)
        self._numbers = {number.id: number for one in config.apps for number in one.numbers}
        self.paces = Paces(self._numbers)
        self.first_handshake = (
            FirstHandshake(self.apps.first.setup, config.verify_token)
            if config.verify_token
            else None
        )
        self._shaking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin the first handshake, if there is to be one."""
        if self.first_handshake:
            self._shaking = asyncio.create_task(self.first_handshake.run(self.handshakes))

    def clock(self) -> float:
        """Return the time by the sandbox's clock, which may be ahead."""
        return self._clock() + self.ahead_s

    def move_clock(self, ahead_s: float) -> None:
        """Move the clock, and say so on every phone that is looked at."""
        self.ahead_s = ahead_s
        self.phones.show_everywhere("clock")

    def number(self, number_id: str) -> Number | None:
        """Return a number by its id; with `any_number` every other id is the first app's."""
        if number := self._numbers.get(number_id):
            return number
        is_ours = self.config.any_number and number_id.isascii() and number_id.isdigit()
        return Number(number_id, number_id) if is_ours else None

    def take(self, number: Number, body: Json, raw: bytes) -> Json | Refusal:
        """Accept a checked message, or refuse it and count nothing against the limits."""
        name, now = _recipient(body), self.clock()
        person = _group(name) if _is_to_group(body) else self.customers.of(name)
        if person.phone == phone_digits(number.display):
            return _TO_ONESELF
        if self.config.recipients is not None and name not in self.config.recipients:
            return _NOT_LISTED
        breach = self.policy.breach(number.id, person, body, now)
        if breach is not None and breach.at_once:
            return breach.refusal
        if self.config.enforce_limits:
            refusal = self.limits.take(number.id, person.key, now)
            if refusal is not None:
                return refusal
        wamid = new_wamid()
        callback = body.get("biz_opaque_callback_data")
        message = AcceptedMessage(wamid, number.id, name, callback, orjson.Fragment(raw), now)
        self._accept(number, message, person, body, breach)
        return _answer(body, name, person, wamid)

    def mark_read(self, body: Json) -> Json:
        """Show the blue ticks, and typing if requested, on the phone of the message's author."""
        if phone := self.phones.author_of(body["message_id"]):
            phone.show("read", message_id=body["message_id"])
            if "typing_indicator" in body:
                phone.show("typing")
        return {"success": True}

    def send_customer_message(self, customer: str, number: Number, params: Json) -> Json:
        """Let a customer write, tap or react; return the message, or raise WritingError."""
        person = self.customers.remember(customer)
        phone = self.phones.of(person.key)
        content = build_content(params, number, phone.last_message, self.media)
        phone.name = params.get("name", phone.name)
        message = self._message(person, content, params.get("age_s", 0))
        wamid: str = message["id"]
        self.phones.note_author(person.key, wamid)
        person.wrote_at[number.id] = now = self.clock()
        phone.show("written", id=wamid, number=number.id, message=message, at=now)
        self.limits.count_inbound(number.id, now)
        self.paces.of(number.id).count_inbound()
        change = webhook_payloads.message_change(number, person, phone.name, message)

        def on_attempt(http_status: int) -> None:
            phone.show("webhook", message_id=wamid, http_status=http_status)

        webhooks = self.apps.of_number(number.id).webhooks
        webhooks.owe(1, webhooks.send(change, on_attempt))
        return message

    def show_refusal(self, body: Json, refusal: Refusal) -> None:
        """Show on the phone of its recipient that a message was refused by a fault or a limit."""
        person = self.customers.of(_recipient(body))
        error = {"code": refusal.code, "title": code_of(refusal.code).title}
        self.phones.of(person.key).show("refused", body=body, at=self.clock(), **error)

    def show_lost_answer(self, answer: Json, body: Json) -> None:
        """Show on the phone of its recipient that the answer for a message is lost."""
        person = self.customers.of(_recipient(body))
        self.phones.of(person.key).show("lost", message_id=answer["messages"][0]["id"])

    def announce(self, person: SimulatedPerson, number: Number, system: Json) -> str:
        """Send a system message about a customer's change; return the message's id."""
        message = self._message(person, {"type": "system", "system": system})
        self.post_update(number, webhook_payloads.system_change(number, message))
        wamid: str = message["id"]
        return wamid

    def post_template_update(self, app: SimulatedApp, change: Json) -> None:
        """Post news about a template to the app of its account."""
        app.webhooks.owe(1, app.webhooks.send(change, lambda _: None))

    def post_update(self, number: Number, change: Json) -> None:
        """Post an update about a number that no phone shows."""
        webhooks = self.apps.of_number(number.id).webhooks
        webhooks.owe(1, webhooks.send(change, lambda _: None))

    async def aclose(self) -> None:
        """Stop posting."""
        if self._shaking:
            self._shaking.cancel()
            await asyncio.gather(self._shaking, return_exceptions=True)
        for app in self.apps.all:
            await app.webhooks.aclose()
        await self.handshakes.aclose()

    def _app(self, app: AppConfig, transport: httpx.AsyncBaseTransport | None) -> SimulatedApp:
        setup, config = AppSetup.of(app), self.config
        webhooks = Webhooks(config, app, setup, self.faults, self.log.tally, transport)
        reports = StatusReports(config, self.clock, self.faults, webhooks)
        return SimulatedApp(app, Token(app.access_token), setup, webhooks, reports)

    def _message(self, person: SimulatedPerson, content: Json, age_s: float = 0) -> Json:
        stamp = {"id": new_wamid(), "timestamp": str(int(self.clock() - age_s))}
        return {**webhook_payloads.sender(person), **stamp, **content}

    def _accept(
        self,
        number: Number,
        message: AcceptedMessage,
        person: SimulatedPerson,
        body: Json,
        breach: Breach | None,
    ) -> None:
        self.log.accept(message)
        self.paces.of(number.id).accept(message.at)
        phone = self.phones.of(person.key)
        failure = self._failure(number, breach)
        shown = {"id": message.wamid, "number": number.id, "body": message.body, "at": message.at}
        if failure is None:
            phone.last_message = message.wamid
            phone.show("message", **shown)
        else:
            phone.show("failed", **shown, code=failure["code"], title=failure["title"])
        if self.config.statuses:
            kind, category = body.get("type", "text"), self.policy.category(body)
            followed = FollowedMessage(number, message, person, phone, kind, category, failure)
            self.apps.of_number(number.id).reports.follow(followed)

    def _failure(self, number: Number, breach: Breach | None) -> Json | None:
        if fault := self.faults.take("fail_status", number.id):
            return webhook_payloads.failure(fault.code, ON_REQUEST)
        if breach is not None:
            return webhook_payloads.failure(breach.refusal.code, breach.refusal.details)
        return None


def _is_to_group(body: Json) -> bool:
    return body.get("recipient_type") == GROUP


def _group(name: str) -> SimulatedPerson:
    return SimulatedPerson(name, phone=name, is_group=True)


def _recipient(body: Json) -> str:
    if _is_to_group(body):
        return str(body["to"])
    if to := body.get("to"):
        return phone_digits(to) or ""
    return str(body["recipient"])


def _answer(body: Json, name: str, person: SimulatedPerson, wamid: str) -> Json:
    contact = {
        "input": body.get("to") or name,
        **webhook_payloads.identity_fields("wa_id", "user_id", person),
    }
    if body.get("to"):
        contact["wa_id"] = name
    message = {"id": wamid}
    if body.get("type") == "template":
        message["message_status"] = "accepted"
    return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]}
