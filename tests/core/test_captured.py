"""A captured delivery comes back from its line byte for byte, or a sentence says why not."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.capture.file_format import BEGINS, CaptureFormatError, format_line, parse_line
from gateway.core.events import Delivery

AT = datetime(2026, 11, 22, 19, 21, 41, 552_000, UTC)
WHOLE = format_line(Delivery("3:1795375301552-0", AT, b"{}"))


@given(st.binary() | st.text().map(str.encode))
def test_exact_bytes_come_back(body: bytes) -> None:
    kept = Delivery("3:1795375301552-0", AT, body, "shop", "1", "meta")

    assert parse_line(format_line(kept)) == kept


@given(st.binary() | st.text().map(str.encode))
def test_a_delivery_is_one_line_whatever_it_holds(body: bytes) -> None:
    written = format_line(Delivery("3:1-0", AT, body))

    assert written.count(b"\n") == 1
    assert written.endswith(b"}\n")
    assert written.startswith(BEGINS)


def test_text_is_written_as_text() -> None:
    assert '"body":"said: café"'.encode() in format_line(Delivery("", AT, "said: café".encode()))


def test_what_no_inbox_named_is_named_by_its_time() -> None:
    assert (
        parse_line(b'{"received_at":"2026-11-22T19:21:41.552Z","body":""}').id
        == "0:1795375301552-0"
    )


def test_a_moment_without_a_zone_is_utc() -> None:
    assert parse_line(b'{"received_at":"2026-11-22T19:21:41.552","body":""}').received_at == AT


TIME = b'"received_at":"2026-11-22T00:00:00Z"'
WRONG = {
    "cut in its body": (WHOLE[:-5], "is cut in the middle"),
    "cut after a brace": (WHOLE[:1], "is cut in the middle"),
    "damaged": (b'{"delivery":\n', "is no JSON"),
    "another thing": (b"[]\n", "is no JSON object"),
    "without a time": (b'{"body":""}\n', "has no received_at"),
    "with a time that is none": (b'{"received_at":"noon","body":""}\n', "has no received_at"),
    "with a number for a time": (b'{"received_at":7,"body":""}\n', "has no received_at"),
    "before computers": (b'{"received_at":"0001-01-01","body":""}\n', "before 1970"),
    "without a body": (b"{" + TIME + b"}\n", "has neither body nor body_base64"),
    "with a parsed body": (b"{" + TIME + b',"body":{}}\n', "has neither body nor body_base64"),
    "with odd base64": (b"{" + TIME + b',"body_base64":"?"}\n', "is no base64"),
    "with another place": (b"{" + TIME + b',"body":"","delivery":"x"}\n', "no place in an inbox"),
    "with a listed origin": (b"{" + TIME + b',"body":"","origin":[]}\n', "origin that is no text"),
}


@pytest.mark.parametrize(("written", "why"), WRONG.values(), ids=WRONG)
def test_what_is_no_captured_delivery_says_why(written: bytes, why: str) -> None:
    with pytest.raises(CaptureFormatError, match=why):
        parse_line(written)
