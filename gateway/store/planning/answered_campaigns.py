"""Answered campaigns: of which campaign's message each event of a batch may be an answer."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.core.contacts.grouping import contact_keys
from gateway.core.events import CampaignMessage, Event
from gateway.core.planning.campaign_answers import KNOWN_FOR, may_answer, quoted_message
from gateway.store import keys
from gateway.store.redis.client import Call

_KNOWN_S = int(KNOWN_FOR.total_seconds())
_MOST_CAMPAIGNS = 20  # of a number; those that queued nobody for longest are not asked for
_MOST_NAMES = 4  # of a customer; more are not asked for


def find_call(number: str, events: Sequence[Event]) -> Call:
    """Return the call that finds the campaigns that events of a number answer."""
    args: list[Any] = [_KNOWN_S, _MOST_CAMPAIGNS]
    for event in events:
        names = contact_keys(event)[:_MOST_NAMES]
        args += [int(event.at.timestamp()), quoted_message(event), len(names), *names]
    return Call("find_campaigns", keys.number(number), args)


def asked_events(events: Sequence[Event]) -> list[Event]:
    """Return the events that may answer a campaign."""
    return [event for event in events if may_answer(event)]


def parse_found(events: Sequence[Event], reply: Any) -> Mapping[str, CampaignMessage]:
    """Return the campaign's message that each event answers, by the keys of the events.

    Raises the error that came in place of a reply.
    """
    if isinstance(reply, Exception):
        raise reply
    found = zip(events, reply or [None] * len(events), strict=True)
    return {event.key: _parse(one) for event, one in found if one}


def _parse(one: Any) -> CampaignMessage:
    send, campaign, name, queued, quoted = one
    return CampaignMessage(
        send=send.decode(),
        campaign=campaign.decode(),
        name=name.decode(errors="replace"),
        sent_at=datetime.fromtimestamp(queued, UTC),
        is_quoted=quoted == 1,
    )
