"""Check of a draft before it starts: who would get it, who would not and why, and for how long.

All of it may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.accounts.account import Accounts
from gateway.core import messages
from gateway.core.api.recipient import recipient_of
from gateway.core.campaigns.checks.check import (
    CampaignCheck,
    CheckTally,
    identify_check,
    keep_common,
)
from gateway.core.campaigns.checks.cost import SERVICE, estimate_cost
from gateway.core.campaigns.checks.warnings import (
    warn_of_consent,
    warn_of_end,
    warn_of_quality,
    warn_of_receiver,
    warn_of_start,
    warn_of_template,
    warn_of_unknown_template,
    warn_of_us_numbers,
)
from gateway.core.campaigns.definition import choose_samples, render
from gateway.core.campaigns.reach import Reach
from gateway.core.campaigns.view import duration_at
from gateway.core.campaigns.zone_groups import estimate_end
from gateway.core.contacts.contact import Contact
from gateway.core.messages.price_list import PriceList
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.core.templates.choice import KnownTemplate, TemplateUse, read_use
from gateway.core.templates.template import MetaTemplate, Mismatch
from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.campaigns.audience import CHUNK, AudienceMember, read_recipients
from gateway.store.campaigns.campaigns import Campaign, server_ms, server_us
from gateway.store.campaigns.reach import ask_limit, read_reach
from gateway.store.campaigns.recipients.earlier_messages import find_served
from gateway.store.campaigns.row_fields import stamp
from gateway.store.planning.contacts import parse_contacts
from gateway.store.redis.client import Call, Store
from gateway.store.sending.quality import read_flag
from gateway.store.sending.unreachable import find_unreachable
from gateway.store.templates.judgement import TemplateJudge

CONTACTS_AT_ONCE = 200  # by one script


@dataclass(frozen=True, slots=True)
class CheckInputs:
    """What a check needs to know beside the campaign: its number, template, reach and prices."""

    pace: float  # of the number
    judge: Callable[[TemplateUse], Sequence[Mismatch]]
    find_template: Callable[[TemplateUse], tuple[MetaTemplate | None, bool]]
    reach: Reach | None
    prices: PriceList
    unnamed: str = ""  # the receiver of its notice, where the rules do not name it


def read_check_inputs(
    judge: TemplateJudge, accounts: Accounts, campaign: Campaign, pace: float, prices: PriceList
) -> CheckInputs:
    """Ask Meta what it knows of the number, and return all that a check needs."""
    own, store, reach = accounts.number(campaign.number), judge.store, None
    if own is None:
        return CheckInputs(pace, lambda _: [], lambda _: (None, False), None, prices)
    if campaign.definition.is_template:
        ask_limit(store, judge.graph_url, own)
        siblings = accounts.limit_sharers(own.id, number_list.numbers_at_meta(store))
        reach = read_reach(store, own.id, siblings)
    return CheckInputs(
        pace, lambda use: judge.judge(own, [use]), lambda use: judge.find(own, use), reach, prices
    )


def check_campaign(
    store: Store,
    bodies: Bodies,
    campaign: Campaign,
    inputs: CheckInputs,
    note: Callable[[int], None] = lambda done: None,
) -> CampaignCheck:
    """Check a draft, and remember whether it may start by that.

    `note` learns how far the check is. Of two at once the one that was asked for later counts,
    whichever ends first.
    """
    asked_us = server_us(store)
    check = _look_at(store, bodies, campaign, inputs, note)
    if campaign.audience:  # or else it would count for one that came meanwhile
        _remember(store, campaign, check, asked_us)
    return check


def _look_at(
    store: Store,
    bodies: Bodies,
    campaign: Campaign,
    inputs: CheckInputs,
    note: Callable[[int], None],
) -> CampaignCheck:
    """Return what would become of a draft that started now."""
    now = datetime_from_ms(server_ms(store))
    prepared = campaign.definition.prepare()
    samples = _samples(store, bodies, campaign, prepared)
    use = read_use(samples[0], "#") if samples else None
    found = inputs.judge(use) if use else []  # first: it may look at Meta's list once more
    template, is_stopped = inputs.find_template(use) if use else (None, False)
    category = (template.category.lower() if template else "") if use else SERVICE
    known = KnownTemplate(template) if template else None
    tally = CheckTally(campaign.definition, category, prepared, now, known)
    _add_all(store, bodies, campaign, tally, note)
    problems = keep_common(found, tally.fit)
    starts_at, takes = _start_of(campaign, now), _duration(campaign, inputs, tally, now)
    return CampaignCheck(
        rows=campaign.recipients + sum(campaign.funnel.skipped.values()),
        recipients=campaign.recipients - tally.erased,
        skipped=campaign.funnel.skipped,
        opted_out=tally.opted_out,
        window_closed=tally.window_closed,
        empty=tally.empty,
        not_needed=tally.not_needed,
        unreachable=tally.unreachable,
        skips_unreachable=campaign.definition.skip_unreachable,
        outreach=tally.outreach,
        unfit=tally.unfit,
        problems=problems,
        samples=samples,
        starts_at=starts_at,
        takes=takes,
        reach=inputs.reach,
        cost=estimate_cost(tally.countries.counts, category, inputs.prices),
        use=use,
        template=template,
        warnings=[
            *warn_of_start(campaign.recipients, campaign.definition.start_at, now),
            *_warn_of_template(store, campaign, (use, template, found), is_stopped=is_stopped),
            *_warn_of_marketing(campaign, category, tally),
            *warn_of_end(campaign.definition.finish_by, starts_at + takes),
            *warn_of_receiver(inputs.unnamed),
        ],
        checked_at=now,
        check_id="" if problems else _identify(campaign, now),
    )


def _warn_of_template(
    store: Store,
    campaign: Campaign,
    compared: tuple[TemplateUse | None, MetaTemplate | None, Sequence[Mismatch]],
    *,
    is_stopped: bool,
) -> list[str]:
    """Return warnings of a template that was compared with Meta's, and of its number's quality."""
    _, template, _ = compared
    return [
        *warn_of_unknown_template(*compared),
        *warn_of_template(template, is_stopped=is_stopped),
        *warn_of_quality(template, read_flag(store, campaign.number)),
    ]


def _identify(campaign: Campaign, now: datetime) -> str:
    """Return the id of a check of what a draft has now, "" without an audience."""
    return identify_check(campaign.id, campaign.audience, now) if campaign.audience else ""


def _warn_of_marketing(campaign: Campaign, category: str, tally: CheckTally) -> list[str]:
    """Return warnings of a template of marketing that goes to who wants or gets none."""
    return [
        *warn_of_consent(category, is_marketing=campaign.definition.marketing),
        *warn_of_us_numbers(tally.countries.counts, category),
    ]


def _add_all(
    store: Store,
    bodies: Bodies,
    campaign: Campaign,
    tally: CheckTally,
    note: Callable[[int], None],
) -> None:
    """Add every recipient to the tally."""
    for chunk in _chunks(store, bodies, campaign):
        known = list(_with_contacts(store, campaign, chunk))
        failed = find_unreachable(store, campaign.number, [contact for _, contact in known])
        served = find_served(store, campaign, known)
        tally.not_needed += len(served)
        for member, contact in ((one, its) for one, its in known if one.row not in served):
            tally.add(
                member.phone,
                member.values,
                contact,
                row=member.row,
                is_unreachable=contact.key in failed,
            )
        note(chunk[-1].row + 1)


def _remember(store: Store, campaign: Campaign, check: CampaignCheck, asked_us: int) -> None:
    """Let a draft start, or not any more where Meta would refuse its message.

    Nothing changes where another audience has taken the place of this one meanwhile.
    """
    fields = {
        "checked": stamp(check.checked_at) if check.check_id else "",
        "takes": int(check.takes.total_seconds()),
        "gets": check.would_get,
        "template": check.template.digest if check.template else "",
    }
    args = [campaign.id, campaign.audience, asked_us]
    args += [part for pair in fields.items() for part in pair]
    store.call("remember_check", keys.number(campaign.number), *args)


def _duration(
    campaign: Campaign, inputs: CheckInputs, tally: CheckTally, now: datetime
) -> timedelta:
    """Return for how long it goes on, at its pace and by the reach that Meta allows.

    Who is passed takes no time, but with quiet hours it is not known in which zone they are.
    """
    quiet, start = campaign.definition.quiet, _start_of(campaign, now)
    pace = min(inputs.pace, campaign.definition.pace)
    if quiet is None:
        passed = tally.unreachable if campaign.definition.skip_unreachable else 0
        takes = duration_at(campaign.recipients - tally.erased - passed, pace)
    else:
        takes = estimate_end(campaign.groups, quiet, pace, start) - start
    if 0 < campaign.definition.first_batch(campaign.recipients) < campaign.recipients:
        takes += campaign.definition.first_wait
    return max(takes, inputs.reach.time_for(tally.outreach)) if inputs.reach else takes


def _start_of(campaign: Campaign, now: datetime) -> datetime:
    return max(now, campaign.definition.start_at or now)


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
    prefix, names = keys.number(campaign.number), [recipient_of(one.phone).name for one in chunk]
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
    return choose_samples(
        [
            body
            for one in read_recipients(store, bodies, campaign, 0, CHUNK)
            if (body := render(prepared, one.values)) is not None
        ]
    )
