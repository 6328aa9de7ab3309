"""Credentials of Graph's administration: the app's id and secret, or the access token."""

import hmac
import re

from starlette.requests import Request

from gateway.sandbox.errors import BAD_TOKEN, INVALID, UNKNOWN_PATH, Refusal, no_such_object
from gateway.sandbox.simulation.apps import SimulatedApp
from gateway.sandbox.simulation.sandbox import Sandbox
from gateway.sandbox.simulation.tokens import MANAGEMENT
from gateway.sandbox.wire import Json

_VERSION = re.compile(r"v\d+\.\d+")
_NEEDS_APP = 15
_OTHER_APP = "(#100) The App_id in the input_token did not match the Viewing App"


class Credentials:
    """Checks the Bearer of a request, or its parameter `access_token`."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Check for one sandbox."""
        self._apps, self._clock = sandbox.apps, sandbox.clock
        self._foreign = sandbox.foreign_tokens

    def version_refusal(self, request: Request) -> Refusal | None:
        """Refuse a path that does not begin with a version."""
        if _VERSION.fullmatch(request.path_params["version"]):
            return None
        return Refusal(UNKNOWN_PATH, "The path must begin with a version, such as v25.0.")

    def is_app(self, request: Request, params: Json) -> bool:
        """Return whether an app asks, whether or not it is the right one."""
        return "|" in _bearer(request, params)

    def calling_app(self, request: Request, params: Json) -> SimulatedApp | Refusal:
        """Return the app that calls with its secret; refuse any other caller."""
        id_, bar, secret = _bearer(request, params).partition("|")
        if not bar:
            message = "(#15) This method must be called with an app access_token."
            return Refusal(_NEEDS_APP, "", 400, message=message)
        app = self._apps.named(id_)
        if app is None:
            message = "Error validating application. Invalid application ID."
            return Refusal(BAD_TOKEN, "", 400, message=message)
        if not hmac.compare_digest(secret.encode(), app.config.app_secret.encode()):
            return Refusal(BAD_TOKEN, "", 400, message="Invalid OAuth access token signature.")
        return app

    def app_of_token(self, request: Request, params: Json, scope: str) -> SimulatedApp | Refusal:
        """Return the app of a caller with a token; refuse a token without this scope."""
        proof = str(params.get("appsecret_proof", ""))
        return self._apps.caller(f"Bearer {_bearer(request, params)}", proof, self._clock(), scope)

    def app_of_account(self, request: Request, params: Json) -> SimulatedApp | Refusal:
        """Return the app of a caller with a token, whose account the path names."""
        app = self.app_of_token(request, params, MANAGEMENT)
        if isinstance(app, Refusal) or app.config.waba_id == request.path_params["node"]:
            return app
        return no_such_object(request.method, request.path_params["node"])

    def inspect(self, app: SimulatedApp, params: Json) -> Json | Refusal:
        """Describe to the app the token that it asks about."""
        token = str(params.get("input_token", ""))
        owner = self._apps.of_token(token)
        if token in self._foreign or owner not in (None, app):
            return Refusal(INVALID, "", message=_OTHER_APP)
        if owner is None:
            error = {"code": BAD_TOKEN, "message": "Invalid OAuth access token."}
            return {"data": {"error": error, "is_valid": False, "scopes": []}}
        shown = app.token.show(self._clock(), app.config.waba_id)
        return {"data": {"app_id": app.config.app_id, "application": "Sandbox app", **shown}}


def _bearer(request: Request, params: Json) -> str:
    header = request.headers.get("authorization", "").removeprefix("Bearer ")
    return header or str(params.get("access_token", ""))
