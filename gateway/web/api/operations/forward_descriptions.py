"""Descriptions of the addresses of forwards, for the document of the API."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from gateway.web.api.descriptions import problems_of


class ReceiverOut(BaseModel):
    """A receiver of forwards, and what one number has for it."""

    receiver: str = Field(description="Its name in the rules.")
    number: str = Field(description="The phone number id of ours, empty for events without one.")
    condition: Literal["well", "failing", "down", "paused"]
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


FORWARDS: dict[str, Any] = {"responses": {200: {"model": ReceiversOut}, **problems_of()}}
FORWARD: dict[str, Any] = {"responses": {200: {"model": ReceiversOut}, **problems_of("not-found")}}
