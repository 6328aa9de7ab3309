"""Zones of recipients: looked up among the stored contacts for those whose row names none.

All of it may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from gateway.core.campaigns.audience import ZONE, AudienceRow
from gateway.core.campaigns.quiet_hours import ZoneChoice, Zones
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.core.webhook.phone_numbers import contact_key
from gateway.store.campaigns.campaigns import Campaign, server_ms
from gateway.store.planning.contact_scan import load_by_name
from gateway.store.redis.client import Store

AT_ONCE = 1_000  # rows that are held while their contacts are looked up


def iter_zoned(
    store: Store, campaign: Campaign, rows: Iterable[AudienceRow], home: str
) -> Iterator[tuple[Zones, AudienceRow]]:
    """Yield each row with the zones of its recipient, which are () without quiet hours.

    `home` is the account's zone.
    """
    quiet = campaign.definition.quiet
    if quiet is None:
        yield from (((), row) for row in rows)
        return
    choice = ZoneChoice(quiet, home, datetime_from_ms(server_ms(store)))
    given = iter(rows)
    while page := list(islice(given, AT_ONCE)):
        stored = _find_zones(store, campaign.number, page)
        for row in page:
            of_contact = stored.get(contact_key(row.phone), "")
            yield choice.choose(row.zone, of_contact, row.phone), row


def _find_zones(store: Store, number: str, rows: Sequence[AudienceRow]) -> Mapping[str, str]:
    """Return the zones of contacts by their names, of rows that name none."""
    names = [contact_key(row.phone) for row in rows if not row.zone]
    found = load_by_name(store, number, names)
    return {
        name: contact.vars[ZONE].strip() for name, contact in found.items() if ZONE in contact.vars
    }
