"""Pages of a campaign's recipients, by what became of them.

What became of each is four bytes in one text, so a page is found without a look at the audience;
only the chunks of those who are on it are opened.
All of it may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from gateway.core.campaigns.recipient_state import (
    CELLS,
    CampaignRecipient,
    RecipientState,
    campaign_send_id,
    find_recipients,
)
from gateway.store.body_codec import Bodies
from gateway.store.campaigns.audience import read_answered_rows, read_packed_states, read_phones
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.redis.client import Store

STATES_AT_ONCE = 50_000
MOST_EXAMINED = 500_000  # recipients for one page


@dataclass(frozen=True, slots=True)
class RecipientFilter:
    """Which recipients are wanted: those in some cells, or all, and with a code of Meta's."""

    cells: frozenset[str] = frozenset()
    code: int = 0  # any


@dataclass(frozen=True, slots=True)
class RecipientPage:
    """Some recipients, and where the next page begins, None after the last one."""

    recipients: Sequence[CampaignRecipient] = field(repr=False)
    next_row: int | None


def read_recipient_page(
    store: Store,
    bodies: Bodies,
    campaign: Campaign,
    wanted: RecipientFilter,
    first: int = 0,
    limit: int = 50,
    examine: int = MOST_EXAMINED,
) -> RecipientPage:
    """Return up to `limit` recipients from a row on, of the next `examine` ones.

    So a page may be short, or empty, and there is a next one all the same.
    """
    found, next_row = _find(store, campaign, wanted, first, limit, examine)
    rows = list(found)
    phones = read_phones(store, bodies, campaign, rows)
    answered = read_answered_rows(store, campaign, rows)
    recipients = [
        _show(campaign, row, found[row], phones.get(row, ""), ways)
        for row, ways in zip(rows, answered, strict=True)
    ]
    return RecipientPage(recipients, next_row)


def _find(
    store: Store, campaign: Campaign, wanted: RecipientFilter, first: int, limit: int, examine: int
) -> tuple[dict[int, RecipientState], int | None]:
    """Return the wanted rows with their states as they are stored, and where to go on."""
    found: dict[int, RecipientState] = {}
    cells, end = _stored_cells(campaign, wanted.cells), min(campaign.recipients, first + examine)
    for start in range(first, end, STATES_AT_ONCE):
        packed = read_packed_states(store, campaign, start, min(STATES_AT_ONCE, end - start))
        # One more than fits says where the next page begins.
        most = limit + 1 - len(found)
        for place, state in islice(find_recipients(packed, cells, wanted.code), most):
            if len(found) == limit:
                return found, start + place
            found[start + place] = state
    return found, end if end < campaign.recipients else None


def _stored_cells(campaign: Campaign, wanted: frozenset[str]) -> frozenset[str]:
    """Return the cells to look for: who was never written to is stored as waiting for ever."""
    rest = campaign.rest or CELLS[0]
    never = {CELLS[0]} if rest in wanted else set()
    return wanted - {CELLS[0]} | never if wanted else frozenset(CELLS)


def _show(
    campaign: Campaign, row: int, state: RecipientState, phone: str, answers: frozenset[str]
) -> CampaignRecipient:
    if state.cell == CELLS[0]:
        never = RecipientState(campaign.rest or CELLS[0], 0)
        return CampaignRecipient(row, phone, never, "", answers)
    return CampaignRecipient(row, phone, state, campaign_send_id(campaign.id, row), answers)
