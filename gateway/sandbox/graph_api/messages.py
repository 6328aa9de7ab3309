"""Graph's endpoint for messages: trust no caller, check everything, then accept."""

import asyncio
import re

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gateway.sandbox.config import Number
from gateway.sandbox.errors import INVALID, UNKNOWN_PATH, Refusal, no_such_object
from gateway.sandbox.simulation.faults import ON_REQUEST
from gateway.sandbox.simulation.sandbox import Sandbox
from gateway.sandbox.simulation.tokens import MESSAGING
from gateway.sandbox.validation.message import check_message, is_read_mark
from gateway.sandbox.wire import Json, as_json, read_body

# The server puts the function that cuts the connection into the scope under this name.
CUT = "sandbox.cut"

_VERSION = re.compile(r"v\d+\.\d+")
_GATEWAY_PAGE = "<html><head><title>{0}</title></head><body><h1>Error {0}</h1></body></html>"


class GraphApi:
    """`POST /{version}/{phone_number_id}/messages`."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Serve one sandbox."""
        self._sandbox = sandbox

    async def messages(self, request: Request) -> Response:
        """Answer one request, late if the configuration or a fault says so."""
        raw = await read_body(request)
        verdict = self._judge(request, raw)
        delay_s = self._sandbox.config.answer_after_s
        if isinstance(verdict, Refusal):
            answer: Response = self._refuse(verdict)
        else:
            number, body = verdict
            if not is_read_mark(body) and (fault := self._sandbox.faults.take("slow", number.id)):
                delay_s += fault.seconds
            answer = await self._send(request, number, body, raw)
        if delay_s:
            await asyncio.sleep(delay_s)
        return answer

    def _judge(self, request: Request, raw: bytes) -> Refusal | tuple[Number, Json]:
        header, now = request.headers.get("authorization", ""), self._sandbox.clock()
        proof = request.query_params.get("appsecret_proof", "")
        app = self._sandbox.apps.caller(header, proof, now, MESSAGING)
        if isinstance(app, Refusal):
            return app
        if not _VERSION.fullmatch(request.path_params["version"]):
            return Refusal(UNKNOWN_PATH, "The path must begin with a version, such as v25.0.")
        wanted = request.path_params["phone_number_id"]
        number = self._sandbox.number(wanted)
        if number is None or self._sandbox.apps.of_number(number.id) is not app:
            return no_such_object("post", wanted)
        body = _decode(request, raw)
        if isinstance(body, Refusal):
            return body
        return check_message(body) or (number, body)

    async def _send(self, request: Request, number: Number, body: Json, raw: bytes) -> Response:
        if is_read_mark(body):
            return as_json(self._sandbox.mark_read(body))
        faults = self._sandbox.faults
        if broken := faults.take("http", number.id):
            return HTMLResponse(_GATEWAY_PAGE.format(broken.status), broken.status)
        if error := faults.take("error", number.id):
            return self._refuse_message(Refusal(error.code, ON_REQUEST, error.status), number, body)
        answer = self._sandbox.take(number, body, raw)
        if isinstance(answer, Refusal):
            return self._refuse_message(answer, number, body)
        if faults.take("lose"):
            self._sandbox.show_lost_answer(answer, body)
            await _cut_connection(request)
        return as_json(answer)

    def _refuse_message(self, refusal: Refusal, number: Number, body: Json) -> Response:
        self._sandbox.paces.of(number.id).refuse(refusal.code)
        self._sandbox.show_refusal(body, refusal)
        return self._refuse(refusal)

    def _refuse(self, refusal: Refusal) -> Response:
        self._sandbox.log.refuse(refusal, self._sandbox.clock())
        return as_json(refusal.body(), refusal.http_status)


def _decode(request: Request, raw: bytes) -> Json | Refusal:
    if not request.headers.get("content-type", "").startswith("application/json"):
        return Refusal(INVALID, "The content type must be application/json.")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return Refusal(INVALID, "The body is not JSON.")
    return body if isinstance(body, dict) else Refusal(INVALID, "The body must be a JSON object.")


async def _cut_connection(request: Request) -> None:
    abort = request.scope.get("extensions", {}).get(CUT, {}).get("abort")
    if abort is None:
        raise ConnectionAbortedError("This answer is lost on purpose.")
    abort()
    await request.receive()  # Returns once the connection is gone: no answer can slip out.
