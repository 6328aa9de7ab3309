"""Descriptions of schedules in the OpenAPI document."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.core.api.schedules.request import MOST_COUNT, MOST_NAME
from gateway.web.api.descriptions import (
    IDEMPOTENCY_KEY,
    MessageIn,
    body_of,
    problems_of,
    query_of,
)


class ScheduleIn(BaseModel):
    """A recurring send."""

    model_config = ConfigDict(extra="forbid")
    cron: str = Field(description="Five fields, such as 0 9 * * MON-FRI.")
    zone: str | None = Field(None, description="IANA time zone; unset: that of the account.")
    message: MessageIn = Field(description="As POST /v1/messages takes it, without a time.")
    missed: Literal["skip", "once"] | None = None
    until: AwareDatetime | None = None
    count: int | None = Field(None, ge=1, le=MOST_COUNT)
    paused: bool | None = None
    name: str | None = Field(None, max_length=MOST_NAME)


class ScheduleChangesIn(BaseModel):
    """Fields that change; null clears one."""

    model_config = ConfigDict(extra="forbid")
    cron: str | None = None
    zone: str | None = None
    message: MessageIn | None = None
    missed: Literal["skip", "once"] | None = None
    until: AwareDatetime | None = None
    count: int | None = Field(None, ge=1, le=MOST_COUNT)
    paused: bool | None = None
    name: str | None = Field(None, max_length=MOST_NAME)


class ScheduleSummaryOut(BaseModel):
    """A schedule in a list."""

    id: str
    status: Literal["active", "paused", "ended"]
    name: str | None
    number: str = Field(alias="from")
    cron: str
    zone: str
    missed: Literal["skip", "once"]
    until: AwareDatetime | None
    count: int | None
    created_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    next_at: AwareDatetime | None
    sent: int
    skipped: int = Field(description="Moments that were missed.")
    failed: int = Field(description="Moments at which no message could be made.")


class FiringOut(BaseModel):
    """One moment of a schedule, and the message that it made."""

    at: AwareDatetime
    id: str | None
    status: str


class ScheduleOut(ScheduleSummaryOut):
    """A schedule with its next moments and its last sends."""

    upcoming: list[AwareDatetime]
    last: list[FiringOut]
    message: dict[str, Any] | None = Field(description="Only for keys with the scope send.")


class SchedulesOut(BaseModel):
    """A page of schedules; `next_cursor` is the cursor of the next page."""

    data: list[ScheduleSummaryOut]
    next_cursor: str | None


class ScheduleRemovedOut(BaseModel):
    """A schedule that is gone."""

    id: str
    outcome: Literal["removed"]


_SENDING = ("malformed", "too-large", "media-type", "invalid", "conflict")
SCHEDULES, SCHEDULE = "/v1/schedules", "/v1/schedules/{id}"
DESCRIPTIONS: Mapping[tuple[str, str], dict[str, Any]] = {
    ("POST", SCHEDULES): {
        "status_code": 201,
        "responses": {201: {"model": ScheduleOut}, **problems_of(*_SENDING)},
        "openapi_extra": {
            **body_of(ScheduleIn),
            "parameters": [
                IDEMPOTENCY_KEY,
                query_of("dry_run", {"type": "boolean"}, "Store nothing; show the next moments."),
            ],
        },
    },
    ("GET", SCHEDULES): {
        "responses": {200: {"model": SchedulesOut}, **problems_of("invalid")},
        "openapi_extra": {
            "parameters": [
                query_of("limit", {"type": "integer", "minimum": 1, "maximum": 200}, "How many."),
                query_of("cursor", {"type": "string"}, "The next_cursor of the page before."),
            ]
        },
    },
    ("GET", SCHEDULE): {"responses": {200: {"model": ScheduleOut}, **problems_of("not-found")}},
    ("PATCH", SCHEDULE): {
        "responses": {200: {"model": ScheduleOut}, **problems_of(*_SENDING, "not-found")},
        "openapi_extra": body_of(ScheduleChangesIn),
    },
    ("DELETE", SCHEDULE): {
        "responses": {200: {"model": ScheduleRemovedOut}, **problems_of("not-found")},
    },
}
