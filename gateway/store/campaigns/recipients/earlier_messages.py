"""Earlier messages: who of a repetition has got that of the campaign before after all.

A status may come for 30 days, so they are looked at when the repetition is checked, and once more
when each is queued. All of it may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Sequence

from gateway.core.api.recipient import recipient_of
from gateway.core.campaigns.recipient_state import CELLS
from gateway.core.campaigns.retry_source import RetrySource
from gateway.core.contacts.contact import Contact
from gateway.store import keys
from gateway.store.campaigns.audience import AudienceMember
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.redis.client import Call, Store

AT_ONCE = 200  # by one script


def find_served(
    store: Store, campaign: Campaign, members: Sequence[tuple[AudienceMember, Contact]]
) -> frozenset[int]:
    """Return the rows of those for whom the message of a campaign before is enough."""
    # The campaign before may have known the contact by another name.
    names = [
        (name, member.row)
        for member, contact in members
        if member.phone
        for name in {contact.key, recipient_of(member.phone).name}
    ]
    return frozenset().union(*(_find(store, campaign, one, names) for one in campaign.sources))


def _find(
    store: Store, campaign: Campaign, source: RetrySource, names: Sequence[tuple[str, int]]
) -> frozenset[int]:
    parts = [names[i : i + AT_ONCE] for i in range(0, len(names), AT_ONCE)]
    prefix, script = keys.number(campaign.number), "find_recipient_cells"
    calls = [Call(script, prefix, [source.campaign, *(n for n, _ in part)]) for part in parts]
    served: set[int] = set()
    for part, reply in zip(parts, store.call_many(calls), strict=True):
        if isinstance(reply, Exception):
            raise reply
        cells = (CELLS[place] if place < len(CELLS) else "" for place in reply)
        served |= {row for (_, row), cell in zip(part, cells, strict=True) if source.serves(cell)}
    return frozenset(served)
