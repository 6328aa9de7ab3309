"""Bubbles of the page: each line of a chat log as HTML, drawn by the renderer of all messages."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import jinja2

from gateway.cli.develop.chat.message_view import offers
from gateway.cli.develop.phone.chat_log import ChatLine
from gateway.cli.develop.phone.customer_acts import flow_fields, template_taps
from gateway.core.messages.rendering import ChatMessage, render_message
from gateway.core.messages.rendering.content import text_in

PAGES = jinja2.Environment(
    loader=jinja2.PackageLoader(__name__.rpartition(".")[0], "files"),
    autoescape=True,
    auto_reload=False,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_LINE = PAGES.get_template("line.html")
# What a tap replaces: the buttons below are real ones, so the drawing has none.
_TAPPABLE = frozenset({"button", "list"})
_NOTES = {
    "failed": "not delivered",
    "refused": "refused by Meta",
    "notification": "notified",
}


def render_line(customer: str, line: ChatLine, template: Mapping[str, Any] | None) -> str:
    """Return the HTML of a line; `template` is the definition of a template that it sends."""
    return _LINE.render(
        customer=customer,
        line=line,
        is_written=line.kind == "written",
        bubble=render_message(_message(line, template)),
        taps=_taps(line, template),
        flow=flow_fields(line.body) if line.kind == "message" else None,
        label=_NOTES.get(line.kind, ""),
    )


def _message(line: ChatLine, template: Mapping[str, Any] | None) -> ChatMessage:
    """Return what the renderer draws: on a phone, the customer's own messages are "ours"."""
    return ChatMessage(
        _without_taps(line.body),
        is_ours=line.kind == "written",
        stage=line.stage,
        time=f"{datetime.fromtimestamp(line.at, UTC).astimezone():%H:%M}" if line.at else "",
        quoted=_message(line.quoted, None) if line.quoted else None,
        reactions=tuple(line.reactions.values()),
        template=template,
    )


def _taps(line: ChatLine, template: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    if line.kind != "message":
        return []
    if line.body.get("type") == "template":
        return template_taps(line.body, template["components"] if template else [])
    return [offer.tap()["tap"] for offer in offers(line.body)]


def _without_taps(body: Mapping[str, Any]) -> Mapping[str, Any]:
    interactive = body.get("interactive")
    if not isinstance(interactive, Mapping) or interactive.get("type") not in _TAPPABLE:
        return body
    label = text_in(interactive, "action", "button")
    shown = {**interactive, "action": {"button": label}}
    return {**body, "interactive": shown}
