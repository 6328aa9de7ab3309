"""Assets of the console: its stylesheet, its script, and htmx, each at an address with its hash."""

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

from gateway.core.messages.rendering import STYLESHEET
from gateway.web.console.page import ROOT, not_found

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
          "svg": "image/svg+xml"}  # fmt: skip
_FOREVER = {
    "cache-control": "public, max-age=31536000, immutable",
    "x-content-type-options": "nosniff",
}


def address(name: str) -> str:
    """Return the address of an asset; it changes with the content."""
    return f"{ROOT}/assets/{name}?{sha256(_contents()[name]).hexdigest()[:12]}"


async def show_asset(request: Request) -> Response:
    """Answer with an asset."""
    name = request.path_params["name"]
    if name not in _contents():
        raise not_found("There is no such file.")
    media_type = _TYPES[name.rpartition(".")[2]]
    return Response(_contents()[name], headers=_FOREVER, media_type=media_type)


@cache
def _contents() -> Mapping[str, bytes]:
    """Return every asset by name; read when the first is asked for."""
    folder = files(__package__) / "static"
    found = {one.name: one for one in (*folder.iterdir(), *(folder / "vendor").iterdir())}
    wanted = {name: one for name, one in found.items() if name.rpartition(".")[2] in _TYPES}
    contents = {name: one.read_bytes() for name, one in wanted.items()}
    return contents | {"chat.css": STYLESHEET.encode()}
