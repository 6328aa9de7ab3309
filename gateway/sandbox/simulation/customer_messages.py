"""Parameters of requests to the sandbox itself, or the sentence that says what is wrong."""

import math
from urllib.parse import parse_qsl

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from gateway.sandbox.config import Number
from gateway.sandbox.fields import explain_error
from gateway.sandbox.simulation.sandbox import Sandbox
from gateway.sandbox.wire import Json, customer_id, read_body


class ControlError(ValueError):
    """A request to the sandbox itself is wrong; the message is one sentence."""


async def read_params(request: Request, *names: str) -> Json:
    """Return the object of a request; if names are given, it may have no others."""
    try:
        body = orjson.loads(await read_body(request))
    except orjson.JSONDecodeError:
        raise ControlError("The body must be JSON.") from None
    if not isinstance(body, dict):
        raise ControlError("The body must be a JSON object.")
    if names and not (body and set(body) <= set(names)):
        raise ControlError(f"Give {' or '.join(names)}, and nothing else.")
    return body


async def read_form(request: Request, form: type[BaseModel]) -> Json:
    """Return the fields of a form that a request sets; it may have no others."""
    given = await read_params(request, *form.model_fields)
    try:
        return form.model_validate(given).model_dump(exclude_unset=True)
    except ValidationError as error:
        raise ControlError(explain_error(form, error)) from None


async def read_graph_params(request: Request) -> Json:
    """Return the parameters of a Graph request: the query, then a form or JSON object over it."""
    raw = await read_body(request)
    given: Json = dict(request.query_params)
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        body = dict(parse_qsl(raw.decode(errors="replace")))
    return given | body if isinstance(body, dict) else given


def requested_number(sandbox: Sandbox, params: Json) -> Number:
    """Return the number that a request names, else the first."""
    return find_number(sandbox, params.get("number", sandbox.config.numbers[0].id))


def find_number(sandbox: Sandbox, wanted: object) -> Number:
    """Return one of our numbers by its id."""
    number = sandbox.number(wanted) if isinstance(wanted, str) else None
    if number is None:
        raise ControlError("number must be the id of a phone number of this sandbox.")
    return number


def path_customer(request: Request) -> str:
    """Return the phone number or user id in the path."""
    customer = customer_id(request.path_params["customer"])
    if customer is None:
        raise ControlError("The customer must be a phone number or a user id.")
    return customer


def query_number(request: Request, name: str) -> float:
    """Return a numeric parameter of the query, 0 if it is missing."""
    try:
        value = float(request.query_params.get(name, "0"))
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise ControlError(f"{name} must be a number, 0 or more.")
    return value
