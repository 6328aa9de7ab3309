"""A hand-over and a mute beside each other: extended, joined, and read by another release."""

from dataclasses import replace
from datetime import datetime, timedelta

import orjson
import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.hand_over import HandOver, extend
from gateway.core.contacts.serialization import pack, unpack
from gateway.core.storage.timestamps import ms_from_datetime
from tests.support.factories import ANA, NOW

HOUR = timedelta(hours=1)
FOR_AN_HOUR = HandOver(NOW, NOW + HOUR, "rule one")


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        pytest.param(
            HandOver(NOW + HOUR / 2, NOW + 2 * HOUR, "rule two"),
            HandOver(NOW, NOW + 2 * HOUR, "rule two"), id="longer",
        ),
        pytest.param(HandOver(NOW, NOW + HOUR / 2, "rule two"), FOR_AN_HOUR, id="shorter"),
        pytest.param(
            HandOver(NOW + HOUR, NOW + 2 * HOUR, "rule two"),
            HandOver(NOW + HOUR, NOW + 2 * HOUR, "rule two"), id="after the end",
        ),
    ],
)  # fmt: skip
def test_of_two_hand_overs_the_longer_counts_and_begins_with_the_first(
    new: HandOver, expected: HandOver
) -> None:
    assert extend(FOR_AN_HOUR, new) == expected


def test_contacts_that_are_one_customer_keep_the_longer_hand_over() -> None:
    longer = HandOver(NOW, NOW + 2 * HOUR, "rule two")
    one, other = Contact(ANA, hand_over=FOR_AN_HOUR), Contact("PT.1", hand_over=longer)

    assert one.merged_with(other).hand_over == longer
    assert other.merged_with(one).hand_over == longer


@pytest.mark.parametrize("muted_until", [None, NOW + HOUR / 2, NOW + HOUR, NOW + 2 * HOUR])
def test_a_mute_beside_a_hand_over_is_read_as_it_was_written(muted_until: datetime | None) -> None:
    contact = Contact(ANA, muted_until=muted_until, hand_over=FOR_AN_HOUR)

    read = unpack(ANA, b"", pack(contact))

    assert (read.muted_until, read.hand_over) == (muted_until, FOR_AN_HOUR)


@pytest.mark.parametrize("muted_until", [None, NOW + 2 * HOUR])
def test_a_release_without_hand_overs_is_silent_for_as_long(muted_until: datetime | None) -> None:
    contact = Contact(ANA, muted_until=muted_until, hand_over=FOR_AN_HOUR)

    stored = orjson.loads(pack(contact))

    assert stored["muted"] == ms_from_datetime(muted_until or NOW + HOUR)


@pytest.mark.parametrize(
    ("muted", "expected"),
    [
        pytest.param(None, (None, None), id="unmuted"),
        pytest.param(NOW + 3 * HOUR, (NOW + 3 * HOUR, FOR_AN_HOUR), id="muted for longer"),
    ],
)
def test_what_a_release_without_hand_overs_changed_of_the_mute_counts(
    muted: datetime | None, expected: tuple[datetime | None, HandOver | None]
) -> None:
    state = orjson.loads(pack(replace(Contact(ANA), hand_over=FOR_AN_HOUR)))
    changed = {name: value for name, value in state.items() if name != "muted"}
    changed |= {"muted": ms_from_datetime(muted)} if muted else {}

    read = unpack(ANA, b"", orjson.dumps(changed))

    assert (read.muted_until, read.hand_over) == expected
