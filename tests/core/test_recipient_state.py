"""Recipients in a text of states are found by their cell and Meta's code."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.campaigns.recipient_state import (
    CELLS,
    campaign_send_id,
    find_recipients,
    iter_states,
    read_campaign_send_id,
)

# Codes whose bytes are those of cells, or of other codes one place further.
CODES = st.sampled_from([0, 1, 6, 256, 1_536, 65_536, 393_216, 131_026, 131_049])
STATES = st.lists(st.tuples(st.integers(0, len(CELLS) - 1), CODES), max_size=40)


@given(STATES, st.frozensets(st.sampled_from(CELLS)), CODES)
def test_those_are_found_who_are_in_the_cells_and_have_the_code(
    states: list[tuple[int, int]], cells: frozenset[str], code: int
) -> None:
    packed = b"".join(bytes([cell]) + code.to_bytes(3) for cell, code in states)

    assert list(find_recipients(packed, cells, code)) == [
        (place, state)
        for place, state in enumerate(iter_states(packed))
        if state.cell in cells and code in (0, state.code)
    ]


def test_the_id_of_a_send_names_its_campaign_and_recipient() -> None:
    assert read_campaign_send_id(campaign_send_id("k7f3abcdm2qx", 999_999)) == (
        "k7f3abcdm2qx",
        999_999,
    )
    assert [read_campaign_send_id(one) for one in ("", "1", "s" * 24, "1" + "s" * 23)] == [None] * 4
