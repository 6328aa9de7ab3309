"""Descriptions of lists in the OpenAPI document."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from gateway.core.api.list_request import MOST_LISTED
from gateway.web.api.descriptions import MessageOut, problems_of, query_of


class DamagedOut(BaseModel):
    """A message whose stored row cannot be read."""

    id: str
    number: str = Field(alias="from")
    damaged: Literal[True]


class MessagesOut(BaseModel):
    """A page of messages, the newest first."""

    data: list[MessageOut | DamagedOut]
    next_cursor: str | None = Field(description="Of the next page; null on the last one.")


_TEXT = {"type": "string"}
_MOMENT = {"type": "string", "format": "date-time"}
_LIMIT = {"type": "integer", "minimum": 1, "maximum": MOST_LISTED}
_PAGE = (
    query_of("since", _MOMENT, "Since then."),
    query_of("until", _MOMENT, "Until then."),
    query_of("limit", _LIMIT, "How many at most."),
    query_of("cursor", _TEXT, "The next_cursor of the page before, with the same filters."),
)
MESSAGES: dict[str, Any] = {
    "responses": {200: {"model": MessagesOut}, **problems_of("invalid")},
    "openapi_extra": {
        "parameters": [
            query_of("to", _TEXT, "To this phone number or user id."),
            query_of("from", _TEXT, "From this phone number id."),
            query_of("reference", _TEXT, "With this reference."),
            query_of("status", _TEXT, "With this status, or one of several with commas."),
            *_PAGE,
        ]
    },
}
