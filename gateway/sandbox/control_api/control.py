"""The sandbox's own endpoints: faults, grants, set-up, and the log of the judge."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, Field, StrictFloat, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from gateway.sandbox.errors import CODES
from gateway.sandbox.fields import Count, Flag, Seconds, Text, Texts
from gateway.sandbox.simulation import webhook_payloads
from gateway.sandbox.simulation.apps import SimulatedApp
from gateway.sandbox.simulation.customer_messages import (
    ControlError,
    find_number,
    read_form,
    read_params,
)
from gateway.sandbox.simulation.sandbox import Sandbox
from gateway.sandbox.simulation.template_review import TemplateReview
from gateway.sandbox.simulation.tokens import TokenType
from gateway.sandbox.templates import CATEGORIES, TEMPLATES_FORM, USUAL, Templates, as_form, show
from gateway.sandbox.wire import as_json

_TEMPLATES: TypeAdapter[Templates] = TypeAdapter(Templates)


class TokenForm(BaseModel):
    """Changes to the token of an app, by default the first, and tokens of apps elsewhere."""

    access_token: Text = ""
    keeps_old: Flag = False
    revoked: Flag = False
    type: TokenType = Field("SYSTEM_USER", description="one of SYSTEM_USER, USER")
    expires_in_s: StrictFloat | None = Field(
        None, description="a number of seconds, or null for never"
    )
    scopes: Texts = ()
    of_another_app: Texts = ()
    app: Text = ""


class AccountForm(BaseModel):
    """Changes to an app, by default the first, and to its account."""

    callback: str = Field("", description="a web address, or empty for none")
    fields: Texts = ()
    subscribed: Flag = False
    other_apps: dict[str, Text] = Field({}, description="ids of apps, each with a name")
    app: Text = ""


class ReviewForm(BaseModel):
    """What Meta says of a template from now on, and the app that it tells, by default the first."""

    status: Text = ""
    quality: Text = ""
    category: Text = Field("", description=f"one of {', '.join(CATEGORIES)}")
    app: Text = ""


class BatchForm(BaseModel):
    """How many updates one webhook has at most; Meta sends up to 1,000."""

    batch_max: int = Field(1, strict=True, ge=1, le=1000, description="a number from 1 to 1000")


class ClockForm(BaseModel):
    """How many seconds the sandbox's clock is ahead."""

    ahead_s: Seconds = 0.0


class NumberForm(BaseModel):
    """Throughput of a number, and whether Meta announces it."""

    messages_per_second: Count
    announce: object = None


class Control:
    """Everything under `/sandbox` that no customer does."""

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
        """Replace the token, revoke or restore it, or change what kind of token it is."""
        sandbox, params = self._sandbox, await read_form(request, TokenForm)
        token = self._app(params).token
        if "access_token" in params:
            token.change(params["access_token"], keeps_old=params.get("keeps_old", False))
        if "expires_in_s" in params:
            lasts_s = params["expires_in_s"]
            token.expires_at = 0.0 if lasts_s is None else sandbox.clock() + lasts_s
        sandbox.foreign_tokens |= set(params.get("of_another_app", ()))
        for name in ("revoked", "type", "scopes"):
            setattr(token, name, params.get(name, getattr(token, name)))
        return as_json({"revoked": token.revoked})

    async def show_account(self, request: Request) -> Response:
        """Show the set-up of an app and its account."""
        return as_json(self._app(request.query_params).setup.show())

    async def set_account(self, request: Request) -> Response:
        """Set up an app or its account without the handshake, and show the set-up."""
        params = await read_form(request, AccountForm)
        account = self._app(params).setup
        params.pop("app", None)
        for name, value in params.items():
            setattr(account, name, value)
        return as_json(account.show())

    async def set_number(self, request: Request) -> Response:
        """Grant a number another throughput, and announce it if requested."""
        number = find_number(self._sandbox, request.path_params["phone_number_id"])
        params = await read_form(request, NumberForm)
        rate = params["messages_per_second"]
        self._sandbox.limits.grant(number.id, rate)
        if params.get("announce") is True:
            self._sandbox.post_update(number, webhook_payloads.throughput_change(number))
        return as_json({"id": number.id, "messages_per_second": rate})

    async def set_templates(self, request: Request) -> Response:
        """Set templates, with the status of each language, and show all that are set."""
        params = await read_params(request)
        try:
            self._sandbox.policy.templates.update(_TEMPLATES.validate_python(params))
        except ValidationError:
            raise ControlError(f"Give {TEMPLATES_FORM}.") from None
        return as_json(show(self._sandbox.policy.templates))

    async def review_template(self, request: Request) -> Response:
        """Change a template as Meta does by itself, and post its webhook."""
        name, language = (request.path_params[one] for one in ("name", "language"))
        form = self._sandbox.policy.templates.get(name)
        if form is None or language not in as_form(form).languages:
            raise ControlError("There is no such template in this language.")
        params = await read_form(request, ReviewForm)
        if params.get("category", USUAL).lower() not in CATEGORIES:
            raise ControlError(f"category must be one of {', '.join(CATEGORIES)}.")
        app, review = self._app(params), TemplateReview(self._sandbox)
        for field, change in (
            ("quality", review.set_quality),
            ("category", review.set_category),
            ("status", review.set_status),
        ):
            if field in params:
                change(app, name, language, params[field])
        return as_json(show(self._sandbox.policy.templates).get(name, {}))

    async def show_pace(self, _: Request) -> Response:
        """Show how many messages each number got through, second by second."""
        return as_json(self._sandbox.paces.show())

    async def clear_pace(self, _: Request) -> Response:
        """Start counting again."""
        self._sandbox.paces.clear()
        return as_json({})

    async def receive_notification(self, request: Request) -> Response:
        """Receive a notification in the operator's place, and show it with the customer's events.

        The customer does not get it; whoever plays them wants to see it. That of a campaign is
        about no customer, and is only received.
        """
        params = await read_params(request)
        if "campaign" in params:
            return as_json({})
        text, customer = (params.get(name) for name in ("text", "contact"))
        if not isinstance(text, str) or not isinstance(customer, str):
            raise ControlError("text and contact must be strings.")
        person = self._sandbox.customers.of(customer or str(params.get("user_id", "")))
        self._sandbox.phones.of(person.key).show("notification", text=text)
        return as_json({})

    async def show_log(self, _: Request) -> Response:
        """Show the judge's log."""
        return as_json(self._sandbox.log.show())

    async def clear_log(self, _: Request) -> Response:
        """Start a new log."""
        self._sandbox.log.clear()
        return as_json({})

    async def set_batch(self, request: Request) -> Response:
        """Set how many updates one webhook has at most, and show it."""
        most = (await read_form(request, BatchForm)).get("batch_max", 1)
        for app in self._sandbox.apps.all:
            app.webhooks.batch_max = most
        return as_json({"batch_max": most})

    async def show_clock(self, _: Request) -> Response:
        """Show how far the clock is ahead."""
        return as_json({"ahead_s": self._sandbox.ahead_s})

    async def set_clock(self, request: Request) -> Response:
        """Move the clock, and show it."""
        params = await read_form(request, ClockForm)
        if "ahead_s" not in params:
            raise ControlError("Give ahead_s.")
        self._sandbox.move_clock(params["ahead_s"])
        return as_json({"ahead_s": self._sandbox.ahead_s})

    async def health(self, _: Request) -> Response:
        """Answer that the sandbox is up."""
        return as_json({"status": "ok"})

    def _app(self, params: Mapping[str, Any]) -> SimulatedApp:
        """Return the app that a request names, else the first."""
        apps = self._sandbox.apps
        app = apps.named(params["app"]) if "app" in params else apps.first
        if app is None:
            raise ControlError("app must be the id of an app of this sandbox.")
        return app
