"""A file of JSON comes apart into its values, byte for byte, however it is cut into chunks."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.capture.json_values import JsonValuesError, RawValue, split_lines, split_values

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
# Making larger ones takes seconds, and shows no more.
OBJECTS = st.lists(st.dictionaries(st.text(), VALUES, max_size=3), max_size=5)


def in_chunks(content: bytes, size: int) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


@given(OBJECTS, st.integers(1, 9), st.sampled_from([None, 1]), st.booleans())
def test_values_come_out_as_they_are_written(
    objects: list[object], size: int, indent: int | None, ascii_only: bool
) -> None:
    written = [json.dumps(one, indent=indent, ensure_ascii=ascii_only) for one in objects]
    raw = [one.encode(errors="surrogatepass") for one in written]

    as_list = in_chunks(b"[" + b" ,\n".join(raw) + b"]\n", size)
    in_a_row = in_chunks(b"\n".join(raw), size)

    assert [one.raw for one in split_values(as_list, 10_000)] == raw
    assert [one.raw for one in split_values(in_a_row, 10_000)] == raw


@given(st.lists(st.binary(max_size=9)), st.integers(1, 9))
def test_lines_come_out_as_they_are_written(lines: list[bytes], size: int) -> None:
    content = b"\n".join(lines)
    *whole, rest = content.split(b"\n")
    numbered = enumerate([*(line + b"\n" for line in whole), rest], 1)

    assert list(split_lines(in_chunks(content, size), 1000)) == [
        RawValue(line, number) for number, line in numbered if line.strip()
    ]


def test_a_value_says_on_which_line_it_begins() -> None:
    found = list(split_values([b'[{"a":\n1},\n\n{"b": 2}]'], 100))

    assert found == [RawValue(b'{"a":\n1}', 1), RawValue(b'{"b": 2}', 4)]


def test_damage_takes_along_all_that_follows_it() -> None:
    found = list(split_values([b'{"a": 1}\n{"b": \n{"c": 3}'], 100))

    assert found == [RawValue(b'{"a": 1}', 1), RawValue(b'{"b": \n{"c": 3}', 2)]


ODD = {
    "bytes that are no UTF-8": b'{"a": "\xff"}',
    "a number with many digits": b'{"a": ' + b"1" * 5000 + b"}",
    "a line end in a text": b'{"a": "\n"}',
    "half of a pair": b'{"a": "\\ud83d"}',
    "depth": b'{"a":' * 100_000,
}


@pytest.mark.parametrize("raw", ODD.values(), ids=ODD)
def test_odd_values_come_out_byte_for_byte(raw: bytes) -> None:
    assert [one.raw for one in split_values(in_chunks(raw, 1000), 10**6)] == [raw]


def test_a_value_may_not_be_longer_than_allowed() -> None:
    with pytest.raises(JsonValuesError, match="longer than any delivery") as refused:
        list(split_values(in_chunks(b'\n{"a": "' + b"x" * 500 + b'"}', 10), 99))
    assert refused.value.line == 2


def test_a_line_may_not_be_longer_than_allowed() -> None:
    with pytest.raises(JsonValuesError, match="longer than any delivery") as refused:
        list(split_lines(in_chunks(b"1\n" + b"x" * 500, 10), 99))
    assert refused.value.line == 2


def test_a_list_needs_its_end() -> None:
    with pytest.raises(JsonValuesError, match="its list has no end"):
        list(split_values([b"[{},"], 99))
