"""Repetition of a campaign: a new draft for those whom the ended one did not reach.

All of it may raise StoreUnavailableError or ScriptError.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from gateway.core.campaigns.audience import AudienceReader, AudienceRow
from gateway.core.campaigns.course import ENDED
from gateway.core.campaigns.definition import AGAIN, MOST_NAME, Definition
from gateway.core.campaigns.recipient_state import RecipientState
from gateway.core.campaigns.retry_source import RetrySource, Scope, pack_sources
from gateway.store.body_codec import Bodies
from gateway.store.campaigns.audience import iter_recipients
from gateway.store.campaigns.campaigns import Campaign, read_campaign
from gateway.store.campaigns.drafts import create_campaign, new_id
from gateway.store.campaigns.uploads.audience_writer import AudienceRefusedError, store_audience
from gateway.store.campaigns.uploads.lease import hold_upload
from gateway.store.lua.constants import UNREACHABLE_CODE
from gateway.store.redis.client import Store

WARNING = "Meta may have sent the message to those who are unconfirmed: they may get it twice"
# Drafts that were cancelled before they started make room for another, so often.
MOST_DRAFTS = 20


def find_obstacle(campaign: Campaign, scope: Scope, codes: Collection[int]) -> str:
    """Return why nobody of a campaign can be written to again, "" where somebody can."""
    if campaign.phase not in ENDED:
        return f"The campaign is {campaign.phase}: only one that has ended is repeated."
    funnel = campaign.funnel
    if scope in ("expired", "cancelled") and (left := funnel.of("queued", "attempting")):
        return (
            f"Of the campaign {left:,} are queued or being posted still, and join those who are "
            f"{scope} unless Meta gets their message: wait until they are."
        )
    count = sum(funnel.codes.get(code, 0) for code in codes) if codes else funnel.of(scope)
    of_codes = f" with {', '.join(map(str, sorted(codes)))}" if codes else ""
    return "" if count else f"No recipient of the campaign is {scope}{of_codes}."


def warn_of_left_out(campaign: Campaign, scope: Scope, codes: Collection[int]) -> str:
    """Return a warning where a repetition leaves out those who were unreachable, else ""."""
    is_wanted = scope == "failed" and (not codes or UNREACHABLE_CODE in codes)
    count = campaign.funnel.codes.get(UNREACHABLE_CODE, 0) if is_wanted else 0
    if not count or not campaign.definition.skip_unreachable:
        return ""
    return (
        f"{count:,} failed with {UNREACHABLE_CODE}, and like this campaign the draft leaves out "
        "whom Meta could not reach within 30 days: check says how many these are. To write to them "
        "all the same, make a campaign without --skip-unreachable"
    )


def repeat_campaign(
    store: Store,
    bodies: Bodies,
    campaign: Campaign,
    scope: Scope,
    codes: Collection[int] = (),
    zone: str = "",
) -> str:
    """Make a draft for those of an ended campaign who are in one cell; return its id.

    Of the unconfirmed some may have the message: whoever asks for them has to know that.
    `zone` is the account's. Repeated, it returns the same draft, so that nobody is in two.
    Raises TooManyCampaignsError.
    """
    with hold_upload(store, campaign.number):
        # Read again: who was erased since, it does not name any more, its notice neither.
        present = read_campaign(store, bodies, campaign.id) or campaign
        return _repeat(store, bodies, present, scope, codes, zone)


def _repeat(
    store: Store,
    bodies: Bodies,
    campaign: Campaign,
    scope: Scope,
    codes: Collection[int],
    zone: str,
) -> str:
    definition = _repeat_definition(campaign.definition)
    for ordinal in range(MOST_DRAFTS):
        id_ = _id_of(campaign, scope, codes, ordinal)
        draft = read_campaign(store, bodies, id_)
        if draft is None:
            create_campaign(store, bodies, campaign.number, definition, id_)
            draft = read_campaign(store, bodies, id_)
        if draft and (draft.phase != "cancelled" or draft.started_at):
            break
    if draft and draft.phase == "draft" and not draft.audience:
        reader = AudienceReader(definition.columns)
        rows = _iter_rows(store, bodies, campaign, scope, codes)
        # Whoever asked for the same at this moment may have been faster.
        with suppress(AudienceRefusedError):
            sources = pack_sources([RetrySource(campaign.id, scope), *campaign.sources])
            store_audience(store, bodies, draft, reader, rows, zone, sources)
    return id_


def _repeat_definition(definition: Definition) -> Definition:
    """Return the definition of the repetition: it starts when it is started."""
    name = definition.name.removesuffix(AGAIN)[: MOST_NAME - len(AGAIN)] + AGAIN
    return replace(definition, name=name, start_at=None, finish_by=None)


def _id_of(campaign: Campaign, scope: Scope, codes: Collection[int], ordinal: int) -> str:
    text = f"{campaign.id} {scope} {sorted(set(codes))} {ordinal}"
    return new_id(hashlib.sha256(text.encode()).digest())


def _iter_rows(
    store: Store, bodies: Bodies, campaign: Campaign, scope: Scope, codes: Collection[int]
) -> Iterator[AudienceRow]:
    zones = _ZonesByRow(campaign)
    for member, state in iter_recipients(store, bodies, campaign):
        # A customer who was erased has no number.
        if member.phone and _is_wanted(state, scope, codes):
            zone = zones.find(member.row)
            yield AudienceRow(member.row + 1, member.phone, dict(member.values), zone)


def _is_wanted(state: RecipientState, scope: Scope, codes: Collection[int]) -> bool:
    return state.cell == scope and (not codes or state.code in codes)


class _ZonesByRow:
    """Zones of the recipients of a campaign, by their positions."""

    def __init__(self, campaign: Campaign) -> None:
        ranges = sorted((one.first, group) for group in campaign.groups for one in group.ranges)
        self._starts: Sequence[int] = [first for first, _ in ranges]
        self._zones = [group.zones for _, group in ranges]

    def find(self, row: int) -> str:
        """Return the zone that a file may have named, "" where the number names several."""
        zones = self._zones[bisect_right(self._starts, row) - 1] if self._starts else ()
        return zones[0] if len(zones) == 1 else ""
