"""Descriptions of lists in the OpenAPI document."""

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from gateway.core.api.lists.list_request import KINDS, MOST_LISTED
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


class EventOut(BaseModel):
    """A message or a call of a customer, or another event for which something was planned."""

    id: str
    number: str
    kind: str
    wamid: str | None = Field(description="Of a customer's message.")
    customer: str | None = Field(description="The last digits.")
    at: AwareDatetime | None = Field(description="When it happened.")
    delivery: str | None
    item: int
    plan: dict[str, Any] = Field(description="The rules that fired, and why.")
    sends: list[str]
    notifications: list[str]


class DamagedEventOut(BaseModel):
    """An event whose record cannot be read."""

    id: str
    number: str
    damaged: Literal[True]


class EventsOut(BaseModel):
    """A page of events, the newest first."""

    data: list[EventOut | DamagedEventOut]
    next_cursor: str | None = Field(description="Of the next page; null on the last one.")


EVENTS: dict[str, Any] = {
    "responses": {200: {"model": EventsOut}, **problems_of("invalid")},
    "openapi_extra": {
        "parameters": [
            query_of("contact", _TEXT, "Of this phone number or user id."),
            query_of("number", _TEXT, "At this phone number id of ours."),
            query_of("kind", {"type": "string", "enum": list(KINDS)}, "Of this kind."),
            *_PAGE,
        ]
    },
}
EVENT: dict[str, Any] = {"responses": problems_of("not-found")}
