"""Lists of records are replayed oldest first, in whatever order a tool writes them."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.capture.file_format import CaptureFormatError
from gateway.core.capture.records import CapturedRequest, read_records
from gateway.core.events import Delivery

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


def body(n: int) -> bytes:
    return b'{"object":"page","entry":[%d]}' % n


def record(n: int, at: datetime | None) -> dict[str, Any]:
    raw = base64.b64encode(b"POST / HTTP/1.1\r\n\r\n" + body(n)).decode()
    return {"request": {"method": "POST", "raw": raw}} | ({"start": at.isoformat()} if at else {})


LATER = AT + timedelta(seconds=1)
ORDERS: dict[str, tuple[list[datetime | None], list[int]]] = {
    "oldest first": ([AT, AT, LATER], [0, 1, 2]),
    "newest first": ([LATER, AT, AT], [2, 1, 0]),
    "mixed": ([AT, LATER, AT], [0, 2, 1]),
    "one without a time": ([LATER, None, AT], [0, 1, 2]),
    "one": ([AT], [0]),
    "none": ([], []),
}


@pytest.mark.parametrize(("times", "order"), ORDERS.values(), ids=ORDERS)
def test_records_come_out_oldest_first(times: list[datetime | None], order: list[int]) -> None:
    written = {"requests": [record(n, at) for n, at in enumerate(times)]}

    found = read_records(orjson.dumps(written)).deliveries

    assert [one.body for one in found] == [body(n) for n in order]


def test_a_record_is_known_by_its_place_in_the_list() -> None:
    written = orjson.dumps({"requests": [record(1, LATER), record(2, AT)]})

    assert read_records(written).deliveries == [
        CapturedRequest(body(2), AT, 2),
        CapturedRequest(body(1), LATER, 1),
    ]


def test_nanoseconds_and_zones_of_a_time_are_read() -> None:
    written = record(1, None) | {"start": "2026-11-22T14:00:00.123456789+02:00"}

    (found,) = read_records(orjson.dumps(written)).deliveries

    assert found == CapturedRequest(body(1), AT.replace(microsecond=123456))


def test_a_body_that_meta_damaged_stays_as_it_is() -> None:
    damaged = b'{"object": "page", "entry": [], "name": "\xff"}'

    assert read_records(damaged).deliveries == [CapturedRequest(damaged)]


def test_a_captured_delivery_may_hold_any_bytes() -> None:
    line = b'{"received_at":"2026-11-22T12:00:00Z","body":"no JSON"}\n'

    (found,) = read_records(line).deliveries

    assert isinstance(found, Delivery)
    assert (found.body, found.received_at) == (b"no JSON", AT)


def test_a_body_that_hookdeck_parsed_is_written_again() -> None:
    parsed = {"object": "page", "entry": [{"id": "1"}]}
    written = orjson.dumps({"data": {"headers": {}, "body": parsed}})

    assert read_records(written).deliveries == [CapturedRequest(orjson.dumps(parsed))]


NAMES = st.sampled_from(
    ["object", "entry", "requests", "models", "data", "request", "raw", "method", "start", "body",
     "content", "created_at", "headers", "event_data_id", "delivery", "received_at", "field"]
)  # fmt: skip
TEXTS = st.sampled_from(["POST", "GET", "0001-01-01", "UE9TVA==", "{", "é", ""])
SHAPES = st.recursive(
    st.none() | st.integers(0, 9) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, SHAPES).map(orjson.dumps) | st.binary())
def test_whatever_a_file_holds_is_read_or_refused(raw: bytes) -> None:
    try:
        found = read_records(raw).deliveries
    except CaptureFormatError:
        found = []
    assert all(isinstance(one, Delivery) or b'"entry"' in one.body for one in found)


def test_a_body_that_is_too_deep_to_be_written_again_is_refused() -> None:
    deep = b"[" * 300 + b"]" * 300

    with pytest.raises(CaptureFormatError, match="number 1, that is nested too deeply"):
        read_records(b'{"requests": [{"object": "page", "entry": ' + deep + b"}]}")
