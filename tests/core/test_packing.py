"""What a send leaves behind, written in few bytes and read again."""

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.sending import compact_record
from gateway.core.sending.send import PRIORITIES
from gateway.core.storage.binary_fields import Packer, Unpacker

IDS = st.text(string.ascii_lowercase + string.digits, max_size=40)
WAMIDS = st.binary(max_size=50).map(lambda raw: "wamid." + base64.b64encode(raw).decode())


def packed(text: str) -> bytes:
    packer = Packer()
    packer.text(text)
    return packer.to_bytes()


@given(st.one_of(st.text(max_size=30), IDS, WAMIDS, WAMIDS.map(lambda text: text[:-1])))
def test_each_text_comes_out_as_it_went_in(text: str) -> None:
    assert Unpacker(packed(text)).text() == text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("abcdefghijklmnopqrstuvwx", 15),  # the id of a send
        ("0123456789abcdef" * 2, 16),  # of a record
        ("351900000001", 6),
        ("wamid." + base64.b64encode(bytes(42)).decode(), 42),
        ("order-received", 14),
        ("", 0),
    ],
)
def test_ids_take_half_of_their_letters(text: str, size: int) -> None:
    assert len(packed(text)) - size in (1, 2)


@given(st.integers(0, 2**60), st.integers(-(2**60), 2**60))
def test_each_number_comes_out_as_it_went_in(count: int, offset: int) -> None:
    packer = Packer()
    packer.count(count)
    packer.offset(offset)
    unpacker = Unpacker(packer.to_bytes())
    assert (unpacker.count(), unpacker.offset()) == (count, offset)


def test_a_record_that_is_cut_or_of_another_release_is_an_error() -> None:
    with pytest.raises(ValueError, match="cut short"):
        Unpacker(packed("order-received")[:-1]).text()
    with pytest.raises(compact_record.UnknownFormError):
        compact_record.read_row(b"\x7f")


def test_the_place_of_a_stage_in_a_record_never_changes() -> None:
    assert compact_record.STAGES[:14] == (
        "queued", "attempting", "unconfirmed", "accepted", "sent", "failed", "delivered", "read",
        "played", "dead", "expired", "dropped", "parked", "redriven",
    )  # fmt: skip


@pytest.mark.parametrize("priority", PRIORITIES)
def test_a_record_knows_its_priority(priority: str) -> None:
    row = {"stage": "read", "rung": "7", "rank": priority, "lane": "1", "row": "{}", "final": "1"}
    packed = compact_record.pack("one", row | {"planned": "7", "expires": "9", "attempts": "1"}, {})

    _, found = compact_record.read_row(packed.record)

    assert (found["rank"], found["final"]) == (priority, "1")
    # An older release finds notices among the replies.
    assert bool(packed.head[0] & compact_record.IS_BULK) is (priority == "bulk")


@pytest.mark.parametrize(("attempts", "begun"), [("0", {}), ("2", {"first": "7", "began:2": "7"})])
def test_an_attempt_may_begin_in_the_millisecond_of_its_planning(
    attempts: str, begun: dict[str, str]
) -> None:
    row = {"stage": "accepted", "rung": "3", "rank": "reply", "lane": "1", "row": "{}"}
    row |= {"planned": "7", "expires": "9", "attempts": attempts, **begun}

    _, found = compact_record.read_row(compact_record.pack("one", row, {}).record)

    assert {name: found[name] for name in found if name.startswith(("first", "began"))} == begun
