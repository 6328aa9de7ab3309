"""Addresses of Meta's form: messages, and what clients ask for at their start."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gateway.core.api.cloud_api.cloud_request import CloudRequest
from gateway.core.api.cloud_api.graph_error import SOMETHING_WENT_WRONG, GraphError
from gateway.core.sending.error_codes import INVALID_PARAMETER
from gateway.store.api.waiting.open_requests import OpenRequests
from gateway.store.redis.client import ScriptError, StoreUnavailableError
from gateway.web.api.json_body import json_response, read_object
from gateway.web.api.messages.cloud_api.lookups import CloudLookups
from gateway.web.api.messages.cloud_api.sending import LATER, CloudAnswer, CloudSending
from gateway.web.api.messages.sending import read_idempotency_key
from gateway.web.api.problems import ApiError
from gateway.web.api.server.graph_errors import CloudApiError, graph_response, to_graph_error

log = structlog.get_logger(__name__)

VERSION = "/v{major:int}.{minor:int}"
MESSAGE_ID = "gateway-message-id"  # header with the gateway's own id of a message
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class CloudRoutes:
    """Addresses that take and give what Meta's Cloud API does."""

    sending: CloudSending
    lookups: CloudLookups

    def routes(self) -> list[Route]:
        """Return the routes; the last takes every path that begins with a version of Graph."""
        node = f"{VERSION}/{{node}}"
        return [
            Route(f"{VERSION}/{{number}}/messages", _in_graphs_form(self.send), methods=["POST"]),
            *(
                Route(path, _in_graphs_form(endpoint), methods=["GET"])
                for path, endpoint in (
                    (f"{node}/message_templates", self.lookups.list_templates),
                    (f"{node}/phone_numbers", self.lookups.list_numbers),
                    (node, self.lookups.show_number),
                )
            ),
            Route(f"{VERSION}/{{path:path}}", _in_graphs_form(refuse_path), methods=_METHODS),
        ]

    async def send(self, request: Request) -> Response:
        """Answer once Meta has the message, or has refused it, or the time is over."""
        number, fields = request.path_params["number"], await read_object(request)
        asked, answer = await self.sending.send(
            request.state.key, number, fields, read_idempotency_key(request)
        )
        response = _answer(asked, answer)
        if not asked.is_mark:
            response.headers[MESSAGE_ID] = answer.send
        if answer.known is None:
            return response
        return ClosingResponse(response, request, answer, self.sending.requests)


class ClosingResponse(Response):
    """Answer that closes its request once it was given to a client that is still there."""

    def __init__(
        self, answer: Response, request: Request, about: CloudAnswer, requests: OpenRequests
    ) -> None:
        """Take the answer itself, and what is closed by it."""
        self.status_code, self.background = answer.status_code, None
        self.body, self.raw_headers = answer.body, answer.raw_headers
        self._request, self._about, self._requests = request, about, requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the answer, then close the request unless the client has hung up before."""
        # The gate gives the body once more, and what it gives would be taken for a sign of life.
        await self._request.body()
        has_left = await self._request.is_disconnected()
        await super().__call__(scope, receive, send)
        if not has_left and self._about.known:
            self._requests.close(self._about.number, self._about.send, self._about.known)


async def refuse_path(_: Request) -> Response:
    """Answer a path that is not served here as Graph answers one that it does not know."""
    raise CloudApiError(
        GraphError(INVALID_PARAMETER, title="Unknown path components, or an unsupported request")
    )


def _answer(asked: CloudRequest, answer: CloudAnswer) -> Response:
    """Return Meta's answer about a message or a mark."""
    if answer.error:
        is_later = answer.result.stage == "cancelled"
        return graph_response(answer.error, LATER if is_later else None)
    if asked.is_mark:
        return json_response({"success": True})
    result, recipient = answer.result, asked.message.recipient
    contact = {"input": asked.recipient}
    if recipient.wa_id:
        contact["wa_id"] = result.address.removeprefix("+") or recipient.wa_id
    else:
        contact["user_id"] = recipient.user_id
    message: dict[str, Any] = {"id": result.wamid}
    if result.message_status:
        message["message_status"] = result.message_status
    body = {"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]}
    return json_response(body)


def _in_graphs_form(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint whose errors have Graph's form."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except CloudApiError as error:
            return graph_response(error.error, error.headers)
        except ApiError as error:
            return graph_response(to_graph_error(error, request.method), error.headers)
        except StoreUnavailableError:
            return graph_response(to_graph_error(ApiError("unavailable"), request.method), LATER)
        except ScriptError as error:
            log.error("cloud_api_script_failed", error=str(error))
            return graph_response(GraphError(SOMETHING_WENT_WRONG))

    return answer
