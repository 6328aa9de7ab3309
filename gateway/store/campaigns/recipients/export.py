"""Export of a campaign: what became of each recipient, as CSV.

All of it may raise StoreUnavailableError or ScriptError.
"""

import csv
import io
from collections.abc import Iterator, Sequence

from gateway.core.campaigns.view import find_advice
from gateway.core.planning.campaign_answers import WAYS
from gateway.store.body_codec import Bodies
from gateway.store.campaigns.audience import CHUNK, iter_recipients, read_answered
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.redis.client import Store

COLUMNS = ("phone", "status", "code", "advice", *WAYS)
ROWS_AT_ONCE = 1_000


def iter_export(store: Store, bodies: Bodies, campaign: Campaign) -> Iterator[str]:
    """Yield the lines of the export, some at a time.

    No cell begins with a sign that a spreadsheet takes for a formula.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    answered: Sequence[frozenset[str]] = ()
    for i, (member, state) in enumerate(iter_recipients(store, bodies, campaign), 1):
        if member.row % CHUNK == 0:
            answered = read_answered(store, campaign, member.row, CHUNK)
        ways = ("yes" if way in answered[member.row % CHUNK] else "" for way in WAYS)
        writer.writerow(
            (member.phone, state.cell, state.code or "", find_advice(state.code), *ways)
        )
        if i % ROWS_AT_ONCE == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()
