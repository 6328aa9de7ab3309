"""Pages of the API, rendered on the server: no script, and nothing from elsewhere."""

import base64
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

ADDRESS = "/v1/reference"
_METHODS = ("get", "post", "put", "patch", "delete")
_STYLE = (files(__package__) / "style.css").read_text("utf-8")
_STYLE_HASH = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
_TEMPLATES = Environment(
    loader=PackageLoader(__package__, "."),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals["style"] = _STYLE


def render_reference(document: Mapping[str, Any]) -> Response:
    """Return the page that shows every address of an OpenAPI document."""
    return _page(
        "reference.html",
        title=document["info"]["title"],
        info=document["info"],
        groups=_group_operations(document),
        schemas=document["components"]["schemas"],
    )


def render_text(request: Request, title: str, sections: Sequence[tuple[str, str]]) -> Response:
    """Return a page of titles and texts: as HTML for a browser, and else as plain text."""
    if "text/html" in request.headers.get("accept", ""):
        return _page("text.html", title=title, sections=sections)
    texts = [f"{heading}\n\n{text}\n" for heading, text in sections]
    return PlainTextResponse("\n".join(texts))


def _page(template: str, **values: Any) -> Response:
    return HTMLResponse(_TEMPLATES.get_template(template).render(**values), headers=_HEADERS)


def _group_operations(document: Mapping[str, Any]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Return all operations by their tag, each with its method and path."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for path, item in document["paths"].items():
        for method in _METHODS:
            if operation := item.get(method):
                tag = operation.get("tags", ["other"])[0]
                groups.setdefault(tag, []).append({"method": method, "path": path, **operation})
    return groups
