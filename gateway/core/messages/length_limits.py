"""Meta's length limits for the parts of a message, in characters.

https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages
"""

from collections.abc import Mapping
from typing import Any

TEXT = 4096
CAPTION = 1024
FILENAME = 240

BUTTONS_TEXT = 1024  # also of every other interactive message but a list
LIST_TEXT = 4096
HEADER = FOOTER = 60
BUTTONS = 3
BUTTON_TITLE = 20
BUTTON_ID = 256

URL_BUTTON = 20
FLOW_BUTTON = 30

PRODUCTS = 30  # in all sections
CONTACTS = 257
CARD_TEXT = 160

# Meta names no limit of these; so much is surely enough.
PLACE = 1000  # name or address of a place, name of a contact
FLOW_NAME = 200  # also of a screen, and of a token
RETAILER_ID = 200  # also of a catalog

LIST_BUTTON = 20
ROWS = SECTIONS = 10
SECTION_TITLE = 24
ROW_TITLE = 24
ROW_DESCRIPTION = 72
ROW_ID = 200

_BY_PATH: Mapping[str, int] = {
    **{f"{kind}.caption": CAPTION for kind in ("image", "video", "document")},
    "text.body": TEXT,
    "document.filename": FILENAME,
    "interactive.body.text": BUTTONS_TEXT,
    "interactive.header.text": HEADER,
    "interactive.footer.text": FOOTER,
    "interactive.action.button": LIST_BUTTON,
    "interactive.action.buttons.reply.id": BUTTON_ID,
    "interactive.action.buttons.reply.title": BUTTON_TITLE,
    "interactive.action.sections.title": SECTION_TITLE,
    "interactive.action.sections.rows.id": ROW_ID,
    "interactive.action.sections.rows.title": ROW_TITLE,
    "interactive.action.sections.rows.description": ROW_DESCRIPTION,
    "interactive.action.parameters.display_text": URL_BUTTON,
    "interactive.action.parameters.flow_cta": FLOW_BUTTON,
    "interactive.action.cards.body.text": CARD_TEXT,
    "interactive.action.cards.action.parameters.display_text": URL_BUTTON,
    "interactive.action.cards.action.buttons.quick_reply.title": BUTTON_TITLE,
}
_OF_LISTS = {**_BY_PATH, "interactive.body.text": LIST_TEXT}


def of(body: Any) -> Mapping[str, int]:
    """Return the limit of each part of a body, by its path without the positions of lists."""
    match body:
        case {"interactive": {"type": "list"}}:
            return _OF_LISTS
        case _:
            return _BY_PATH


def is_line(path: str) -> bool:
    """Say whether Meta accepts a part on one line only: the text of a template's parameter.

    Line breaks, tabs and more than four spaces in a row are refused there.
    """
    return path.startswith("template.components.") and path.endswith(".parameters.text")


def too_long_reason(count: int, most: int) -> str:
    """Return the message about a text that has more characters than Meta accepts."""
    return f"has {count:,} characters; Meta takes {most:,}"
