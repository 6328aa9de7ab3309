"""Hand-over: a person of the business answers a contact for a while, and no rule does."""

from datetime import datetime, timedelta
from typing import NamedTuple

# What a person types or sends on the phone of the business, in Meta's words. A reaction, an edit or
# a deletion answers nothing; templates and interactive messages are sent by programs.
TYPES_BY_PERSON = frozenset(
    {"text", "image", "video", "audio", "document", "sticker", "location", "contacts"}
)
# Meta does not mark the greeting and the away message of the phone; nobody types so fast.
AUTOMATIC_WITHIN = timedelta(seconds=3)


class HandOver(NamedTuple):
    """A time for which rules are silent because a person answers, and what began it."""

    since: datetime
    until: datetime
    cause: str


def is_automatic(sent_at: datetime, last_inbound_at: datetime | None) -> bool:
    """Say whether a message from the phone came too soon after the customer's to be typed."""
    if last_inbound_at is None:
        return False
    return timedelta(0) <= sent_at - last_inbound_at <= AUTOMATIC_WITHIN


def extend(before: HandOver | None, new: HandOver) -> HandOver:
    """Return a hand-over that begins with the one before if that still lasts; the longer counts."""
    if before is None or before.until <= new.since:
        return new
    return before if before.until >= new.until else new._replace(since=before.since)


def later_hand_over(one: HandOver | None, other: HandOver | None) -> HandOver | None:
    """Return the hand-over that ends later, of two contacts that are one customer."""
    return max(one, other, key=lambda each: each.until) if one and other else one or other
