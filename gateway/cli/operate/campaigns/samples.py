"""Samples of a check as the chat shows them, each in a frame of the terminal; pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.panel import Panel
from rich.text import Text

from gateway.core.campaigns.definition import name_samples
from gateway.core.messages.rendering import ChatMessage, read_content
from gateway.core.messages.rendering.content import Button, Content, Entry
from gateway.core.messages.rendering.content import Group as RowGroup
from gateway.core.messages.rendering.formatting import Line
from gateway.core.text import printable

MOST_COLUMNS = 72
SHOWN_DIGITS = 4
_STYLES = {"bold": "bold", "italic": "italic", "struck": "strike", "code": "cyan"}
# A phone number with a country code, one in groups of three, and nine digits or more: no date.
_PHONE = re.compile(
    r"\+\d(?:[\s().-]{0,2}\d){6,}|(?<!\d)\(?\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{3,4}(?!\d)|\d{9,}"
)


def draw_samples(
    samples: Sequence[Mapping[str, Any]], template: Mapping[str, Any] | None
) -> Iterator[RenderableType]:
    """Yield each sample in a frame that says why it is one.

    `template` is its definition at Meta; without it a template is drawn by its name and values.
    """
    for name, body in zip(name_samples(samples), samples, strict=True):
        content = read_content(ChatMessage(body, template=template))
        yield Constrain(_frame(content, name), MOST_COLUMNS)


def _frame(content: Content, title: str = "") -> Panel:
    return Panel.fit(Group(*_draw(content)), title=title or None, title_align="left")


def _draw(content: Content) -> Iterator[RenderableType]:
    """Yield the parts of a bubble in the order of the chat."""
    if content.note:
        yield _text(content.note, "dim")
    if content.medium:
        yield _text(f"[{content.medium.name}]", "dim")
    yield from (_draw_line(line, "bold") for line in content.header)
    yield from map(_draw_entry, content.entries)
    if content.emoji:
        yield _text(content.emoji)
    yield from map(_draw_line, content.text)
    yield from (_draw_line(line, "dim") for line in content.footer)
    yield from map(_draw_button, content.buttons)
    for group in content.groups:
        yield from _draw_group(group)
    yield from map(_frame, content.cards)


def _draw_line(line: Line, style: str = "") -> Text:
    parts = (_text(run.text, " ".join(_STYLES[one] for one in run.styles)) for run in line)
    return Text(style=style).join([Text(), *parts])


def _draw_entry(entry: Entry) -> Text:
    return Text.assemble(_text(entry.title, "bold"), "  ", _text(entry.about, "dim"))


def _draw_button(button: Button) -> Text:
    return Text.assemble(_text(f"[ {button.label} ]", "cyan"), " ", _text(button.address, "dim"))


def _draw_group(group: RowGroup) -> Iterator[Text]:
    if group.title:
        yield _text(group.title, "bold")
    for row in group.rows:
        yield Text.assemble("- ", _text(row.title), "  ", _text(row.about, "dim"))


def _text(text: str, style: str = "") -> Text:
    """Return a text of others, safe for a terminal, without whole phone numbers."""
    return Text(_PHONE.sub(_mask, printable(text)), style)


def _mask(phone: re.Match[str]) -> str:
    digits = "".join(char for char in phone[0] if char.isdigit())
    return f"…{digits[-SHOWN_DIGITS:]}"
