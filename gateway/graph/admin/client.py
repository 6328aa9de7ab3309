"""Client of Meta's administration: reads and sets up an app, its WhatsApp account and numbers."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import Any, Self
from urllib.parse import quote

from gateway.accounts.account import GraphCredentials
from gateway.graph.admin import models as facts
from gateway.graph.admin.errors import SetupError
from gateway.graph.admin.request import Caller, Json
from gateway.graph.messages import appsecret_proof

_NUMBER_FIELDS = (
    "id", "display_phone_number", "verified_name", "quality_rating", "status",
    "code_verification_status", "name_status", "account_mode", "platform_type", "throughput",
    "whatsapp_business_manager_messaging_limit", "webhook_configuration", "health_status",
)  # fmt: skip
_TEMPLATE_FIELDS = ("name", "language", "status")
_PAGES_MAX = 20


class AdminClient:
    """Meta's administration for one app and one token; not to be shared by threads.

    Every method raises SetupError, and calls Meta once unless its docstring says otherwise.
    """

    def __init__(
        self,
        base_url: str,
        version: str,
        *,
        app_id: str = "",
        app_secret: str = "",
        token: str = "",
        total_s: float = 10,
        proof_secret: bytes = b"",
    ) -> None:
        """Take the credentials known so far; a call that lacks one fails at Meta with an error.

        `proof_secret` is the app secret of which a proof goes with each call of the token, b"" if
        the app does not ask for one.
        """
        self._app_id = app_id
        self._app_token = f"{app_id}|{app_secret}"
        self._token = token
        proof = ""
        if proof_secret:
            proof = appsecret_proof(GraphCredentials(token, version, proof_secret))
        hidden = (app_secret, self._app_token, token)
        self._caller = Caller(base_url, version, total_s, hidden, proof)

    def __enter__(self) -> Self:
        """Return itself; leaving the context closes the connection."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self._caller.close()

    def app(self) -> facts.AppInfo:
        """Return the app; success proves that the secret belongs to it."""
        query = {"fields": "id,name"}
        return facts.app_info(
            self._caller.call("GET", _node(self._app_id), self._app_token, query=query)
        )

    def token_info(self) -> facts.TokenInfo:
        """Return information about the token; an invalid one is reported in it, and is no error."""
        query = {"input_token": self._token}
        answer = self._caller.call("GET", "debug_token", self._app_token, query=query)
        data = answer.get("data")
        return facts.token_info(data if isinstance(data, dict) else {})

    def number(self, phone_number_id: str) -> facts.NumberInfo:
        """Return one phone number; asks again without each field that this version lacks."""
        return facts.number_info(self._with_fields(_node(phone_number_id), _NUMBER_FIELDS, {}))

    def numbers(self, waba_id: str) -> tuple[facts.NumberInfo, ...]:
        """Return all phone numbers of an account, one request per page."""
        rows = self._pages(f"{_node(waba_id)}/phone_numbers", _NUMBER_FIELDS)
        return tuple(facts.number_info(one) for one in rows)

    def templates(self, waba_id: str, name: str) -> tuple[facts.TemplateInfo, ...]:
        """Return an account's template of this name in each language, one request per page."""
        rows = self._pages(f"{_node(waba_id)}/message_templates", _TEMPLATE_FIELDS, {"name": name})
        # Meta also finds templates whose names contain this one.
        return tuple(one for one in map(facts.template_info, rows) if one.name == name)

    def subscribed_apps(self, waba_id: str) -> tuple[facts.SubscribedApp, ...]:
        """Return the apps that receive an account's webhooks."""
        answer = self._caller.call("GET", _subscribed_apps_path(waba_id), self._token)
        return tuple(facts.subscribed_app(one) for one in _rows(answer))

    def subscribe(self, waba_id: str) -> None:
        """Subscribe the token's app to an account's webhooks.

        This removes an override of the account, so read `subscribed_apps` first.
        """
        _require_success(self._caller.call("POST", _subscribed_apps_path(waba_id), self._token))

    def unsubscribe(self, waba_id: str) -> None:
        """Unsubscribe the token's app from an account's webhooks."""
        _require_success(self._caller.call("DELETE", _subscribed_apps_path(waba_id), self._token))

    def callbacks(self) -> tuple[facts.AppCallback, ...]:
        """Return the app's own callbacks, one for each kind of object."""
        path = f"{_node(self._app_id)}/subscriptions"
        return tuple(
            map(facts.app_callback, _rows(self._caller.call("GET", path, self._app_token)))
        )

    def set_callback(self, uri: str, verify_token: str, fields: Sequence[str]) -> None:
        """Set the app's callback for WhatsApp; Meta asks it for the handshake before it answers."""
        body = {
            "object": facts.WHATSAPP,
            "callback_url": uri,
            "verify_token": verify_token,
            "fields": ",".join(fields),
        }
        path = f"{_node(self._app_id)}/subscriptions"
        _require_success(
            self._caller.call("POST", path, self._app_token, body=body, hide=(verify_token,))
        )

    def clear_callback(self) -> None:
        """Remove the app's callback for WhatsApp, if it has one."""
        path, query = f"{_node(self._app_id)}/subscriptions", {"object": facts.WHATSAPP}
        _require_success(self._caller.call("DELETE", path, self._app_token, query=query))

    def set_override(self, phone_number_id: str, uri: str, verify_token: str) -> None:
        """Set a number's own callback; Meta asks it for the handshake before it answers."""
        self._configure_webhook(phone_number_id, uri, verify_token)

    def clear_override(self, phone_number_id: str) -> None:
        """Remove a number's own callback, if any: its webhooks then go where the account's go."""
        self._configure_webhook(phone_number_id, "", "")

    def _configure_webhook(self, phone_number_id: str, uri: str, verify_token: str) -> None:
        configuration = {"override_callback_uri": uri}
        if uri:
            configuration["verify_token"] = verify_token
        body = {"webhook_configuration": configuration}
        path, hide = _node(phone_number_id), (verify_token,)
        _require_success(self._caller.call("POST", path, self._token, body=body, hide=hide))

    def _pages(
        self, path: str, fields: Sequence[str], query: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator[Json]:
        """Yield the rows of all pages; Meta's URL of the next page, token included, is unused."""
        after: dict[str, str] = {}
        for _ in range(_PAGES_MAX):
            answer = self._with_fields(path, fields, {**query, **after})
            yield from _rows(answer)
            paging = answer.get("paging")
            cursor = _next_cursor(paging) if isinstance(paging, dict) else ""
            if not cursor:
                return
            after = {"after": cursor}

    def _with_fields(self, path: str, wanted: Sequence[str], query: dict[str, str]) -> Json:
        fields = list(wanted)
        while True:
            params = query | {"fields": ",".join(fields)}
            try:
                return self._caller.call("GET", path, self._token, query=params)
            except SetupError as error:
                if error.field not in fields:
                    raise
                fields.remove(error.field)


def _node(id_: str) -> str:
    return quote(id_, safe="")


def _subscribed_apps_path(waba_id: str) -> str:
    return f"{_node(waba_id)}/subscribed_apps"


def _rows(answer: Json) -> list[Json]:
    data = answer.get("data")
    return [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []


def _next_cursor(paging: dict[str, Any]) -> str:
    cursors = paging.get("cursors")
    after = cursors.get("after") if "next" in paging and isinstance(cursors, dict) else ""
    return after if isinstance(after, str) else ""


def _require_success(answer: Json) -> None:
    if answer.get("success") not in (True, "true"):
        raise SetupError(
            "Meta did not say that it is done: look at the app's page before going on."
        )
