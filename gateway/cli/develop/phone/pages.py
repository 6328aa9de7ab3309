"""Pages of the phone: what a person sees of the sandbox's customers, and what they do for them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from gateway.cli.develop.chat.customer_messages import InputError
from gateway.cli.develop.fault_words import PRESETS, read_fault
from gateway.cli.develop.phone.bubbles import PAGES
from gateway.cli.develop.phone.chat_log import ChatLine
from gateway.cli.develop.phone.customer_acts import build_request
from gateway.cli.develop.phone.dev_clock import ClockError, MovableClock
from gateway.cli.develop.phone.explanations import Explainer
from gateway.cli.develop.phone.exports import to_capture, to_curl, to_rule_test
from gateway.cli.develop.phone.live import LivePhones, parse_places
from gateway.core.messages.rendering import STYLESHEET
from gateway.sandbox.simulation.customer_messages import (
    ControlError,
    path_customer,
    read_params,
    requested_number,
)
from gateway.sandbox.simulation.sandbox import Sandbox
from gateway.sandbox.simulation.webhook_payloads import envelope, message_change
from gateway.sandbox.wire import as_json, customer_id, encode_escaped

FIRST_CUSTOMER = "351900000001"
CUSTOMERS_MAX = 8
_FILES = Path(__file__).parent / "files"
_PAGE = PAGES.get_template("page.html")
_MEDIA_TYPES = {"phone.js": "text/javascript", "icon.svg": "image/svg+xml"}
# Everything on the page is its own: no script in a text of a customer or a bot can run.
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class PhonePages:
    """Everything under `/phone`."""

    def __init__(self, sandbox: Sandbox, explainer: Explainer, clock: MovableClock) -> None:
        """Show the customers of a sandbox, why they were answered, and the clock."""
        self._sandbox, self._explainer, self._clock = sandbox, explainer, clock
        self._live = LivePhones(sandbox)
        self._explaining: set[asyncio.Task[None]] = set()

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        line = "/phone/customers/{customer}/lines/{line:int}"
        return [
            Route("/phone", self.show, methods=["GET"]),
            Route("/phone/live", self.stream, methods=["GET"]),
            Route("/phone/files/{name}", self.file, methods=["GET"]),
            Route("/phone/faults", self.arm, methods=["POST"]),
            Route("/phone/clock", self.move_clock, methods=["POST"]),
            Route("/phone/customers/{customer}/acts", self.act, methods=["POST"]),
            Route(f"{line}/curl", self.curl, methods=["GET"]),
            Route(f"{line}/test", self.rule_test, methods=["GET"]),
            Route(f"{line}/payload", self.payload, methods=["GET"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show the phones of the customers in the query, one beside the other."""
        page = _PAGE.render(
            customers=_customers(request) or [FIRST_CUSTOMER],
            numbers=self._sandbox.config.numbers,
            presets=PRESETS,
            handshake=self._handshake(),
        )
        return HTMLResponse(page, headers=HEADERS)

    async def stream(self, request: Request) -> Response:
        """Send what changes on the phones, from the last event on that the page knows."""
        last = request.headers.get("last-event-id", request.query_params.get("after", ""))
        events = self._live.stream(parse_places(last, _customers(request)))
        return StreamingResponse(events, media_type="text/event-stream", headers=HEADERS)

    async def file(self, request: Request) -> Response:
        """Send the stylesheet, the script or the icon."""
        name = request.path_params["name"]
        if name == "phone.css":
            css = f"{STYLESHEET}\n{(_FILES / name).read_text(encoding='utf-8')}"
            return Response(css, media_type="text/css", headers=HEADERS)
        if name not in _MEDIA_TYPES:
            raise HTTPException(404)
        return Response(
            (_FILES / name).read_bytes(), media_type=_MEDIA_TYPES[name], headers=HEADERS
        )

    async def arm(self, request: Request) -> Response:
        """Arm a fault, written as for `gateway sandbox`, with a seed if one is given."""
        params = await read_params(request, "fault", "probability", "times", "seed")
        self._sandbox.faults.arm(_fault(params))
        return as_json(self._sandbox.faults.show())

    async def move_clock(self, request: Request) -> Response:
        """Move the clocks of the sandbox and of the gateway so many seconds ahead."""
        ahead_s = (await read_params(request, "ahead_s"))["ahead_s"]
        if type(ahead_s) not in (int, float):
            raise ControlError("ahead_s must be a number of seconds.")
        try:
            await self._clock.move(ahead_s)
        except ClockError as error:
            raise ControlError(str(error)) from None
        self._sandbox.move_clock(ahead_s)
        return as_json({"ahead_s": ahead_s})

    async def act(self, request: Request) -> Response:
        """Let a customer write, and look for the reason of what follows."""
        fields, customer = await read_params(request), path_customer(request)
        number = requested_number(self._sandbox, fields)
        about = self._line(customer, fields["line"]) if "line" in fields else None
        try:
            wish = build_request(fields, about)
        except InputError as error:
            raise ControlError(str(error)) from None
        before = await self._explainer.prepare(customer)
        name = {"name": fields["name"]} if isinstance(fields.get("name"), str) else {}
        message = self._sandbox.send_customer_message(customer, number, wish | name)
        task = asyncio.create_task(self._explain(customer, message, before))
        self._explaining.add(task)
        task.add_done_callback(self._explaining.discard)
        return as_json({"id": message["id"]})

    async def curl(self, request: Request) -> Response:
        """Return the call that lets the customer write a message again."""
        customer, line = self._find_written(request)
        return PlainTextResponse(to_curl(str(request.base_url).rstrip("/"), customer, line))

    async def rule_test(self, request: Request) -> Response:
        """Return the test of a rule by a message and its replies."""
        customer, line = self._find_written(request)
        log = self._live.log(customer)
        first = next(one for one in log.lines if one.kind == "written")
        is_first = first.number == line.number and log.lines[0].number == 1
        found = log.find(line.number)
        replies = log.replies_to(found) if found else []
        return PlainTextResponse(to_rule_test(line, replies, is_first=is_first))

    async def payload(self, request: Request) -> Response:
        """Return the delivery of a message as a capture file, for `gateway replay`."""
        customer, line = self._find_written(request)
        person = self._sandbox.customers.of(customer)
        number = self._sandbox.number(line.business) or self._sandbox.config.numbers[0]
        name = self._sandbox.phones.of(person.key).name
        app = self._sandbox.apps.of_number(number.id).config
        body = envelope(app.waba_id, [message_change(number, person, name, dict(line.body))])
        headers = {"content-disposition": f'attachment; filename="message-{line.number}.jsonl"'}
        content = to_capture(line, encode_escaped(body))
        return Response(content, media_type="application/jsonl", headers=headers)

    async def _explain(self, customer: str, message: Mapping[str, Any], before: object) -> None:
        found = await self._explainer.explain(customer, message, before)
        if found is not None:
            phone = self._sandbox.phones.of(self._sandbox.customers.of(customer).key)
            phone.show("explanation", message_id=message["id"], **asdict(found))

    def _handshake(self) -> str:
        first = self._sandbox.first_handshake
        return first.state if first else ""

    def _line(self, customer: str, number: object) -> ChatLine:
        line = self._live.log(customer).find(number) if isinstance(number, int) else None
        if line is None:
            raise ControlError("This message is no longer on the phone.")
        return line

    def _find_written(self, request: Request) -> tuple[str, ChatLine]:
        """Return the customer and the message of theirs that the path names."""
        customer = path_customer(request)
        line = self._line(customer, request.path_params["line"])
        if line.kind != "written":
            raise ControlError("Choose a message that the customer wrote.")
        return customer, line


def _customers(request: Request) -> list[str]:
    """Return the customers of the query, each once."""
    found = [customer_id(one) for one in request.query_params.getlist("as")]
    if not all(found):
        raise ControlError("Write a customer as a phone number, such as +351900000001.")
    return list(dict.fromkeys(one for one in found if one))[:CUSTOMERS_MAX]


def _fault(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sandbox's request for a fault of the page's form."""
    name, wish = read_fault(str(params.get("fault", "")))
    wish |= {key: params[key] for key in ("probability", "times") if key in params}
    return {name: wish, **({"seed": params["seed"]} if "seed" in params else {})}
