"""Descriptions of the addresses of forwards, for the document of the API."""

from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.web.api.descriptions import body_of, problems_of


class ReceiverOut(BaseModel):
    """A receiver of forwards, and what one number has for it."""

    receiver: str = Field(description="Its name in the rules.")
    number: str = Field(description="The phone number id of ours, empty for events without one.")
    condition: Literal["well", "failing", "down", "paused", "unnamed"] = Field(
        description="How it is; `unnamed`: the rules do not name it, so it gets nothing."
    )
    waiting: int = Field(description="How many events wait to be received.")
    oldest_at: datetime | None = Field(description="Since when the first of them waits.")
    bytes: int = Field(description="What they take in the store, about.")
    dead_letters: int
    delivered: int = Field(description="How many it has received.")
    failures: int = Field(description="In a row.")
    down_since: datetime | None
    rests_until: datetime | None
    paused_at: datetime | None


class ReceiversOut(BaseModel):
    """All of them."""

    data: list[ReceiverOut]


class TestIn(BaseModel):
    """Which receiver of a name is tested."""

    model_config = ConfigDict(extra="forbid")
    number: str | None = Field(None, description="The phone number id whose rules name it.")


class TestOut(BaseModel):
    """How a receiver answered a test."""

    receiver: str
    number: str = Field(description="The phone number id whose rules name it.")
    status: int | None = Field(description="Its HTTP status, null if none came.")
    error: str = Field(description="Why it did not take the test, empty if it did.")
    ms: int


class ReplayIn(BaseModel):
    """A range of time, by when webhooks were kept."""

    model_config = ConfigDict(extra="forbid")
    since: AwareDatetime
    until: AwareDatetime | None = None
    number: str | None = Field(None, description="One phone number id; else all that the key has.")
    dry_run: bool = Field(False, description="Only count the events.")


class ReplayOut(BaseModel):
    """What was queued of a range."""

    found: int = Field(description="How many events were meant for the receiver.")
    queued: int = Field(description="How many it gets once more; the others wait already.")
    unopened: int = Field(description="How many webhooks cannot be opened with the keys here.")
    next_since: AwareDatetime | None = Field(
        description="From when to ask again, since the range was too long for one request."
    )


FORWARDS: dict[str, Any] = {"responses": {200: {"model": ReceiversOut}, **problems_of()}}
FORWARD: dict[str, Any] = {"responses": {200: {"model": ReceiversOut}, **problems_of("not-found")}}
_WRONG = problems_of(
    "malformed", "too-large", "media-type", "invalid", "not-found", "conflict"
)  # fmt: skip
TEST: dict[str, Any] = {
    "responses": {200: {"model": TestOut}, **_WRONG},
    "openapi_extra": body_of(TestIn),
}
REPLAY: dict[str, Any] = {
    "responses": {200: {"model": ReplayOut}, **_WRONG},
    "openapi_extra": body_of(ReplayIn),
}
