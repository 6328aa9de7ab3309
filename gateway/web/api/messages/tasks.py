"""Tasks: what became of a message in Celery's words, and the addresses of the usual recipe."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.core.api.recipe import locate_in_recipe, read_recipe
from gateway.store.api.message_status import ended_at, view_task
from gateway.web.api.descriptions import RECIPE, TASK
from gateway.web.api.json_body import json_response, read_object
from gateway.web.api.messages.routes import MessageLookup
from gateway.web.api.messages.sending import TASKS, MessageSending, read_idempotency_key
from gateway.web.api.problems import ApiError
from gateway.web.api.server.query import check_query

RECIPE_SEND, RECIPE_TASKS = "/send-message", "/tasks"


@dataclass(frozen=True, slots=True)
class TaskRoutes:
    """Addresses of tasks."""

    sending: MessageSending
    lookup: MessageLookup
    results: timedelta  # how long the result of a task can be asked for

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["tasks"])
        for path in (f"{TASKS}/{{task_id}}", f"{RECIPE_TASKS}/{{task_id}}"):
            asks = TASK | {"summary": "Ask for the result of a task"}
            router.add_api_route(path, self.show, methods=["GET"], **asks)
        sends = RECIPE | {"summary": "Send as the usual recipe does"}
        router.add_api_route(RECIPE_SEND, self.send, methods=["POST"], **sends)
        return router

    async def show(self, request: Request, task_id: str) -> Response:
        """Answer with status and result, until the result is too old."""
        check_query(request)
        send = (await self.lookup.find_task(request.state.key, task_id)).send
        ended = ended_at(send)
        if ended is not None and datetime.now(UTC) - ended > self.results:
            raise ApiError("not-found", "The result is no longer kept (GATEWAY_RESULTS).")
        return json_response(view_task(send))

    async def send(self, request: Request) -> Response:
        """Take phone_number and message, which is Meta's inner object; a template unless typed."""
        check_query(request)
        asked = await read_object(request)
        fields = read_recipe(asked)
        if not isinstance(fields, Mapping):
            raise ApiError("invalid", errors=fields)
        given = read_idempotency_key(request)
        try:
            accepted = await self.sending.accept(request.state.key, fields, given, RECIPE_SEND)
        except ApiError as error:
            error.errors = tuple(locate_in_recipe(error.errors, asked))
            raise
        status = f"{RECIPE_TASKS}/{accepted.id}"
        return json_response({"status": "queued", "task_id": accepted.id, "check_status": status})
