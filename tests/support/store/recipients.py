"""What becomes of a campaign's recipients, as tests write it at once."""

from gateway.core.campaigns.recipient_state import CELLS, RECIPIENT_BYTES
from gateway.store.campaigns.campaigns import Campaign, campaign_key
from gateway.store.redis.client import Store


def place(store: Store, campaign: Campaign, row: int, cell: str, code: int = 0) -> None:
    """Put one recipient into a cell, whatever the funnel counts."""
    key = f"{campaign_key(campaign.number, campaign.id)}:recipients"
    packed = bytes([CELLS.index(cell)]) + code.to_bytes(RECIPIENT_BYTES - 1)
    store.redis.setrange(key, row * RECIPIENT_BYTES, packed)
