"""Check of a draft before it starts: who would get it, who would not and why, and for how long.

All of it may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.core import messages
from gateway.core.api.recipient import Recipient
from gateway.core.campaigns.definition import render
from gateway.core.campaigns.view import duration_at
from gateway.core.campaigns.zone_groups import estimate_end
from gateway.core.contacts.contact import Contact
from gateway.core.sending.preflight import is_window_open
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.core.templates.choice import TemplateUse, read_use
from gateway.core.templates.template import Mismatch
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.campaigns.audience import CHUNK, AudienceMember, read_recipients
from gateway.store.campaigns.campaigns import Campaign, change_phase, server_ms, stamp
from gateway.store.planning.contacts import parse_contacts
from gateway.store.redis.client import Call, Store

# A start needs a check that is not older.
FRESH = timedelta(hours=1)
CONTACTS_AT_ONCE = 200  # by one script


@dataclass(frozen=True, slots=True)
class CampaignCheck:
    """What would become of a campaign that started now."""

    recipients: int
    skipped: Mapping[str, int]
    opted_out: int
    window_closed: int  # for a message that is no template
    empty: int  # whose message would lack a text
    problems: Sequence[Mismatch]  # what of the first sample does not fit the template at Meta
    samples: Sequence[messages.Body]  # the first, the shortest and the longest of a thousand
    takes: timedelta
    checked_at: datetime

    @property
    def would_get(self) -> int:
        """Return how many recipients Meta would be asked to write to."""
        return self.recipients - self.opted_out - self.window_closed - self.empty


def check_campaign(
    store: Store,
    bodies: Bodies,
    campaign: Campaign,
    pace: float,
    judge: Callable[[TemplateUse], Sequence[Mismatch]],
    note: Callable[[int], None] = lambda done: None,
) -> CampaignCheck:
    """Check a draft, and remember that unless Meta would refuse its template.

    `pace` is the number's, `judge` says what of a template does not fit, `note` learns how far the
    check is.
    """
    now = datetime_from_ms(server_ms(store))
    prepared = campaign.definition.prepare()
    opted_out = closed = empty = 0
    for chunk in _chunks(store, bodies, campaign):
        for member, contact in _with_contacts(store, campaign, chunk):
            if campaign.definition.marketing and contact.opted_out_at:
                opted_out += 1
            elif not is_window_open(contact, now) and not _is_template(campaign):
                closed += 1
            elif render(prepared, member.values) is None:
                empty += 1
        note(chunk[-1].row + 1)
    samples = _samples(store, bodies, campaign, prepared)
    use = read_use(samples[0], "#") if samples else None
    check = CampaignCheck(
        recipients=campaign.recipients,
        skipped=campaign.funnel.skipped,
        opted_out=opted_out,
        window_closed=closed,
        empty=empty,
        problems=list(judge(use)) if use else [],
        samples=samples,
        takes=_duration(campaign, min(pace, campaign.definition.pace), now),
        checked_at=now,
    )
    if not check.problems:
        change_phase(store, campaign, ["draft"], "", "", "", checked=stamp(now))
    return check


def is_checked(campaign: Campaign, now: datetime) -> bool:
    """Say whether somebody has looked at a draft as it is, and not long ago."""
    return campaign.checked_at is not None and now - campaign.checked_at <= FRESH


def view_check(check: CampaignCheck) -> dict[str, Any]:
    """Return what clients and operators see of a check."""
    return {
        "recipients": check.recipients,
        "would_get": check.would_get,
        "skipped": dict(sorted(check.skipped.items())),
        "opted_out": check.opted_out,
        "window_closed": check.window_closed,
        "empty": check.empty,
        "problems": [one._asdict() for one in check.problems],
        "samples": list(check.samples),
        "takes_seconds": int(check.takes.total_seconds()),
        "checked_at": check.checked_at,
    }


def _duration(campaign: Campaign, pace: float, now: datetime) -> timedelta:
    quiet, start = campaign.definition.quiet, max(now, campaign.definition.start_at or now)
    if quiet is None:
        return duration_at(campaign.recipients, pace)
    return estimate_end(campaign.groups, quiet, pace, start) - start


def _is_template(campaign: Campaign) -> bool:
    return bool(campaign.definition.body.get("type") == "template")


def _chunks(store: Store, bodies: Bodies, campaign: Campaign) -> Iterator[Sequence[AudienceMember]]:
    for first in range(0, campaign.recipients, CHUNK):
        if chunk := read_recipients(store, bodies, campaign, first, CHUNK):
            yield chunk


def _with_contacts(
    store: Store, campaign: Campaign, chunk: Sequence[AudienceMember]
) -> Iterator[tuple[AudienceMember, Contact]]:
    """Yield the members of a chunk with their contacts, which one round trip reads.

    A contact that cannot be read is left out; the pump judges it before the post.
    """
    prefix, names = keys.number(campaign.number), [Recipient(one.phone).name for one in chunk]
    parts = [names[i : i + CONTACTS_AT_ONCE] for i in range(0, len(names), CONTACTS_AT_ONCE)]
    replies = store.call_many([Call("load", prefix, [len(part), *part]) for part in parts])
    contacts: dict[str, Contact] = {}
    for part, reply in zip(parts, replies, strict=True):
        if isinstance(reply, Exception):
            raise reply
        contacts |= parse_contacts(part, reply[1])[0]
    yield from ((one, contacts[n]) for one, n in zip(chunk, names, strict=True) if n in contacts)


def _samples(
    store: Store, bodies: Bodies, campaign: Campaign, prepared: Any
) -> list[messages.Body]:
    rendered = [
        body
        for one in read_recipients(store, bodies, campaign, 0, CHUNK)
        if (body := render(prepared, one.values)) is not None
    ]
    if not rendered:
        return []
    by_length = sorted(rendered, key=lambda body: len(str(body)))
    chosen: list[messages.Body] = []
    for body in (rendered[0], by_length[0], by_length[-1]):
        if body not in chosen:
            chosen.append(body)
    return chosen
