"""Expansion of a campaign: its next recipients become sends, a few seconds ahead of the pace.

The recipient is the claim: a send's id is made from the campaign and the recipient, so two workers,
or one that repeats after a failure, write the same send once.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from gateway.core import messages
from gateway.core.api.recipient import address_to, recipient_of
from gateway.core.campaigns.course import most_queued
from gateway.core.campaigns.definition import render
from gateway.core.campaigns.quiet_hours import Zones, find_span
from gateway.core.campaigns.recipient_state import campaign_send_id
from gateway.core.campaigns.zone_groups import RowRange, ZoneGroup, order_open
from gateway.core.contacts.contact import Contact
from gateway.core.sending.send import BULK, BULK_LIFETIME, QuietSpan, Send
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.campaigns.audience import CHUNK, AudienceMember, read_recipients
from gateway.store.campaigns.campaigns import Campaign, server_ms
from gateway.store.campaigns.recipients.earlier_messages import find_served
from gateway.store.campaigns.row_fields import GROUP_DONE
from gateway.store.planning.commit import send_args
from gateway.store.planning.contacts import parse_contacts
from gateway.store.redis.client import Store
from gateway.store.sending.unreachable import FAILURE, find_unreachable

AT_ONCE = 100
IN_A_SCRIPT = 25  # a script blocks the server for everybody
BUDGET_S = 1.0  # the tick wakes a worker each second


def expand(
    store: Store,
    bodies: Bodies,
    campaign: Campaign,
    most: int = 0,
    till_ms: int = 0,
    budget_s: float = BUDGET_S,
) -> int:
    """Queue the next recipients, as many as pace and lead allow now; return how many.

    At most `most`, unless it is 0; from `till_ms` on by the store's clock none is queued, unless it
    is 0. Who is passed, since nothing is to be posted to them, costs neither; after `budget_s` the
    rest is left to the next call. Recipients whose chunk of the audience is gone fail, so that the
    campaign does not wait for them. Raises StoreUnavailableError, ScriptError or
    UnknownRecordError.
    """
    expansion = _Expansion(store, bodies, campaign, till_ms, time.monotonic() + budget_s)
    total, most = 0, most or campaign.recipients
    for field, group in _open_groups(store, campaign):
        queued, is_all = expansion.expand_group(field, group, most - total)
        total += queued
        if not is_all or total >= most:
            break
    return total


def _open_groups(store: Store, campaign: Campaign) -> Iterator[tuple[str, ZoneGroup]]:
    """Yield the groups that may be written to, each with the field that counts it."""
    quiet = campaign.definition.quiet
    if quiet is None or not campaign.groups:
        rows = [RowRange(0, campaign.recipients)]
        yield "next", ZoneGroup((), rows, campaign.next_recipient)
        return
    now = datetime_from_ms(server_ms(store))
    for i, group in order_open(campaign.groups, quiet, now):
        yield f"{GROUP_DONE}{i}", group


@dataclass(frozen=True, slots=True)
class _Expansion:
    """One call's part of an expansion, until a moment of the store's clock and one of ours."""

    store: Store
    bodies: Bodies
    campaign: Campaign
    till_ms: int
    deadline: float

    def expand_group(self, field: str, group: ZoneGroup, most: int) -> tuple[int, bool]:
        """Queue the next recipients of a group; return how many, and whether it is exhausted."""
        prepared, total = self.campaign.definition.prepare(), 0
        while (rows := group.next_range(AT_ONCE)).size:
            if total >= most:
                return total, False
            sends = self._plan(prepared, rows, group.zones)
            allowed = list(_bounded(sends, most - total))
            taken, queued = self._queue(field, group.done, allowed)
            total, group = total + queued, replace(group, done=group.done + taken)
            # Looked at last, so that each call comes a little further on however slow a machine.
            if taken < len(sends) or time.monotonic() > self.deadline:
                return total, False
        return total, True

    def _plan(self, prepared: Any, rows: RowRange, zones: Zones) -> list[Sequence[Any]]:
        found = read_recipients(self.store, self.bodies, self.campaign, rows.first, rows.size)
        if not found:
            return _fail_missing(self.campaign, rows)
        return _plan(self.store, self.campaign, prepared, found, zones)

    def _queue(self, field: str, done: int, sends: Sequence[Sequence[Any]]) -> tuple[int, int]:
        """Take recipients, as many as may be now; return how many, and how many were queued."""
        definition, total, queued = self.campaign.definition, 0, 0
        lead = most_queued(definition, self.campaign.funnel)
        number = keys.number(self.campaign.number)
        for first in range(0, len(sends), IN_A_SCRIPT):
            some = sends[first : first + IN_A_SCRIPT]
            head = [self.campaign.id, done + total, definition.pace, lead, field, definition.name]
            args = [part for send in some for part in send]
            reply = self.store.call("expand_campaign", number, *head, self.till_ms, *args)
            total, queued = total + int(reply[0]), queued + int(reply[2])
            if reply[0] < len(some):
                break
        return total, queued


def _bounded(sends: Iterable[Sequence[Any]], most: int) -> Iterator[Sequence[Any]]:
    """Yield recipients until so many would be queued; who is passed has no lane."""
    for send in sends:
        most -= bool(send[1])
        if most < 0:
            return
        yield send


def _plan(
    store: Store,
    campaign: Campaign,
    prepared: Any,
    found: Sequence[AudienceMember],
    zones: Zones,
) -> list[Sequence[Any]]:
    names = [recipient_of(one.phone).name for one in found]
    loaded = store.call("load", keys.number(campaign.number), len(names), *names)
    now = datetime_from_ms(loaded[0])
    contacts, unreadable = parse_contacts(names, loaded[1])
    # The pump judges a contact that cannot be read, before the post.
    contacts = {**{name: Contact(name) for name in unreadable}, **contacts}
    failed: frozenset[str] = frozenset()
    if campaign.definition.skip_unreachable:
        failed = find_unreachable(store, campaign.number, list(contacts.values()))
    quiet = find_span(campaign.definition.quiet, zones, now)
    known = [(one, contacts[name]) for one, name in zip(found, names, strict=True)]
    served = find_served(store, campaign, known)
    return [
        _pass(campaign, one.row, "not_needed")
        if one.row in served
        else _plan_send(campaign, prepared, one, contact, now, failed, quiet)
        for one, contact in known
    ]


def _fail_missing(campaign: Campaign, rows: RowRange) -> list[Sequence[Any]]:
    size = min(rows.size, CHUNK - rows.first % CHUNK)  # the next chunk may be there
    return [_pass(campaign, rows.first + i, "failed") for i in range(size)]


def _pass(campaign: Campaign, row: int, cell: str, failure: str = "") -> Sequence[Any]:
    """Return as the script writes it that nothing is posted to a recipient, who ends in a cell."""
    return [campaign_send_id(campaign.id, row), "", 0, cell, failure, ""]


def _plan_send(
    campaign: Campaign,
    prepared: Any,
    recipient: AudienceMember,
    contact: Contact,
    now: datetime,
    unreachable: Collection[str],
    quiet: QuietSpan | None,
) -> Sequence[Any]:
    """Return a send as the script writes it; without a lane where nobody is written to."""
    if not recipient.phone:  # the customer was erased
        return _pass(campaign, recipient.row, "cancelled")
    body = render(prepared, recipient.values)
    if body is None:
        return _pass(campaign, recipient.row, "failed")
    if contact.key in unreachable:
        return _pass(campaign, recipient.row, "failed", FAILURE)
    to = address_to(contact, recipient_of(recipient.phone))
    send = Send(
        id=campaign_send_id(campaign.id, recipient.row),
        lane=contact.key,
        priority=BULK,
        body=messages.with_recipient(body, to),
        expires_at=_expires_at(campaign, now),
        rule=campaign.rule,
        marketing=campaign.definition.marketing,
        closed=campaign.definition.closed,
        quiet=quiet,
    )
    id_, lane, _, _, expires, _, closed, rule, row, _ = send_args(send)
    return [id_, lane, expires, closed, rule, row]


def _expires_at(campaign: Campaign, now: datetime) -> datetime:
    finish_by = campaign.definition.finish_by or now + BULK_LIFETIME
    return max(finish_by, now + timedelta(minutes=1))
