"""The sandbox's own endpoints: what goes wrong, what is granted, and the judge's log."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from gateway.sandbox.config import CATEGORIES, is_templates
from gateway.sandbox.errors import CODES
from gateway.sandbox.simulation import webhook_payloads
from gateway.sandbox.simulation.customer_messages import ControlError, find_number, read_params
from gateway.sandbox.simulation.sandbox import Sandbox
from gateway.sandbox.simulation.tokens import TYPES
from gateway.sandbox.wire import Json, as_json

ParamRules: TypeAlias = Mapping[str, tuple[Callable[[object], bool], str]]


def check_params(params: Json, known: ParamRules) -> None:
    """Raise ControlError at the first value that is none."""
    for name, value in params.items():
        holds, wanted = known[name]
        if not holds(value):
            raise ControlError(f"{name} must be {wanted}.")


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_seconds(value: object) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _is_names(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


_FLAG = (_is_flag, "true or false")
_TEXTS = (_is_texts, "a list of strings that are not empty")

TOKEN: ParamRules = {
    "access_token": (_is_text, "a string that is not empty"),
    "revoked": _FLAG,
    "type": (lambda value: value in TYPES, f"one of {', '.join(TYPES)}"),
    "expires_in_s": (_is_seconds, "a number of seconds, or null for never"),
    "scopes": _TEXTS,
    "of_another_app": _TEXTS,
}
ACCOUNT: ParamRules = {
    "callback": (lambda value: isinstance(value, str), "a web address, or empty for none"),
    "fields": _TEXTS,
    "subscribed": _FLAG,
    "other_apps": (_is_names, "ids of apps, each with a name"),
}


class Control:
    """Everything under `/sandbox` that is no customer's doing."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Serve one sandbox."""
        self._sandbox = sandbox

    async def show_faults(self, _: Request) -> Response:
        """Show the armed faults."""
        return as_json(self._sandbox.faults.show())

    async def arm_faults(self, request: Request) -> Response:
        """Arm faults and show all."""
        self._sandbox.faults.arm(await read_params(request))
        return as_json(self._sandbox.faults.show())

    async def clear_faults(self, _: Request) -> Response:
        """Disarm all faults."""
        self._sandbox.faults.clear()
        return as_json({})

    async def show_codes(self, _: Request) -> Response:
        """Show the table of Meta's codes."""
        return as_json({str(code): asdict(known) for code, known in CODES.items()})

    async def set_token(self, request: Request) -> Response:
        """Accept another token, refuse the accepted one, or say what kind of token it is."""
        sandbox, params = self._sandbox, await read_params(request, *TOKEN)
        token = sandbox.token
        check_params(params, TOKEN)
        if "access_token" in params:
            token.change(params["access_token"])
        if "expires_in_s" in params:
            lasts_s = params["expires_in_s"]
            token.expires_at = 0.0 if lasts_s is None else sandbox.clock() + lasts_s
        sandbox.foreign_tokens |= set(params.get("of_another_app", ()))
        for name in ("revoked", "type", "scopes"):
            setattr(token, name, params.get(name, getattr(token, name)))
        return as_json({"revoked": token.revoked})

    async def show_account(self, _: Request) -> Response:
        """Show how the app and its account are set up."""
        return as_json(self._sandbox.account.show())

    async def set_account(self, request: Request) -> Response:
        """Set up the app or its account without the handshake, and show how they are."""
        params, account = await read_params(request, *ACCOUNT), self._sandbox.account
        check_params(params, ACCOUNT)
        for name, value in params.items():
            setattr(account, name, tuple(value) if name == "fields" else value)
        return as_json(account.show())

    async def set_number(self, request: Request) -> Response:
        """Grant a number another throughput, and announce it if asked."""
        number = find_number(self._sandbox, request.path_params["phone_number_id"])
        params = await read_params(request, "messages_per_second", "announce")
        rate = params.get("messages_per_second")
        if type(rate) is not int or rate < 1:
            raise ControlError("messages_per_second must be a whole number, 1 or more.")
        self._sandbox.limits.grant(number.id, rate)
        if params.get("announce") is True:
            self._sandbox.post_update(webhook_payloads.throughput_change(number))
        return as_json({"id": number.id, "messages_per_second": rate})

    async def set_templates(self, request: Request) -> Response:
        """Name the categories of templates, and show all that are named."""
        params = await read_params(request)
        if not is_templates(params):
            raise ControlError(f"Give names of templates, each with {', '.join(CATEGORIES)}.")
        self._sandbox.policy.templates.update(params)
        return as_json(self._sandbox.policy.templates)

    async def show_pace(self, _: Request) -> Response:
        """Show how many messages each number got through, second by second."""
        return as_json(self._sandbox.paces.show())

    async def clear_pace(self, _: Request) -> Response:
        """Count anew."""
        self._sandbox.paces.clear()
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
