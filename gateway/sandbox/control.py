"""The sandbox's own endpoints: customers, faults and the judge's log."""

import math

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway.sandbox.config import Number
from gateway.sandbox.faults import FaultError
from gateway.sandbox.meta import Sandbox
from gateway.sandbox.reading import as_json, read_body
from gateway.sandbox.wire import Json, customer_id
from gateway.sandbox.writing import WritingError

WAIT_MAX_S = 60.0


class ControlError(ValueError):
    """A request to the sandbox itself is wrong; the message is one sentence."""


class Control:
    """Everything under `/sandbox`."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Serve one sandbox."""
        self._sandbox = sandbox

    async def write(self, request: Request) -> Response:
        """Let a customer write, tap or react."""
        wish = await _object(request)
        customer = _customer(request)
        if not isinstance(wish.get("name", "-"), str):
            raise ControlError("name must be a string.")
        return as_json({"id": self._sandbox.say(customer, self._number(wish), wish)})

    async def events(self, request: Request) -> Response:
        """Give what a customer's phone shows, waiting a while for something new if asked."""
        phone = self._sandbox.phones.of(_customer(request))
        wait_s = min(_query(request, "wait"), WAIT_MAX_S)
        return as_json(await phone.wait_after(int(_query(request, "after")), wait_s))

    async def show_faults(self, _: Request) -> Response:
        """Show the armed faults."""
        return as_json(self._sandbox.faults.show())

    async def arm_faults(self, request: Request) -> Response:
        """Arm faults and show all."""
        self._sandbox.faults.arm(await _object(request))
        return as_json(self._sandbox.faults.show())

    async def clear_faults(self, _: Request) -> Response:
        """Disarm all faults."""
        self._sandbox.faults.clear()
        return as_json({})

    async def show_log(self, _: Request) -> Response:
        """Show the judge's log."""
        return as_json(self._sandbox.log.show())

    async def clear_log(self, _: Request) -> Response:
        """Begin a new log."""
        self._sandbox.log.clear()
        return as_json({})

    async def health(self, _: Request) -> Response:
        """Say that the sandbox is up."""
        return as_json({"status": "ok"})

    def _number(self, wish: Json) -> Number:
        wanted = wish.get("number", self._sandbox.config.numbers[0].id)
        number = self._sandbox.numbers.get(wanted) if isinstance(wanted, str) else None
        if number is None:
            raise ControlError("number must be the id of a phone number of this sandbox.")
        return number


async def refuse(_: Request, error: Exception) -> Response:
    """Answer 400 with the sentence of an error that the caller made."""
    return as_json({"error": str(error)}, 400)


REFUSED = (ControlError, FaultError, WritingError)


async def _object(request: Request) -> Json:
    try:
        found = orjson.loads(await read_body(request))
    except orjson.JSONDecodeError:
        raise ControlError("The body must be JSON.") from None
    if not isinstance(found, dict):
        raise ControlError("The body must be a JSON object.")
    return found


def _customer(request: Request) -> str:
    customer = customer_id(request.path_params["customer"])
    if customer is None:
        raise ControlError("The customer must be a phone number or a user id.")
    return customer


def _query(request: Request, name: str) -> float:
    try:
        value = float(request.query_params.get(name, "0"))
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise ControlError(f"{name} must be a number, 0 or more.")
    return value
