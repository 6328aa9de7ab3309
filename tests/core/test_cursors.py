"""Cursors: a place comes back as it was written, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.api.lists.cursor import CursorMismatchError, ListPlace, read_cursor, write_cursor

SECRET = b"s" * 32
PLACES = st.builds(
    ListPlace,
    st.integers(-(1 << 60), 1 << 60),
    st.integers(-(1 << 60), 1 << 60),
    st.text("0123456789", max_size=64),
)


@given(PLACES, st.text())
def test_a_place_comes_back_as_it_was_written(place: ListPlace, scope: str) -> None:
    assert read_cursor(SECRET, scope, write_cursor(SECRET, scope, place)) == place


@given(PLACES, st.text(), st.text())
def test_a_cursor_fits_its_own_list_only(place: ListPlace, scope: str, other: str) -> None:
    cursor = write_cursor(SECRET, scope, place)

    if scope != other:
        with pytest.raises(CursorMismatchError):
            read_cursor(SECRET, other, cursor)
    with pytest.raises(CursorMismatchError):
        read_cursor(b"t" * 32, scope, cursor)


@given(st.text())
def test_no_text_is_taken_for_a_cursor(text: str) -> None:
    with pytest.raises(CursorMismatchError):
        read_cursor(SECRET, "messages", text)


@given(PLACES, st.data())
def test_a_cursor_with_another_character_is_none(place: ListPlace, data: st.DataObject) -> None:
    cursor = write_cursor(SECRET, "messages", place)
    at = data.draw(st.integers(0, len(cursor) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_"))
    changed = cursor[:at] + other + cursor[at + 1 :]

    try:
        found = read_cursor(SECRET, "messages", changed)
    except CursorMismatchError:
        return
    # The last character has bits that no byte needs.
    assert found == place
