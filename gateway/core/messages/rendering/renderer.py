"""Renderer: from messages to HTML, through one set of Jinja pages that escape everything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jinja2

from gateway.core.messages.rendering import plain
from gateway.core.messages.rendering.content import Content, text_in
from gateway.core.messages.rendering.formatting import clean
from gateway.core.messages.rendering.interactive import interactive
from gateway.core.messages.rendering.template import template

# The pages are a part of the code: read once, when this module is imported.
_PAGES = jinja2.Environment(
    loader=jinja2.PackageLoader(__name__.rpartition(".")[0], "pages"),
    autoescape=True,
    auto_reload=False,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_MESSAGE, _CHAT, _PAGE, _PICTURE = map(
    _PAGES.get_template, ("message.html", "chat.html", "page.html", "picture.svg")
)
STYLESHEET = _PAGES.get_template("chat.css").render()

MOST_QUOTED_LINES = 3
MOST_REACTIONS = 20

# Stages of a send as the chat shows them: a mark, its meaning, and its look.
_TICKS: Mapping[str, tuple[str, str, str]] = {
    **dict.fromkeys(("scheduled", "queued", "attempting", "unconfirmed"), ("◷", "waiting", "")),
    **dict.fromkeys(("accepted", "sent"), ("✓", "sent", "")),
    "delivered": ("✓✓", "delivered", ""),
    **dict.fromkeys(("read", "played"), ("✓✓", "read", "read")),
    **dict.fromkeys(("failed", "dead", "expired", "cancelled"), ("!", "not delivered", "failed")),
}


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message to draw: ours in the form in which it is posted, the customer's as Meta tells it.

    `template` is the template's definition at Meta, with its `components`; without it a template
    is drawn by its name and values. `quoted` is the message that this one answers.
    """

    body: Mapping[str, Any] = field(repr=False)
    is_ours: bool = True
    stage: str = ""  # of a send, or a status of Meta's
    time: str = ""  # as it is to be shown
    author: str = field(default="", repr=False)
    quoted: "ChatMessage | None" = field(default=None, repr=False)
    reactions: tuple[str, ...] = ()
    template: Mapping[str, Any] | None = field(default=None, repr=False)


def render_message(message: ChatMessage) -> str:
    """Return the bubble of one message, for a page that has STYLESHEET."""
    return _MESSAGE.render(_bubble(message))


def render_chat(messages: Sequence[ChatMessage]) -> str:
    """Return the bubbles of a conversation in one box, for a page that has STYLESHEET."""
    bubbles = [_bubble(message) for message in messages]
    return _CHAT.render(bubbles=bubbles)


def render_page(messages: Sequence[ChatMessage], title: str = "Messages") -> str:
    """Return a whole page that needs nothing else."""
    bubbles = [_bubble(message) for message in messages]
    return _PAGE.render(bubbles=bubbles, title=clean(title))


def render_picture(messages: Sequence[ChatMessage], title: str, width: int, height: int) -> str:
    """Return a conversation as an SVG of so many pixels, for pages that show pictures only."""
    bubbles = [_bubble(message) for message in messages]
    return _PICTURE.render(bubbles=bubbles, title=clean(title), width=width, height=height)


def read_content(message: ChatMessage) -> Content:
    """Return what the chat shows of a message, whatever form it has."""
    kind = text_in(message.body, "type")
    if kind == "template":
        return template(message.body, message.template)
    if kind == "interactive":
        return interactive(message.body)
    return plain.READERS.get(kind, plain.other)(message.body)


def _bubble(message: ChatMessage) -> dict[str, Any]:
    """Return the values of the page of one message."""
    return {
        "content": read_content(message),
        "is_ours": message.is_ours,
        "ticks": _TICKS.get(message.stage) if message.is_ours else None,
        "time": clean(message.time),
        "author": clean(message.author),
        "quote": _quote(message.quoted) if message.quoted else None,
        "reactions": [clean(emoji) for emoji in message.reactions[:MOST_REACTIONS]],
    }


def _quote(quoted: ChatMessage) -> dict[str, Any]:
    """Return the values of a quote: the first lines of a message, or what stands for it."""
    content = read_content(quoted)
    signs = (
        content.note,
        content.medium.name if content.medium else "",
        *(entry.title for entry in content.entries),
        content.emoji,
    )
    return {
        "author": clean(quoted.author) or ("You" if quoted.is_ours else ""),
        "is_ours": quoted.is_ours,
        "lines": content.text[:MOST_QUOTED_LINES],
        "sign": "" if content.text else next(filter(None, signs), "Message"),
    }
