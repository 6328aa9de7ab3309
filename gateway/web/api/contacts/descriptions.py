"""Descriptions of the addresses of contacts in the OpenAPI document."""

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.core.api.contact_request import MOST_TAG, MOST_TAGS, MOST_VALUE, MOST_WHY
from gateway.web.api.descriptions import PLACES, body_of, problems_of, query_of
from gateway.web.api.server.file_uploads import TABLES


class WindowOut(BaseModel):
    """The 24 hours after a customer's last message or call."""

    open: bool
    until: AwareDatetime | None


class HandOverOut(BaseModel):
    """A time for which a person answers, and no rule."""

    since: AwareDatetime
    until: AwareDatetime
    why: str


class ContactOut(BaseModel):
    """A customer as one of our numbers knows them."""

    number: str = Field(description="Phone number id of ours.")
    id: str
    phone: str | None
    user_id: str | None
    other_ids: list[str]
    name: str | None
    tags: list[str]
    variables: dict[str, str]
    window: WindowOut
    last_message_at: AwareDatetime | None
    last_call_at: AwareDatetime | None
    opted_out_at: AwareDatetime | None = Field(description="Since when they want no marketing.")
    muted_until: AwareDatetime | None
    hand_over: HandOverOut | None


class ContactsOut(BaseModel):
    """A customer as each of our numbers knows them."""

    data: list[ContactOut]


class TagChangesIn(BaseModel):
    """Tags to add and to remove."""

    model_config = ConfigDict(extra="forbid")

    add: list[str] = Field([], max_length=MOST_TAGS)
    remove: list[str] = Field([], max_length=MOST_TAGS)


class HandOverIn(BaseModel):
    """Until when a person answers, and why."""

    model_config = ConfigDict(extra="forbid")

    until: AwareDatetime
    why: str | None = Field(None, max_length=MOST_WHY)


class ContactIn(BaseModel):
    """Changes of a contact; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    tags: list[str] | TagChangesIn | None = Field(
        None, description=f"All tags, or those to add and remove; each up to {MOST_TAG} characters."
    )
    variables: dict[str, str | None] | None = Field(
        None, description=f"Texts of up to {MOST_VALUE:,} characters by name; null removes one."
    )
    muted_until: AwareDatetime | None = Field(None, description="null lets rules answer again.")
    hand_over: HandOverIn | None = Field(None, description="null ends it.")
    opted_out: bool | None = Field(None, description="Whether they want no marketing.")


NUMBER = query_of("number", {"type": "string"}, "Phone number id of ours.")
SHOW: dict[str, Any] = {
    "responses": {200: {"model": ContactsOut}, **problems_of("not-found", "invalid")},
    "openapi_extra": {"parameters": [NUMBER]},
}
CHANGE: dict[str, Any] = {
    "responses": {
        200: {"model": ContactOut},
        **problems_of("malformed", "too-large", "media-type", "invalid", "not-found"),
    },
    "openapi_extra": {**body_of(ContactIn), "parameters": [NUMBER]},
}


class ImportProblemOut(BaseModel):
    """A row that was left out."""

    line: int
    detail: str


class ImportOut(BaseModel):
    """What an import did."""

    rows: int
    made: int = Field(description="Contacts that the number did not know.")
    changed: int
    unchanged: int
    left_out: int
    problems: list[ImportProblemOut] = Field(description="The first hundred, with their lines.")


_TAG = {"type": "string", "maxLength": 20_000}
IMPORT_TABLE: dict[str, Any] = {
    "summary": "Import contacts from a file",
    "responses": {
        200: {"model": ImportOut},
        **problems_of("too-large", "media-type", "malformed", "invalid", "timeout", "unavailable"),
    },
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {one: {"schema": {"type": "string"}} for one in TABLES},
        },
        "parameters": [
            NUMBER,
            query_of("tag", _TAG, "Tags that all of them get, with ; between."),
            query_of("untag", _TAG, "Tags that all of them lose, with ; between."),
            query_of("encoding", {"type": "string"}, "Unless UTF-8: such as cp1252."),
        ],
    },
}
EXPORT_TABLE: dict[str, Any] = {
    "summary": "Export contacts as CSV",
    "responses": {
        200: {
            "content": {"text/csv": {"schema": {"type": "string"}}},
            "description": "A line for each contact.",
        },
        **problems_of("invalid"),
    },
    "openapi_extra": {
        "parameters": [NUMBER, query_of("tag", {"type": "string"}, "Only those with this tag.")]
    },
}


class WaitingForOut(BaseModel):
    """What has to end before the rest can be erased."""

    deliveries: int = Field(description="That wait for their effect.")
    messages: int = Field(description="That are being posted, or may have been made meanwhile.")
    audiences: int = Field(description="Of campaigns, that were being read meanwhile.")


class ErasureOut(BaseModel):
    """How far an erasure is."""

    id: str
    status: Literal["open", "done"]
    started_at: AwareDatetime
    finished_at: AwareDatetime | None
    erased: dict[str, int] = Field(description="What was erased, by kind.")
    waiting_for: WaitingForOut
    unopened: int = Field(description="Bodies that this installation has no key for.")
    kept: list[str]
    out_of_reach: list[str]


ERASE: dict[str, Any] = {
    "responses": {
        200: {"model": ErasureOut},
        202: {"model": ErasureOut},
        **problems_of("invalid", "not-found", "conflict"),
    },
    "openapi_extra": {"parameters": [NUMBER]},
}
ERASURE: dict[str, Any] = {"responses": {200: {"model": ErasureOut}, **problems_of("not-found")}}


class ExportOut(BaseModel):
    """All that is stored of a customer; without `complete` the answer broke off."""

    contacts: list[ContactOut]
    deliveries: list[dict[str, Any]] = Field(description="What Meta delivered of them.")
    records: list[dict[str, Any]] = Field(description="What was planned for it, and why.")
    messages: list[dict[str, Any]] = Field(description="To them, with their content.")
    others: list[dict[str, Any]] = Field(
        description="Dead letters, notifications, forwards, schedules and timers."
    )
    complete: Literal[True]


EXPORT: dict[str, Any] = {
    "responses": {200: {"model": ExportOut}, **problems_of("invalid", "not-found")},
    "openapi_extra": {"parameters": [NUMBER]},
}


class HandedOverContactOut(BaseModel):
    """A customer of a number that a person answers."""

    number: str
    id: str
    hand_over: HandOverOut


class HandedOverOut(BaseModel):
    """Customers that a person answers, those that wait longest first."""

    data: list[HandedOverContactOut]
    unreadable: int = Field(description="Contacts that cannot be read.")
    next_cursor: str | None = Field(description="Of the next page; null on the last one.")


class TaggedOut(BaseModel):
    """A page of customers with a tag, which may be empty though others follow."""

    data: list[ContactOut]
    next_cursor: str | None = Field(description="Of the next page; null on the last one.")


LISTS: dict[str, Any] = {
    "responses": {200: {"model": HandedOverOut | TaggedOut}, **problems_of("invalid")},
    "openapi_extra": {
        "parameters": [
            query_of("handed_over", {"type": "boolean", "enum": [True]}, "Needed without a tag."),
            query_of("tag", {"type": "string", "maxLength": MOST_TAG}, "Those with this tag."),
            NUMBER,
            query_of("limit", {"type": "integer", "minimum": 1, "maximum": 1_000}, "How many."),
            PLACES[1],
        ]
    },
}
