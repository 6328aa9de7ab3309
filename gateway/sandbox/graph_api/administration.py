"""Graph's endpoints for set-up: token inspection, numbers, callbacks and subscriptions."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from gateway.sandbox.config import Number
from gateway.sandbox.errors import INVALID, Refusal
from gateway.sandbox.graph_api.auth import Credentials
from gateway.sandbox.graph_api.node_fields import no_such_node, split_fields, unknown_field
from gateway.sandbox.graph_api.templates import TemplateApi
from gateway.sandbox.simulation.account import AppSetup
from gateway.sandbox.simulation.apps import SimulatedApp
from gateway.sandbox.simulation.customer_messages import read_graph_params
from gateway.sandbox.simulation.sandbox import Sandbox
from gateway.sandbox.simulation.tokens import MANAGEMENT
from gateway.sandbox.wire import Json, as_json

_Read = Callable[[Number, AppSetup], object]
_USUAL = ("verified_name", "code_verification_status", "display_phone_number", "quality_rating")


# https://developers.facebook.com/documentation/business-messaging/whatsapp/support/health-status
_ENTITIES = ("PHONE_NUMBER", "WABA", "BUSINESS", "APP")
_HEALTH: Json = {
    "can_send_message": "AVAILABLE",
    "entities": [{"entity_type": one, "can_send_message": "AVAILABLE"} for one in _ENTITIES],
}


def _callbacks(number: Number, account: AppSetup) -> Json:
    callbacks = {
        "phone_number": account.number_overrides.get(number.id, ""),
        "whatsapp_business_account": account.override,
        "application": account.callback,
    }
    return {level: uri for level, uri in callbacks.items() if uri}


_FIELDS: dict[str, _Read] = {
    "verified_name": lambda _, __: "Sandbox",
    "code_verification_status": lambda _, __: "VERIFIED",
    "display_phone_number": lambda number, _: number.display,
    "quality_rating": lambda _, __: "GREEN",
    "status": lambda _, __: "CONNECTED",
    "name_status": lambda _, __: "APPROVED",
    "account_mode": lambda _, __: "SANDBOX",
    "platform_type": lambda _, __: "CLOUD_API",
    "throughput": lambda _, __: {"level": "STANDARD"},
    "whatsapp_business_manager_messaging_limit": lambda _, account: account.messaging_limit,
    "webhook_configuration": _callbacks,
    "health_status": lambda _, __: _HEALTH,
}


def number_node(number: Number, account: AppSetup, fields: str) -> Json | Refusal:
    """Return the requested fields of a number, and always its id."""
    names = split_fields(fields) or _USUAL
    for name in names:
        if name not in _FIELDS and name != "id":
            return unknown_field(name)
    values = {name: _FIELDS[name](number, account) for name in names if name != "id"}
    return {**values, "id": number.id}


_WHATSAPP = "whatsapp_business_account"
_SUCCESS: Json = {"success": True}
_Handler = Callable[[Request, Json], Awaitable[Json | Refusal]]


class Administration:
    """`/{version}/debug_token`, `/{version}/{id}` and the paths below an id."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Serve one sandbox."""
        self._sandbox = sandbox
        self._credentials = Credentials(sandbox)
        self._templates = TemplateApi(sandbox, self._credentials)

    async def debug_token(self, request: Request) -> Response:
        """Describe one of its tokens to an app."""
        return await self._answer(request, self._debug_token)

    async def node(self, request: Request) -> Response:
        """Describe a number or an app, set a number's own callback, or edit a template."""
        act = self._set_number_callback if request.method == "POST" else self._describe_node
        if request.method == "POST" and self._templates.has(request.path_params["node"]):
            act = self._templates.edit
        return await self._answer(request, act)

    async def templates(self, request: Request) -> Response:
        """List the templates of an account page by page, create one, or delete one."""
        handlers = {"POST": self._templates.create, "DELETE": self._templates.delete}
        act = handlers.get(request.method, self._templates.list_some)
        return await self._answer(request, act)

    async def numbers(self, request: Request) -> Response:
        """List the numbers of an account."""
        return await self._answer(request, self._numbers)

    async def subscribed_apps(self, request: Request) -> Response:
        """List, add or remove the apps that get an account's webhooks."""
        handlers = {"POST": self._subscribe, "DELETE": self._unsubscribe}
        return await self._answer(request, handlers.get(request.method, self._list_subscribed))

    async def subscriptions(self, request: Request) -> Response:
        """List, set or remove the app's callback."""
        handlers = {"POST": self._set_callback, "DELETE": self._drop_callback}
        return await self._answer(request, handlers.get(request.method, self._callbacks))

    async def _answer(self, request: Request, act: _Handler) -> Response:
        params = await read_graph_params(request)
        result = self._credentials.version_refusal(request) or await act(request, params)
        if isinstance(result, Refusal):
            self._sandbox.log.refuse(result, self._sandbox.clock())
            return as_json(result.body(), result.http_status)
        return as_json(result)

    async def _debug_token(self, request: Request, params: Json) -> Json | Refusal:
        app = self._credentials.calling_app(request, params)
        return app if isinstance(app, Refusal) else self._credentials.inspect(app, params)

    async def _describe_node(self, request: Request, params: Json) -> Json | Refusal:
        if self._credentials.is_app(request, params):
            app = self._app(request, params)
            return app if isinstance(app, Refusal) else _app_node(app)
        found = self._number(request, params)
        if isinstance(found, Refusal):
            return found
        app, number = found
        return number_node(number, app.setup, str(params.get("fields", "")))

    async def _set_number_callback(self, request: Request, params: Json) -> Json | Refusal:
        found = self._number(request, params)
        if isinstance(found, Refusal):
            return found
        app, number = found
        configuration = params.get("webhook_configuration")
        if not isinstance(configuration, dict) or not isinstance(
            configuration.get("override_callback_uri"), str
        ):
            return Refusal(INVALID, "", message="(#100) Invalid parameter")
        uri = configuration["override_callback_uri"]
        if uri and (
            refusal := await self._override_refusal(app, uri, configuration.get("verify_token"))
        ):
            return refusal
        app.setup.number_overrides.pop(number.id, None)
        if uri:
            app.setup.number_overrides[number.id] = uri
        return _SUCCESS

    async def _numbers(self, request: Request, params: Json) -> Json | Refusal:
        app = self._credentials.app_of_token(request, params, MANAGEMENT)
        if isinstance(app, Refusal):
            return app
        numbers = app.config.accounts.get(request.path_params["node"])
        if numbers is None:
            return no_such_node(request)
        fields = str(params.get("fields", ""))
        nodes = [number_node(number, app.setup, fields) for number in numbers]
        return next((one for one in nodes if isinstance(one, Refusal)), {"data": nodes})

    async def _list_subscribed(self, request: Request, params: Json) -> Json | Refusal:
        app = self._credentials.app_of_account(request, params)
        if isinstance(app, Refusal):
            return app
        ours = {app.config.app_id: "Sandbox app"} if app.setup.subscribed else {}
        apps = ours | app.setup.other_apps
        return {"data": [_row(app, id_, name) for id_, name in apps.items()]}

    async def _subscribe(self, request: Request, params: Json) -> Json | Refusal:
        app = self._credentials.app_of_account(request, params)
        if isinstance(app, Refusal):
            return app
        uri = str(params.get("override_callback_uri", ""))
        if uri and (refusal := await self._override_refusal(app, uri, params.get("verify_token"))):
            return refusal
        app.setup.subscribed, app.setup.override = True, uri
        return _SUCCESS

    async def _unsubscribe(self, request: Request, params: Json) -> Json | Refusal:
        app = self._credentials.app_of_account(request, params)
        if isinstance(app, Refusal):
            return app
        app.setup.subscribed, app.setup.override = False, ""
        return _SUCCESS

    async def _callbacks(self, request: Request, params: Json) -> Json | Refusal:
        app = self._app(request, params)
        if isinstance(app, Refusal):
            return app
        row = {"object": _WHATSAPP, "callback_url": app.setup.callback, "active": True}
        fields = [{"name": name, "version": "v25.0"} for name in app.setup.fields]
        return {"data": [{**row, "fields": fields}] if app.setup.callback else []}

    async def _set_callback(self, request: Request, params: Json) -> Json | Refusal:
        app = self._app(request, params)
        if isinstance(app, Refusal):
            return app
        uri, fields = params.get("callback_url"), params.get("fields", "")
        names = fields if isinstance(fields, list) else str(fields).split(",")
        if params.get("object") != _WHATSAPP or not isinstance(uri, str) or not all(names):
            return Refusal(INVALID, "", message="(#100) Invalid parameter")
        if refusal := await self._sandbox.handshakes.refusal(uri, str(params.get("verify_token"))):
            return refusal
        app.setup.callback, app.setup.fields = uri, tuple(names)
        return _SUCCESS

    async def _drop_callback(self, request: Request, params: Json) -> Json | Refusal:
        app = self._app(request, params)
        if isinstance(app, Refusal):
            return app
        app.setup.callback = ""
        return _SUCCESS

    async def _override_refusal(
        self, app: SimulatedApp, uri: str, verify_token: object
    ) -> Refusal | None:
        if not app.setup.is_listening:
            message = (
                "(#100) Before override the current callback uri, your app must be subscribed to "
                "receive messages for WhatsApp Business Account"
            )
            return Refusal(INVALID, "", message=message)
        return await self._sandbox.handshakes.refusal(uri, str(verify_token or ""))

    def _number(self, request: Request, params: Json) -> tuple[SimulatedApp, Number] | Refusal:
        app = self._credentials.app_of_token(request, params, MANAGEMENT)
        if isinstance(app, Refusal):
            return app
        node = request.path_params["node"]
        every = (one for numbers in app.config.accounts.values() for one in numbers)
        number = next((one for one in every if one.id == node), None)
        return (app, number) if number else no_such_node(request)

    def _app(self, request: Request, params: Json) -> SimulatedApp | Refusal:
        app = self._credentials.calling_app(request, params)
        if isinstance(app, Refusal) or app.config.app_id == request.path_params["node"]:
            return app
        return no_such_node(request)


def _app_node(app: SimulatedApp) -> Json:
    return {"id": app.config.app_id, "name": "Sandbox app"}


def _row(app: SimulatedApp, id_: str, name: str) -> Json:
    link = f"https://www.facebook.com/games/?app_id={id_}"
    row: Json = {"whatsapp_business_api_data": {"id": id_, "name": name, "link": link}}
    if id_ == app.config.app_id and app.setup.override:
        row["override_callback_uri"] = app.setup.override
    return row
