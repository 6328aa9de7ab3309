"""Descriptions of the recipients of campaigns in the OpenAPI document."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field

from gateway.core.campaigns.recipient_state import CELLS, MOST_CODE
from gateway.core.planning.campaign_answers import WAYS
from gateway.web.api.campaigns.descriptions import CAMPAIGN
from gateway.web.api.descriptions import PLACES, problems_of, query_of

RECIPIENTS = f"{CAMPAIGN}/recipients"
EXPORT = f"{CAMPAIGN}/export.csv"
PROBLEMS = f"{CAMPAIGN}/problems.csv"


class RecipientOut(BaseModel):
    """A recipient, and what became of them."""

    phone: str | None = Field(description="Null where it is not known, or the customer was erased.")
    user_id: str | None = Field(description="Of a customer whose phone number is not known.")
    status: Literal[CELLS] = Field(description="The cell of the funnel.")  # type: ignore[valid-type]
    code: int | None = Field(description="Meta's, of one who failed.")
    advice: str | None = Field(description="What to do about that code.")
    message: str | None = Field(description="Its id, null where none was queued.")
    answers: list[Literal[WAYS]]  # type: ignore[valid-type]


class RecipientsOut(BaseModel):
    """A page of recipients, in the order of the audience."""

    data: list[RecipientOut] = Field(description="Perhaps fewer than asked for.")
    next_cursor: str | None = Field(description="Of the next page; null on the last one.")


_CSV = {"text/csv": {"schema": {"type": "string"}}}
_EXCEL = query_of(
    "excel", {"type": "string", "enum": ["0", "1"]}, "With 1 a byte order mark and semicolons."
)
_TEXT = {"type": "string"}
_CODE = {"type": "integer", "minimum": 1, "maximum": MOST_CODE}
# The arguments of `add_api_route` beside endpoint and summary.
DESCRIPTIONS: Mapping[str, dict[str, Any]] = {
    RECIPIENTS: {
        "responses": {200: {"model": RecipientsOut}, **problems_of("not-found", "invalid")},
        "openapi_extra": {
            "parameters": [
                query_of("status", _TEXT, "In this cell of the funnel, or several with commas."),
                query_of("code", _CODE, "Who failed with this code of Meta's."),
                *PLACES,
            ]
        },
    },
    EXPORT: {
        "responses": {
            200: {"content": _CSV, "description": "What became of each recipient."},
            **problems_of("not-found", "invalid"),
        },
        "openapi_extra": {"parameters": [_EXCEL]},
    },
    PROBLEMS: {
        "responses": {
            200: {"content": _CSV, "description": "The first ten thousand rows, and why."},
            **problems_of("not-found", "invalid"),
        },
        "openapi_extra": {"parameters": [_EXCEL]},
    },
}
