"""Rendering of views: HTML by templates that escape everything, or JSON of the same content."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from gateway.core.console.users import ConsoleUser
from gateway.core.messages.rendering import ChatMessage, render_chat
from gateway.web.console import assets
from gateway.web.console.page import ROOT, ConsolePage, PageError, PageView

HEADERS: Mapping[str, str] = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # Without a referrer at all a browser would name no origin in what it posts.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
_JSON_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def render_page(
    view: PageView, user: ConsoleUser | None, pages: Sequence[ConsolePage], path: str
) -> Response:
    """Return a view as a page; `user` decides what the navigation offers."""
    html = (
        _templates()
        .get_template(view.template)
        .render(
            **view.data,
            title=view.title,
            topics=view.topics,
            user=user,
            navigation=[one for one in pages if one.label and user and user.may(one.role)],
            path=path,
        )
    )
    return HTMLResponse(html, view.status, HEADERS)


def render_json(view: PageView) -> Response:
    """Return a view as JSON."""
    return _json({"title": view.title, **view.data}, view.status)


def render_fragment(template: str, data: Mapping[str, Any]) -> str:
    """Return a part of a page, for the live stream."""
    return _templates().get_template(template).render(**data)


def render_bubble(message: ChatMessage) -> Markup:
    """Return a message as the chat shows it, for a page with the chat's stylesheet."""
    return Markup(render_chat([message]))  # noqa: S704 - the renderer escapes every text


def render_error(
    error: PageError, user: ConsoleUser | None, pages: Sequence[ConsolePage], path: str
) -> Response:
    """Return an error as a page, or as JSON for an address of JSON."""
    if path.endswith(".json"):
        return _json({"title": error.title, "advice": error.advice}, error.status)
    data = {
        "advice": error.advice,
        "tries_again": error.tries_again,
        "must_sign_in": error.status == 401,
    }
    view = PageView(error.title, "error.html", data, status=error.status)
    return render_page(view, user, pages, path)


def _json(data: Mapping[str, Any], status: int) -> Response:
    content = orjson.dumps(data, default=_plain, option=_JSON_OPTIONS)
    return Response(content, status, HEADERS, media_type="application/json")


def _plain(value: Any) -> Any:
    """Return a value in a form that JSON has; markup is for the page only."""
    if hasattr(value, "_asdict"):
        return value._asdict()
    return list(value) if isinstance(value, set | frozenset) else str(value)


@cache
def _templates() -> Environment:
    """Return the templates; read when the first page is asked for."""
    found = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {"root": ROOT, "asset": assets.address}
    found.filters |= {"moment": _moment, "count": _count, "ago": _ago, "merge_query": _merge_query}
    return found


def _merge_query(query: Mapping[str, str], **more: str) -> str:
    """Return the query of a link with more in it; what is empty is left out."""
    return urlencode({name: text for name, text in {**query, **more}.items() if text})


def _moment(at: datetime | str | None) -> str | Markup:
    """Return a moment, to the millisecond in the element that says so to programs."""
    if at is None:
        return "–"
    when = datetime.fromisoformat(at) if isinstance(at, str) else at
    when = when.astimezone(UTC)
    exact = when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(
        exact, f"{when:%Y-%m-%d %H:%M:%S}"
    )


def _count(number: float | None) -> str:
    return "–" if number is None else f"{number:,}"


def _ago(seconds: float | None) -> str:
    """Return a duration in its largest unit."""
    if seconds is None:
        return "–"
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:,.1f} s"
