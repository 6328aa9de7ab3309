"""Export of a campaign: what became of each recipient, as CSV.

All of it may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

from gateway.core.api.recipient import recipient_of
from gateway.core.campaigns.view import find_advice
from gateway.core.planning.campaign_answers import WAYS
from gateway.store.body_codec import Bodies
from gateway.store.campaigns.audience import CHUNK, iter_recipients, read_answered
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.redis.client import Store
from gateway.tables.csv_lines import iter_csv_lines

# The number twice: as its digits, and as it is dialled.
COLUMNS = ("phone", "e164", "status", "code", "advice", *WAYS, "user_id")


def iter_export(
    store: Store, bodies: Bodies, campaign: Campaign, *, for_excel: bool = False
) -> Iterator[str]:
    """Yield the lines of the export, some at a time; what is lost of a recipient is left empty."""
    rows = _iter_rows(store, bodies, campaign)
    yield from iter_csv_lines(chain([COLUMNS], rows), for_excel=for_excel)


def _iter_rows(store: Store, bodies: Bodies, campaign: Campaign) -> Iterator[Sequence[object]]:
    answered: Sequence[frozenset[str]] = ()
    for member, state in iter_recipients(store, bodies, campaign, passes_damage=True):
        if member.row % CHUNK == 0:
            answered = read_answered(store, campaign, member.row, CHUNK)
        ways = ["yes" if way in answered[member.row % CHUNK] else "" for way in WAYS]
        to = recipient_of(member.phone)
        dialled = f"+{to.wa_id}" if to.wa_id else ""
        outcome = (state.cell, state.code or "", find_advice(state.code))
        yield to.wa_id, dialled, *outcome, *ways, to.user_id
