"""Graph's endpoints for media: upload, look up, download and delete."""

from collections.abc import Awaitable, Callable
from email.parser import BytesParser

from starlette.requests import Request
from starlette.responses import Response

from gateway.sandbox.errors import INVALID, Refusal, no_such_object
from gateway.sandbox.graph_api.auth import Credentials
from gateway.sandbox.media_files import MediaFile
from gateway.sandbox.simulation.sandbox import Sandbox
from gateway.sandbox.simulation.tokens import MESSAGING
from gateway.sandbox.wire import Json, as_json, read_body

_NO_FILE = Refusal(INVALID, "", message="(#100) Param file must be a file.")
_NOT_WHATSAPP = Refusal(
    INVALID, "", message="(#100) Param messaging_product must be one of {WHATSAPP}."
)
_UNAUTHORIZED = 401
_NOT_FOUND = 404


class MediaApi:
    """`/{version}/{phone_number_id}/media`, `/{version}/{media_id}` and `/media/{media_id}`."""

    def __init__(
        self, sandbox: Sandbox, other_node: Callable[[Request], Awaitable[Response]]
    ) -> None:
        """Serve one sandbox; whoever asks for an id that is no medium gets `other_node`."""
        self._sandbox, self._other_node = sandbox, other_node
        self._credentials = Credentials(sandbox)

    async def upload(self, request: Request) -> Response:
        """Keep a file of a bot, and return its id."""
        raw = await read_body(request)
        refusal = self._credentials.version_refusal(request) or self._refusal(request)
        if refusal is None and self._sandbox.number(request.path_params["phone_number_id"]) is None:
            refusal = no_such_object("post", request.path_params["phone_number_id"])
        parts = _parts(request.headers.get("content-type", ""), raw)
        if refusal is None and parts.get("messaging_product") != ("text/plain", b"whatsapp"):
            refusal = _NOT_WHATSAPP
        if refusal is None and "file" not in parts:
            refusal = _NO_FILE
        if refusal is not None:
            return self._refuse(refusal)
        mime_type, content = parts["file"]
        named = parts.get("type", ("", b""))[1].decode(errors="replace")
        return as_json({"id": self._sandbox.media.add(named or mime_type, content).id})

    async def node(self, request: Request) -> Response:
        """Tell where a file can be downloaded, or delete it."""
        file = self._sandbox.media.find(request.path_params["node"])
        if file is None and request.method == "DELETE":
            return self._refuse(no_such_object("delete", request.path_params["node"]))
        if file is None:
            return await self._other_node(request)
        refusal = self._credentials.version_refusal(request) or self._refusal(request)
        if refusal is not None:
            return self._refuse(refusal)
        if request.method == "DELETE":
            self._sandbox.media.remove(file.id)
            return as_json({"success": True})
        return as_json(_describe(file, str(request.base_url)))

    async def download(self, request: Request) -> Response:
        """Send a file to whoever has the token."""
        file = self._sandbox.media.find(request.path_params["media_id"])
        if self._refusal(request) is not None:
            return Response(status_code=_UNAUTHORIZED)
        if file is None:
            return Response(status_code=_NOT_FOUND)
        return Response(file.content, media_type=file.mime_type)

    def _refusal(self, request: Request) -> Refusal | None:
        app = self._credentials.app_of_token(request, dict(request.query_params), MESSAGING)
        return app if isinstance(app, Refusal) else None

    def _refuse(self, refusal: Refusal) -> Response:
        self._sandbox.log.refuse(refusal, self._sandbox.clock())
        return as_json(refusal.body(), refusal.http_status)


def _describe(file: MediaFile, base_url: str) -> Json:
    return {
        "messaging_product": "whatsapp",
        "url": f"{base_url}media/{file.id}",
        "mime_type": file.mime_type,
        "sha256": file.sha256,
        "file_size": len(file.content),
        "id": file.id,
    }


def _parts(content_type: str, raw: bytes) -> dict[str, tuple[str, bytes]]:
    """Return the fields of a form with a file: of each its type and bytes."""
    head = f"content-type: {content_type}\r\n\r\n".encode("latin-1", errors="replace")
    form = BytesParser().parsebytes(head + raw)
    found = {}
    for part in form.walk():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            found[name] = (part.get_content_type(), content)
    return found
