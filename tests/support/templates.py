"""Templates as Meta lists them, for tests."""

from collections.abc import Iterator
from typing import Any

from gateway.core.templates.graph_form import read_graph_row
from gateway.core.templates.template import MetaTemplate
from gateway.graph.admin.errors import SetupError

WABA = "102290129340398"
BUTTONS = [
    {"type": "QUICK_REPLY", "text": "Stop"},
    {"type": "URL", "text": "Open", "url": "https://x.pt/{{1}}", "example": ["https://x.pt/a"]},
    {"type": "COPY_CODE", "example": "SAVE20"},
    {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+351912345678"},
]


def a_body(text: str, *examples: str) -> dict[str, Any]:
    return {"type": "BODY", "text": text, "example": {"body_text": [list(examples)]}}


def a_row(name: str = "order_sent", language: str = "en_US", **more: Any) -> dict[str, Any]:
    row = {
        "name": name,
        "language": language,
        "status": "APPROVED",
        "category": "UTILITY",
        "id": "1689556908129832",
        "components": [a_body("Hello {{1}}, order {{2}} is on its way.", "Ana", "17")],
    }
    return row | more


def a_template(*args: str, **more: Any) -> MetaTemplate:
    template = read_graph_row(a_row(*args, **more), None)
    assert template
    return template


class MetaList:
    """Meta's list of templates as pages, which may end in an error."""

    def __init__(self, *pages: list[dict[str, Any]], error: str = "") -> None:
        self.all, self.error, self.asked = pages, error, 0

    def pages(self, waba: str) -> Iterator[list[dict[str, Any]]]:
        self.asked += 1
        yield from self.all
        if self.error:
            raise SetupError(self.error)
