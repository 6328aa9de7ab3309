"""Buttons of a template's draft, checked as Meta does before it is sent there.

https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/components
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.core.templates.parameters import MOST_CODE, MOST_URL, PLACE

MOST_BUTTONS, MOST_TEXT, MOST_PHONE = 10, 25, 20
# What each kind needs beside its type; a kind that is not here is Meta's to judge.
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "QUICK_REPLY": ("text",),
    "URL": ("text", "url"),
    "PHONE_NUMBER": ("text", "phone_number"),
    "FLOW": ("text",),
    "COPY_CODE": ("example",),
}
_LENGTHS = {"text": MOST_TEXT, "phone_number": MOST_PHONE, "url": MOST_URL}
_WHAT = {"text": "a text", "phone_number": "a phone number", "url": "an address"}
# Signs that are drawn, and not written: Meta takes letters, digits and punctuation only.
_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d]")
_FORMATTED = re.compile(r"([*_~`])\S(?:[^\n]*\S)?\1")


def check_buttons(buttons: Any) -> Iterator[str]:
    """Yield why Meta would refuse buttons, each with its position."""
    if not isinstance(buttons, Sequence) or not 0 < len(buttons) <= MOST_BUTTONS:
        yield f"needs 1 to {MOST_BUTTONS} of them"
        return
    for i, button in enumerate(buttons):
        if isinstance(button, Mapping):
            yield from (f"{i} {problem}" for problem in _check_button(button))
        else:
            yield f"{i} is no object"
    texts = [str(one.get("text", "")).strip() for one in buttons if isinstance(one, Mapping)]
    if twice := sorted({text for text in texts if text and texts.count(text) > 1}):
        yield f"has the text {twice[0]!r} twice"


def _check_button(button: Mapping[str, Any]) -> Iterator[str]:
    kind = str(button.get("type")).upper()
    for name in _NEEDED.get(kind, ()):
        if not str(button.get(name) or "").strip():
            yield f"lacks {name}"
    for name, most in _LENGTHS.items():
        if (length := len(str(button.get(name, "")))) > most:
            yield f"has {_WHAT[name]} of {length:,} characters; Meta takes {most:,}"
    yield from _check_label(str(button.get("text", "")))
    yield from _check_address(button)
    code = button.get("example")
    if kind == "COPY_CODE" and isinstance(code, str) and len(code) > MOST_CODE:
        yield f"has a code of {len(code)} characters; Meta takes {MOST_CODE}"


def _check_label(text: str) -> Iterator[str]:
    """Meta takes plain words on a button, and no parameter."""
    if PLACE.search(text):
        yield "has a parameter in its text, which Meta does not allow there"
    if "\n" in text:
        yield "has a line break in its text"
    if _EMOJI.search(text):
        yield "has an emoji in its text, which Meta does not allow there"
    if _FORMATTED.search(text):
        yield "has formatting in its text, which Meta does not allow there"


def _check_address(button: Mapping[str, Any]) -> Iterator[str]:
    url = str(button.get("url", ""))
    place = PLACE.search(url)
    if place and place.end() != len(url):
        yield "has a parameter that is not at the end of its address"
    if place and not button.get("example"):
        yield "lacks an example of its address"
