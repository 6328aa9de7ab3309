"""Campaigns as tests make them, and how their sends go."""

import io
from typing import Any

from gateway.core.campaigns.audience import AudienceReader
from gateway.core.campaigns.definition import Definition, read_definition
from gateway.core.messages.price_list import PriceList
from gateway.store.body_codec import Bodies
from gateway.store.campaigns import campaigns
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.campaigns.check import CheckInputs
from gateway.store.campaigns.drafts import create_campaign
from gateway.store.campaigns.uploads.audience_writer import store_audience
from gateway.store.redis.client import Store
from gateway.tables.table import read_table
from tests.support.factories import NUMBER

BODIES = Bodies()
INPUTS = CheckInputs(50, lambda _: [], lambda _: (None, False), None, PriceList())
SPRING: dict[str, Any] = {
    "name": "spring",
    "template": {"name": "spring", "language": "en", "params": ["{{ first }}"]},
    "pace": 1_000,
    "first": {"size": 0},
}


def a_definition(**others: Any) -> Definition:
    found = read_definition(SPRING | others)
    assert isinstance(found, Definition), found
    return found


def phone(i: int) -> str:
    return str(351900000000 + i)


def csv_of(count: int, start: int = 0) -> bytes:
    lines = [f"+{phone(i)},Ana {i}" for i in range(start, start + count)]
    return "\n".join(["phone,first", *lines]).encode()


def a_campaign(store: Store, count: int = 3, **others: Any) -> Campaign:
    """Make a draft with an audience of so many recipients."""
    id_ = create_campaign(store, BODIES, NUMBER, a_definition(**others))
    give_audience(store, read(store, id_), csv_of(count))
    return read(store, id_)


def give_audience(store: Store, campaign: Campaign, content: bytes) -> AudienceReader:
    definition = campaign.definition
    reader = AudienceReader(definition.columns, reads_zones=bool(definition.quiet))
    rows = reader.read(read_table(io.BytesIO(content)))
    store_audience(store, BODIES, campaign, reader, rows)
    return reader


def read(store: Store, campaign: Campaign | str) -> Campaign:
    id_ = campaign if isinstance(campaign, str) else campaign.id
    found = campaigns.read_campaign(store, BODIES, id_)
    assert found
    return found


def cells(store: Store, campaign: Campaign) -> dict[str, int]:
    """Return the cells that hold somebody."""
    funnel = read(store, campaign).funnel
    return {cell: count for cell, count in funnel.cells.items() if count}
