"""Descriptions of requests and answers in the OpenAPI document, by method and address."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.core.api.lists.list_request import MOST_LISTED
from gateway.core.api.message_request import MOST_LIFETIME, MOST_REFERENCE
from gateway.core.sending.send import PRIORITIES
from gateway.web.api.content_descriptions import ContentIn, TemplateIn
from gateway.web.api.problems import MEDIA_TYPE, TYPES

MESSAGE = "/v1/messages"
ONE, BATCH = f"{MESSAGE}/{{id}}", f"{MESSAGE}/batch"


class UserIdIn(BaseModel):
    """A customer by Meta's user id."""

    model_config = ConfigDict(extra="forbid")
    user_id: str


class GroupIn(BaseModel):
    """A group by Meta's id of it."""

    model_config = ConfigDict(extra="forbid")
    group_id: str


class TemplateInstead(BaseModel):
    """A template that goes in place of a message whose window is closed."""

    model_config = ConfigDict(extra="forbid")
    template: TemplateIn


class MessageIn(ContentIn):
    """A message to send: one content, to whom, and when."""

    model_config = ConfigDict(extra="allow")
    to: str | UserIdIn | GroupIn
    number: str | None = Field(None, alias="from", description="Phone number id to send from.")
    reply_to: str | None = None
    send_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None
    ttl: int | None = Field(None, ge=1, le=int(MOST_LIFETIME.total_seconds()))
    priority: str | None = Field(None, json_schema_extra={"enum": list(PRIORITIES)})
    when_closed: Literal["fail", "wait", "drop"] | TemplateInstead | None = None
    reference: str | None = Field(None, max_length=MOST_REFERENCE)
    marketing: bool | None = None


class BatchIn(BaseModel):
    """Up to 1,000 messages; each may have its own idempotency `key`."""

    messages: list[MessageIn] = Field(min_length=1, max_length=1_000)


class MoveIn(BaseModel):
    """The new time of a scheduled message."""

    model_config = ConfigDict(extra="forbid")
    send_at: AwareDatetime


class AcceptedOut(BaseModel):
    """A message that is on disk."""

    id: str
    status: Literal["queued", "scheduled"]
    task_id: str
    check_status: str
    send_at: AwareDatetime | None
    expires_at: AwareDatetime


class WaitingOut(BaseModel):
    """The reason why a message waits, and until when if that is known."""

    reason: str
    until: AwareDatetime | None


class PriceOut(BaseModel):
    """What is known of a message's price; what is not known is null."""

    category: str | None = Field(description="Meta's category of the message.")
    country: str | None = Field(description="The customer's country, by ISO 3166-1.")
    billable: bool | None
    amount: str | None = Field(description="By the price list; 0 where Meta bills nothing.")
    currency: str | None
    prices_of: date | None = Field(description="The day of the price list.")


class MessageOut(BaseModel):
    """What became of a message."""

    id: str
    status: str
    final: bool
    number: str = Field(alias="from")
    message_id: str | None = Field(description="Meta's id of the message.")
    reference: str | None
    priority: str
    created_at: AwareDatetime | None
    send_at: AwareDatetime | None
    expires_at: AwareDatetime | None
    attempts: int
    waiting_for: WaitingOut | None
    error: dict[str, Any] | None
    price: PriceOut | None = Field(description="Null until Meta told anything of it.")
    history: list[dict[str, Any]]


class TaskOut(BaseModel):
    """A message as a task."""

    task_id: str
    status: Literal["PENDING", "STARTED", "RETRY", "SUCCESS", "FAILURE"]
    result: dict[str, Any] | None


class RecipeIn(BaseModel):
    """A message as the usual recipe sends it."""

    model_config = ConfigDict(extra="forbid")
    phone_number: str
    message: dict[str, Any]


class NumberOut(BaseModel):
    """One of our numbers, and whether it sends."""

    id: str
    account: str | None
    pace: int | None = Field(description="Messages a second that Meta grants it.")
    sends: bool
    paused: dict[str, Any] | None = Field(description="Why the gateway paused it.")
    held: list[dict[str, Any]] = Field(description="What an operator holds.")


class NumbersOut(BaseModel):
    """A page of our numbers."""

    data: list[NumberOut]
    next_cursor: str | None = Field(description="Of the next page; null on the last one.")


class LetterOut(BaseModel):
    """A message or an event that failed for good."""

    id: str
    kind: Literal["message", "event", "forward"]
    number: str
    died_at: AwareDatetime
    cause: str
    code: int | None
    advice: str
    attempts: int


class LettersOut(BaseModel):
    """A page of dead letters, the newest first."""

    data: list[LetterOut]
    next_cursor: str | None = Field(description="Of the next page; null on the last one.")


class OutcomeOut(BaseModel):
    """What was done with a dead letter."""

    id: str
    outcome: Literal["redriven", "dropped"]


class RedriveIn(BaseModel):
    """Whether a message that Meta may have had is sent again."""

    model_config = ConfigDict(extra="forbid")
    unconfirmed: bool = False


class HoldIn(BaseModel):
    """What is held or released, and why it is held."""

    model_config = ConfigDict(extra="forbid")
    rule: str | None = Field(None, description="Only what this rule sends.")
    why: str | None = None


def problems_of(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """Return the answers that are problems, by their status."""
    always = ("unauthorized", "forbidden", "rate", "unavailable")
    return {
        TYPES[kind].status: {"description": TYPES[kind].title, "content": {MEDIA_TYPE: {}}}
        for kind in (*always, *kinds)
    }


def body_of(model: type[BaseModel], *, is_required: bool = True) -> dict[str, Any]:
    """Return the body of a request."""
    schema = model.model_json_schema(by_alias=True)
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": is_required, "content": content}}


def query_of(name: str, schema: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Return a parameter in the query that may be left out."""
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": text}


_MOMENT = {"type": "string", "format": "date-time"}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key", "in": "header", "required": False,
    "schema": {"type": "string", "maxLength": 255},
}  # fmt: skip
_DRY_RUN = query_of("dry_run", {"type": "boolean"}, "Store nothing, and show what would be posted.")
# Which page of a list that is in an order of its own.
PLACES = (
    query_of("limit", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED}, "How many."),
    query_of("cursor", {"type": "string"}, "The next_cursor of the page before."),
)
_WAIT = query_of("wait", {"type": "integer", "minimum": 0, "maximum": 20}, "Seconds to wait.")
_SENDING = ("malformed", "too-large", "media-type", "invalid")
# The arguments of `add_api_route` beside endpoint and summary.
DESCRIPTIONS: Mapping[tuple[str, str], dict[str, Any]] = {
    ("POST", MESSAGE): {
        "status_code": 202,
        "responses": {202: {"model": AcceptedOut}, **problems_of(*_SENDING)},
        "openapi_extra": {**body_of(MessageIn), "parameters": [IDEMPOTENCY_KEY, _DRY_RUN]},
    },
    ("POST", BATCH): {
        "responses": problems_of(*_SENDING),
        "openapi_extra": body_of(BatchIn),
    },
    ("GET", ONE): {
        "responses": {200: {"model": MessageOut}, **problems_of("not-found", "invalid")},
        "openapi_extra": {"parameters": [_WAIT]},
    },
    ("DELETE", ONE): {
        "responses": {200: {"model": MessageOut}, **problems_of("not-found", "conflict")},
    },
    ("PATCH", ONE): {
        "responses": {
            200: {"model": MessageOut}, **problems_of(*_SENDING, "not-found", "conflict"),
        },
        "openapi_extra": body_of(MoveIn),
    },
}  # fmt: skip
TASK: dict[str, Any] = {"responses": {200: {"model": TaskOut}, **problems_of("not-found")}}
RECIPE: dict[str, Any] = {"responses": problems_of(*_SENDING), "openapi_extra": body_of(RecipeIn)}
NUMBERS: dict[str, Any] = {
    "responses": {200: {"model": NumbersOut}, **problems_of("invalid")},
    "openapi_extra": {"parameters": list(PLACES)},
}
NUMBER: dict[str, Any] = {"responses": {200: {"model": NumberOut}, **problems_of("not-found")}}
HOLD: dict[str, Any] = {
    "responses": {200: {"model": NumberOut}, **problems_of(*_SENDING, "not-found", "conflict")},
    "openapi_extra": body_of(HoldIn),
}
LETTERS: dict[str, Any] = {
    "responses": {200: {"model": LettersOut}, **problems_of("invalid")},
    "openapi_extra": {
        "parameters": [
            query_of("number", {"type": "string"}, "Only of this phone number id of ours."),
            query_of("cause", {"type": "string"}, "Only of this cause."),
            query_of("code", {"type": "integer"}, "Only with this code of Meta's."),
            query_of("since", _MOMENT, "That died since then."),
            query_of("until", _MOMENT, "That died until then."),
            query_of("limit", {"type": "integer", "minimum": 1, "maximum": 200}, "How many."),
            query_of("cursor", {"type": "string"}, "The next_cursor of the page before."),
        ]
    },
}
LETTER: dict[str, Any] = {
    "responses": {200: {"model": OutcomeOut}, **problems_of("not-found", "conflict")}
}
REDRIVE: dict[str, Any] = {
    "responses": {200: {"model": OutcomeOut}, **problems_of(*_SENDING, "not-found", "conflict")},
    "openapi_extra": body_of(RedriveIn),
}
