"""Endpoints through which customers act: they write, are renamed, and stop marketing."""

from starlette.requests import Request
from starlette.responses import Response

from gateway.sandbox.simulation import webhook_payloads
from gateway.sandbox.simulation.customer_messages import (
    ControlError,
    find_number,
    path_customer,
    query_number,
    read_params,
    requested_number,
)
from gateway.sandbox.simulation.customers import SimulatedPerson
from gateway.sandbox.simulation.policy import window_left_s
from gateway.sandbox.simulation.sandbox import Sandbox
from gateway.sandbox.wire import Json, as_json, is_user_id, phone_digits

WAIT_MAX_S = 60.0


class CustomerActions:
    """Everything under `/sandbox/customers/{customer}`."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Serve one sandbox."""
        self._sandbox = sandbox

    async def write(self, request: Request) -> Response:
        """Let a customer write, tap or react; answer with the message as the webhook has it."""
        params = await read_params(request)
        customer = path_customer(request)
        if not isinstance(params.get("name", "-"), str):
            raise ControlError("name must be a string.")
        number = requested_number(self._sandbox, params)
        message = self._sandbox.send_customer_message(customer, number, params)
        return as_json({"id": message["id"], "message": message})

    async def events(self, request: Request) -> Response:
        """Return what a customer's phone shows, on request after waiting a while for new events."""
        person = self._sandbox.customers.of(path_customer(request))
        wait_s = min(query_number(request, "wait"), WAIT_MAX_S)
        after = int(query_number(request, "after"))
        return as_json(await self._sandbox.phones.of(person.key).wait_after(after, wait_s))

    async def set_identity(self, request: Request) -> Response:
        """Set the names by which a customer is known, without notice to the business."""
        params = await read_params(request, "phone", "user_id", "username", "hides_phone")
        names, person = _names(params), self._person(request)
        hides, username = params.get("hides_phone", person.hides_phone), params.get("username", "")
        if not isinstance(hides, bool) or not isinstance(username, str):
            raise ControlError("username must be a string, and hides_phone true or false.")
        if hides and not (names.get("user_id") or person.user_id):
            raise ControlError("Whoever hides the phone number needs a user_id.")
        self._sandbox.customers.rename(person, **names)
        person.hides_phone, person.username = hides, username or person.username
        return as_json(_identity_json(person))

    async def change_identity(self, request: Request) -> Response:
        """Change a customer's phone number or user id, and notify the business as Meta does."""
        params = await read_params(request, "phone", "user_id", "number")
        names, person = _names(params), self._person(request)
        if not names:
            raise ControlError("Give the new phone or the new user_id.")
        number = requested_number(self._sandbox, params)
        system = _change_message(person, self._sandbox.phones.of(person.key).name, **names)
        wamid = self._sandbox.announce(person, number, system)
        self._sandbox.customers.rename(person, **names)
        return as_json({"id": wamid, **_identity_json(person)})

    async def show_window(self, request: Request) -> Response:
        """Show how long ago a customer wrote last, and for how long the window is still open."""
        query, sandbox = request.query_params, self._sandbox
        number = find_number(sandbox, query.get("number", sandbox.config.numbers[0].id))
        person = sandbox.customers.of(path_customer(request))
        return as_json(_window_json(person, number.id, sandbox.clock()))

    async def set_last_written(self, request: Request) -> Response:
        """Set how long ago a customer wrote last, null for never; this window is enforced."""
        params = await read_params(request, "age_s", "number")
        number, age_s = requested_number(self._sandbox, params), params.get("age_s")
        if age_s is not None and (type(age_s) not in (int, float) or age_s < 0):
            raise ControlError("age_s must be a number of seconds, or null for never.")
        person, now = self._person(request), self._sandbox.clock()
        person.wrote_at.pop(number.id, None)
        if age_s is not None:
            person.wrote_at[number.id] = now - age_s
        person.set_windows.add(number.id)
        self._sandbox.phones.of(person.key).show("window")
        return as_json(_window_json(person, number.id, now))

    async def set_preference(self, request: Request) -> Response:
        """Let a customer stop or resume marketing messages, and notify the business."""
        params = await read_params(request, "marketing", "number")
        number, value = requested_number(self._sandbox, params), params.get("marketing")
        if value not in ("stop", "resume"):
            raise ControlError("marketing must be stop or resume.")
        person = self._person(request)
        (person.stopped.add if value == "stop" else person.stopped.discard)(number.id)
        name, now = self._sandbox.phones.of(person.key).name, self._sandbox.clock()
        self._sandbox.post_update(
            number, webhook_payloads.preference_change(number, person, name, value, now)
        )
        return as_json({"marketing": value})

    def _person(self, request: Request) -> SimulatedPerson:
        return self._sandbox.customers.remember(path_customer(request))


def _window_json(person: SimulatedPerson, number_id: str, now: float) -> Json:
    wrote_at, left_s = person.wrote_at.get(number_id), window_left_s(person, number_id, now)
    age_s = None if wrote_at is None else now - wrote_at
    return {"open": left_s > 0, "age_s": age_s, "closes_in_s": left_s}


def _names(params: Json) -> dict[str, str]:
    """Return the names in a request, each in its one form."""
    given = {}
    if "phone" in params:
        given["phone"] = phone_digits(params["phone"]) if isinstance(params["phone"], str) else None
    if "user_id" in params:
        user_id = params["user_id"]
        given["user_id"] = user_id if isinstance(user_id, str) and is_user_id(user_id) else None
    names = {key: name for key, name in given.items() if name}
    if len(names) != len(given):
        raise ControlError("phone must be a phone number, and user_id a user id.")
    return names


def _change_message(person: SimulatedPerson, name: str, phone: str = "", user_id: str = "") -> Json:
    """Return the system message of a change."""
    if phone:
        body = f"User {name} changed from {person.phone} to {phone}"
        message = {"body": body, "wa_id": phone, "type": "user_changed_number"}
    else:
        message = {"body": f"User {name} changed their user id", "type": "user_changed_user_id"}
    if user_id:
        message["user_id"] = user_id
    if user_id and person.user_id:
        message["previous_user_id"] = person.user_id
    return message


def _identity_json(person: SimulatedPerson) -> Json:
    names = {"phone": person.phone, "user_id": person.user_id, "username": person.username}
    return {**names, "hides_phone": person.hides_phone}
