"""Descriptions of campaigns in the OpenAPI document."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.core.campaigns.checks.check import CHECK_ID_LENGTH
from gateway.core.campaigns.retry_source import Scope
from gateway.tables.workbook import MEDIA_TYPE as XLSX
from gateway.web.api.descriptions import (
    IDEMPOTENCY_KEY,
    PLACES,
    AcceptedOut,
    body_of,
    problems_of,
    query_of,
)

CAMPAIGNS = "/v1/campaigns"
CAMPAIGN = f"{CAMPAIGNS}/{{id}}"


class CampaignIn(BaseModel):
    """A campaign: its message, with {{ column }} for values of the audience, and how it goes."""

    model_config = ConfigDict(extra="allow")
    name: str = Field(max_length=100)
    number: str | None = Field(None, alias="from", description="Phone number id to send from.")
    pace: int | str | None = Field(None, description="Messages a second, or such as 100/m.")
    start_at: AwareDatetime | None = None
    finish_by: AwareDatetime | None = Field(
        None, description="Unless given, a day more than it takes by its check."
    )
    first: dict[str, Any] | None = Field(
        None, description="First batch: its size, and the wait for its statuses: seconds, or 15m."
    )
    stop: dict[str, Any] | None = Field(
        None,
        description="Shares in percent at which it pauses: `failed` and `unconfirmed` of its "
        "attempts, counted anew after `over` of them; `opted_out` of whom it reached; `quality`, "
        "whether a fall of the number's or the template's quality pauses it; and `codes`, whether "
        "one of Meta's codes does after which going on does harm, such as 131048.",
    )
    quiet_hours: dict[str, str] | None = Field(
        None, description="From and to when nobody is written to, by each recipient's clock."
    )
    notify: dict[str, Any] | None = Field(
        None,
        description="Where the notice of its end goes: alert (true unless false), post to "
        "GATEWAY_NOTIFY_URL, to a receiver of forwards (forward), or to a phone, with a template "
        "for a closed window.",
    )
    when_closed: Literal["fail", "drop"] | None = Field(
        None, description="What becomes of a message that is no template outside the window."
    )
    marketing: bool | None = Field(None, description="Unless false, opt-outs are respected.")
    skip_unreachable: bool | None = Field(
        None, description="Whether those to whom Meta delivered nothing within 30 days get nothing."
    )


class AnswersOut(BaseModel):
    """How many recipients answered within seven days, each counted once in each figure."""

    replied: int
    tapped: int
    buttons: dict[str, int] = Field(description="By the title that each recipient tapped first.")
    opted_out: int


class CampaignOut(BaseModel):
    """A campaign, its phase and its funnel."""

    id: str
    number: str = Field(alias="from")
    phase: str
    by: str | None
    why: str | None
    name: str
    pace: float
    start_at: AwareDatetime | None
    finish_by: AwareDatetime | None
    quiet_hours: dict[str, str] | None
    notify: dict[str, Any]
    columns: list[str]
    first: dict[str, int] | None
    stop: dict[str, int | bool]
    when_closed: str
    marketing: bool
    skip_unreachable: bool
    created_at: AwareDatetime
    changed_at: AwareDatetime
    started_at: AwareDatetime | None
    checked_at: AwareDatetime | None
    check_id: str | None = Field(description="Of the last check, null without one.")
    recipients: int
    settling: bool = Field(description="It has ended, and statuses may still change its funnel.")
    waiting_for: dict[str, Any] | None
    funnel: dict[str, Any] = Field(description="Each recipient is in exactly one cell.")
    answers: AnswersOut


class CampaignsOut(BaseModel):
    """A page of campaigns, the newest first."""

    data: list[CampaignOut]
    next_cursor: str | None = Field(description="Of the next page; null on the last one.")


class AudienceOut(BaseModel):
    """What a file held."""

    recipients: int
    rows: int
    skipped: dict[str, int] = Field(description="Rows that were left out, by cause.")
    repaired: int
    problems: list[dict[str, Any]] = Field(description="The first hundred, with their lines.")
    all_problems: str | None = Field(description="Where more of them are; null without any.")


class CheckOut(BaseModel):
    """Who would get a campaign that started now."""

    rows: int = Field(description="Of the audience's file; `skipped` says which are left out.")
    recipients: int
    would_get: int
    skipped: dict[str, int]
    opted_out: int
    window_closed: int
    empty: int
    not_needed: int = Field(
        description="Of a repetition: whom the message of the campaign before reached after all."
    )
    unreachable: int = Field(
        description="To whom Meta could deliver nothing within 30 days (code 131026); they are "
        "among those who would get it unless the campaign has `skip_unreachable`."
    )
    unfit: list[dict[str, Any]] = Field(
        description="Whose message Meta would refuse for a value in it, by `cause` (`too_long` or "
        "`other`): the `count`, and the first ten `rows`, counted from 1 as in the export."
    )
    problems: list[dict[str, Any]] = Field(description="What does not fit the template at Meta.")
    samples: list[dict[str, Any]]
    outreach: int = Field(description="Who would get it outside their window.")
    warnings: list[str]
    takes_seconds: int
    starts_at: AwareDatetime
    ends_at: AwareDatetime = Field(description="When the last recipient would be written to.")
    template: dict[str, str | None] | None = Field(
        description="Its `name`, `language`, `status` and `category` at Meta, the last two null "
        "where they are not known here; null for a message that is no template."
    )
    reach: dict[str, int | None] | None = Field(
        description="Meta's limit of such customers in 24 hours, null for none, how many of it are "
        "used, and in how many days the last is reached; null where Meta says nothing."
    )
    cost: dict[str, Any] = Field(description="By the price list, as far as it has prices.")
    checked_at: AwareDatetime
    check_id: str | None = Field(
        description="For the start of what was looked at; null where Meta would refuse it."
    )


class StartIn(BaseModel):
    """After which check a campaign is to start: that which was looked at."""

    model_config = ConfigDict(extra="forbid")
    check_id: str = Field(max_length=CHECK_ID_LENGTH)


class ResumeIn(BaseModel):
    """Until when a campaign goes on; without a body its end stays, or is computed anew."""

    model_config = ConfigDict(extra="forbid")
    finish_by: AwareDatetime | None = None


class ReasonIn(BaseModel):
    """Why a campaign is paused or cancelled."""

    model_config = ConfigDict(extra="forbid")
    why: str = Field(max_length=200)


class TrialIn(BaseModel):
    """Whom a campaign's message goes to as a test."""

    model_config = ConfigDict(extra="forbid")
    to: str = Field(max_length=64)


class RetryIn(BaseModel):
    """Whom of an ended campaign the new draft is for."""

    model_config = ConfigDict(extra="forbid")
    scope: Scope
    codes: list[int] | None = Field(None, max_length=100, description="Meta's, or all.")
    accept_duplicates: bool | None = Field(
        None, description="Needed for the unconfirmed, who may have the message already."
    )


_WRONG = ("malformed", "too-large", "media-type", "invalid", "not-found", "conflict")
_ONE: Mapping[int, Any] = {200: {"model": CampaignOut}}
_CSV = {"text/csv": {"schema": {"type": "string"}}}
_LINES = {"application/x-ndjson": {"schema": {"type": "string"}}}
_BOOK = {XLSX: {"schema": {"type": "string", "format": "binary"}}}
_MAP = (
    "A JSON object: what the number (`phone`), the `zone` and values of the message are called in "
    'the file, as in {"phone": "Handynummer", "first": "First Name"}.'
)
_KNOWN = {
    "application/json": {
        "schema": {
            "type": "object",
            "description": "Customers that the number knows.",
            "properties": {
                "tag": {"type": "string", "maxLength": 200},
                "contacts": {"type": "array", "items": {"type": "string"}, "maxItems": 10_000},
            },
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        }
    }
}
# The arguments of `add_api_route` beside endpoint and summary.
DESCRIPTIONS: Mapping[tuple[str, str], dict[str, Any]] = {
    ("POST", CAMPAIGNS): {
        "status_code": 201,
        "responses": {201: {"model": CampaignOut}, **problems_of(*_WRONG, "key-reused")},
        "openapi_extra": {**body_of(CampaignIn), "parameters": [IDEMPOTENCY_KEY]},
    },
    ("GET", CAMPAIGNS): {
        "responses": {200: {"model": CampaignsOut}, **problems_of("invalid")},
        "openapi_extra": {"parameters": list(PLACES)},
    },
    ("GET", CAMPAIGN): {"responses": {**_ONE, **problems_of("not-found", "invalid")}},
    ("GET", f"{CAMPAIGN}/stream"): {
        "responses": {
            200: {
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
                "description": "Events `campaign`, each with a campaign as JSON, and `end`.",
            },
            **problems_of("not-found", "invalid", "unavailable"),
        },
    },
    ("PUT", f"{CAMPAIGN}/audience"): {
        "responses": {200: {"model": AudienceOut}, **problems_of(*_WRONG, "timeout")},
        "openapi_extra": {
            "requestBody": {"required": True, "content": _CSV | _LINES | _BOOK | _KNOWN},
            "parameters": [
                query_of("encoding", {"type": "string"}, "Unless UTF-8: such as cp1252."),
                query_of("map", {"type": "string"}, _MAP),
            ],
        },
    },
    ("POST", f"{CAMPAIGN}/check"): {
        "responses": {200: {"model": CheckOut}, **problems_of(*_WRONG)}
    },
    ("POST", f"{CAMPAIGN}/test"): {
        "status_code": 202,
        "responses": {
            202: {"model": AcceptedOut}, **problems_of(*_WRONG, "key-reused", "unavailable")
        },
        "openapi_extra": {**body_of(TrialIn), "parameters": [IDEMPOTENCY_KEY]},
    },
    ("POST", f"{CAMPAIGN}/retry"): {
        "status_code": 201,
        "responses": {201: {"model": CampaignOut}, **problems_of(*_WRONG)},
        "openapi_extra": body_of(RetryIn),
    },
    ("POST", f"{CAMPAIGN}/start"): {
        "responses": {**_ONE, **problems_of(*_WRONG)},
        "openapi_extra": body_of(StartIn),
    },
    ("POST", f"{CAMPAIGN}/resume"): {
        "responses": {**_ONE, **problems_of(*_WRONG)},
        "openapi_extra": body_of(ResumeIn, is_required=False),
    },
    ("POST", f"{CAMPAIGN}/pause"): {
        "responses": {**_ONE, **problems_of(*_WRONG)}, "openapi_extra": body_of(ReasonIn),
    },
    ("POST", f"{CAMPAIGN}/cancel"): {
        "responses": {**_ONE, **problems_of(*_WRONG)}, "openapi_extra": body_of(ReasonIn),
    },
}  # fmt: skip
