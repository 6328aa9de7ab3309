"""A place is packed into few bytes and comes back as it was, whatever release wrote it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.storage.event_places import pack, unpack

PLACES = st.builds(
    "{}:{}-{}/{}".format,
    st.integers(0, 70),
    st.integers(0, 1 << 49),
    st.integers(0, (1 << 64) - 1),
    st.integers(0, 9_999_999_999),
)
ODD = st.from_regex(r"\A[0-9]{1,3}:[0-9]{1,16}-[0-9]{1,21}/[0-9]{1,11}\Z")


@given(PLACES | ODD)
def test_a_place_comes_back_as_it_was(place: str) -> None:
    assert unpack(pack(place)) == place


@given(st.lists(PLACES, min_size=2, max_size=2, unique=True))
def test_two_places_are_never_packed_alike(places: list[str]) -> None:
    assert pack(places[0]) != pack(places[1])


@pytest.mark.parametrize("partition", range(64))
def test_a_place_of_any_partition_is_packed(partition: int) -> None:
    assert len(pack(f"{partition}:1763830000000-99/17")) == 9


def test_a_packed_place_never_changes() -> None:
    assert pack("3:1763830000000-300/17").hex() == "83019aac75e980ac0211"


@pytest.mark.parametrize(
    "place", ["64:1-0/0", "03:1-0/0", "3:281474976710656-0/0", "shadow/7", "", "3:1-0/٣"]
)
def test_what_does_not_fit_stays_text(place: str) -> None:
    assert pack(place) == place.encode()


def test_what_an_older_release_wrote_is_read() -> None:
    assert unpack(b"3:1763830000000-0/17") == "3:1763830000000-0/17"


def test_what_breaks_off_is_refused() -> None:
    with pytest.raises(ValueError, match="ends within"):
        unpack(pack("3:1763830000000-300/17")[:8])
