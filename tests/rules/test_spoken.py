"""A message to Meta is told in the words by which a rule asks for it."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from gateway.core.contacts.contact import Contact
from gateway.core.messages import with_recipient
from gateway.rules.language.call_action import Step
from gateway.rules.testing.step_notation import to_notation

ANA = Contact("351900000001", wa_id="351900000001")
WRITTEN: dict[str, Any] = {
    "a text": "Hello.",
    "a word": "typing",
    "the other word": "mark_read",
    "a reaction": {"react": "👍"},
    "buttons": {
        "send_buttons": "What?", "buttons": {"a": "A", "b": "B"}, "header": "H", "footer": "F",
    },
    "a list": {
        "send_list": "What?", "button": "Look",
        "rows": {"a": "A", "b": {"title": "B", "description": "The other"}},
    },
    "a list in sections": {
        "send_list": "What?", "button": "Look", "sections": {"One": {"a": "A"}, "Two": {"b": "B"}},
    },
    "a picture": {"send_media": "https://example.com/a.png", "kind": "image", "caption": "A"},
    "a document": {"send_media": "123", "kind": "document", "filename": "menu.pdf"},
    "a template": {"send_template": "ready", "language": "pt_PT"},
    "a template with values": {"send_template": "ready", "language": "en", "values": ["A", "B"]},
    "a template with names": {"send_template": "ready", "language": "en", "values": {"who": "A"}},
    "a template in Meta's form": {
        "send_template": "ready", "language": "en",
        "components": [{"type": "button", "index": "0", "parameters": []}],
    },
    "a place": {
        "send_location": {
            "latitude": "38.7", "longitude": "-9.10", "name": "Shop", "address": "Rua 1",
        },
    },
    "contacts": {
        "send_contacts": [
            {"name": "Shop", "phones": ["+351 1"], "emails": ["a@b.example"],
             "urls": ["https://b.example"], "company": "Paint"},
            {"name": "Ana"},
        ],
    },
    "a link": {
        "send_cta_url": "Track it", "button": "Track", "url": "https://a.example", "header": "H",
    },
    "a request for a location": {"send_location_request": "Where are you?"},
    "a flow": {
        "send_flow": "Measure", "button": "Begin", "flow": "123", "screen": "WALL",
        "data": {"unit": "m"}, "token": "t", "draft": True, "footer": "F",
    },
    "a flow whose endpoint begins": {"send_flow": "Measure", "button": "Begin", "flow": "wall"},
    "a product": {"send_product": "red", "catalog": "1", "caption": "Red", "footer": "F"},
    "a product alone": {"send_product": "red", "catalog": "1"},
    "products": {
        "send_products": "All", "header": "H", "catalog": "1", "sections": {"Warm": ["red"]},
    },
    "a catalog": {"send_catalog": "All of it", "thumbnail": "red", "footer": "F"},
    "contacts with more than a short form says": {
        "send": {
            "type": "contacts",
            "contacts": [{"name": {"formatted_name": "A"}, "phones": [{"phone": "1"}]}],
        }
    },
    "any message": {"send": {"type": "location", "location": {"name": "Shop"}}},
    "a text in Meta's form": {
        "send": {"type": "text", "text": {"body": "https://example.com", "preview_url": "true"}}
    },
    "what only Meta understands": {"send": {"type": "interactive", "interactive": {"x": "y"}}},
}  # fmt: skip


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_a_message_is_told_as_it_is_written(written: Any) -> None:
    step = TypeAdapter[Any](Step).validate_python(written)

    assert to_notation(with_recipient(step.body(), ANA)) == written


@pytest.mark.parametrize(
    "body",
    [{}, {"type": "text"}, {"type": "template", "template": None}, {"type": "image"},
     {"type": "reaction", "reaction": {"message_id": "x"}}, {"type": 5}],
)  # fmt: skip
def test_whatever_a_body_holds_it_is_told(body: dict[str, Any]) -> None:
    assert to_notation(body) == {"send": body}
