"""Expansion of a campaign: its next recipients become sends, a few seconds ahead of the pace.

The recipient is the claim: a send's id is made from the campaign and the recipient, so two workers,
or one that repeats after a failure, write the same send once.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from gateway.core import messages
from gateway.core.api.recipient import Recipient, address_to
from gateway.core.campaigns.definition import render
from gateway.core.campaigns.recipient_state import campaign_send_id
from gateway.core.contacts.contact import Contact
from gateway.core.sending.send import BULK, BULK_LIFETIME, Send
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.campaigns.audience import AudienceMember, read_recipients
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.planning.commit import send_args
from gateway.store.planning.contacts import parse_contacts
from gateway.store.redis.client import Store

AT_ONCE = 100
LEAD_S = 2  # so many seconds' worth of messages is queued at most
LEAST_LEAD = 10


def expand(store: Store, bodies: Bodies, campaign: Campaign, up_to: int) -> int:
    """Queue the next recipients, as many as pace and lead allow now; return how many.

    `up_to` is where to stop, 0 for the end. Raises StoreUnavailableError or ScriptError.
    """
    prepared = campaign.definition.prepare()
    lead = max(LEAST_LEAD, math.ceil(campaign.definition.pace * LEAD_S))
    at, end, total = campaign.next_recipient, up_to or campaign.recipients, 0
    while at < end:
        found = read_recipients(store, bodies, campaign, at, min(AT_ONCE, end - at))
        if not found:
            break
        sends = _plan(store, campaign, prepared, found)
        args = [part for send in sends for part in send]
        head = [campaign.id, at, campaign.definition.pace, lead]
        taken, _ = store.call("expand_campaign", keys.number(campaign.number), *head, *args)
        total, at = total + taken, at + taken
        if taken < len(found):
            break
    return total


def _plan(
    store: Store, campaign: Campaign, prepared: Any, found: Sequence[AudienceMember]
) -> list[Sequence[Any]]:
    names = [Recipient(one.phone).name for one in found]
    loaded = store.call("load", keys.number(campaign.number), len(names), *names)
    now = datetime_from_ms(loaded[0])
    contacts, unreadable = parse_contacts(names, loaded[1])
    # The pump judges a contact that cannot be read, before the post.
    contacts = {**{name: Contact(name) for name in unreadable}, **contacts}
    return [
        _plan_send(campaign, prepared, one, contacts[name], now)
        for one, name in zip(found, names, strict=True)
    ]


def _plan_send(
    campaign: Campaign, prepared: Any, recipient: AudienceMember, contact: Contact, now: datetime
) -> Sequence[Any]:
    """Return a send as the script writes it; without a lane where nobody is written to."""
    id_ = campaign_send_id(campaign.id, recipient.row)
    if not recipient.phone:  # the customer was erased
        return [id_, "", 0, "cancelled", "", ""]
    body = render(prepared, recipient.values)
    if body is None:
        return [id_, "", 0, "failed", "", ""]
    to = address_to(contact, Recipient(recipient.phone))
    send = Send(
        id=id_,
        lane=contact.key,
        priority=BULK,
        body=messages.with_recipient(body, to),
        expires_at=_expires_at(campaign, now),
        rule=campaign.rule,
        marketing=campaign.definition.marketing,
        closed=campaign.definition.closed,
    )
    id_, lane, _, _, expires, _, closed, rule, row, _ = send_args(send)
    return [id_, lane, expires, closed, rule, row]


def _expires_at(campaign: Campaign, now: datetime) -> datetime:
    finish_by = campaign.definition.finish_by or now + BULK_LIFETIME
    return max(finish_by, now + timedelta(minutes=1))
