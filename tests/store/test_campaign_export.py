"""Export of a campaign: a line for each recipient, whatever is lost of what is stored of them."""

from typing import Any

import pytest

from gateway.core.campaigns.recipient_state import CELLS
from gateway.store.body_codec import UnknownRecordError
from gateway.store.campaigns.audience import CHUNK, iter_recipients
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.campaigns.recipients.export import iter_export
from gateway.store.campaigns.recipients.page import RecipientFilter, read_recipient_page
from gateway.store.redis.client import Store
from tests.support.store.campaigns import BODIES, a_campaign, phone
from tests.support.store.raw import raw

pytestmark = pytest.mark.store

LAST = CHUNK + 1


def lines(store: Store, campaign: Campaign) -> list[str]:
    return "".join(iter_export(store, BODIES, campaign)).splitlines()[1:]


def key_of(store: Store, campaign: Campaign, what: str) -> str:
    (key,) = raw(store).keys(f"*campaign:{campaign.id}:{what}")
    name: Any = key
    return str(name.decode() if isinstance(name, bytes) else name)


def mark_failed(store: Store, campaign: Campaign, row: int, code: int) -> None:
    state = bytes([CELLS.index("failed")]) + code.to_bytes(3)
    raw(store).setrange(key_of(store, campaign, "recipients"), 4 * row, state)


def test_recipients_of_a_lost_chunk_have_a_line_with_what_is_known(store: Store) -> None:
    campaign = a_campaign(store, LAST)
    mark_failed(store, campaign, 1, 131026)
    raw(store).delete(key_of(store, campaign, "chunk:*:0"))

    found = lines(store, campaign)

    assert len(found) == LAST
    assert found[0] == ",,waiting,,,,,,"
    assert found[1].startswith(",,failed,131026,")
    assert found[CHUNK] == f"{phone(CHUNK)},+{phone(CHUNK)},waiting,,,,,,"


def test_recipients_of_a_damaged_chunk_have_a_line_as_well(store: Store) -> None:
    campaign = a_campaign(store, LAST)
    raw(store).set(key_of(store, campaign, "chunk:*:0"), b"\x03damaged")

    found = lines(store, campaign)

    assert (len(found), found[0]) == (LAST, ",,waiting,,,,,,")
    page = read_recipient_page(store, BODIES, campaign, RecipientFilter(), CHUNK - 1, 2)
    assert [one.phone for one in page.recipients] == ["", phone(CHUNK)]
    # Who repeats a campaign must not leave them out without a word.
    with pytest.raises(UnknownRecordError):
        list(iter_recipients(store, BODIES, campaign))


def test_recipients_have_a_line_where_it_is_lost_what_became_of_them(store: Store) -> None:
    campaign = a_campaign(store, 2)
    raw(store).delete(key_of(store, campaign, "recipients"))

    assert lines(store, campaign) == [f"{phone(i)},+{phone(i)},,,,,,," for i in range(2)]
