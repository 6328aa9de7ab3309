"""Records of captured requests, as tools write them, and the deliveries of Meta in them.

A value of a file is a delivery itself, a line of a capture of ours, or one or more records of
ngrok's inspector, of webhook.site or of Hookdeck.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.core.capture.file_format import BEGINS, CaptureFormatError, parse_line
from gateway.core.capture.http_request import read_body
from gateway.core.events import Delivery
from gateway.core.webhook.salvage import loads

NO_DELIVERY = "is no delivery of Meta, which is an object with object and entry"
_NO_JSON = "is no JSON, and so no delivery of Meta"
_ONE_CHANGE = "is one change of a delivery: Meta posts it inside object and entry"
_NO_DATA = "has no body: ask Hookdeck for the event itself, or for the list with include=data"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CapturedRequest:
    """Body that Meta posted, and when, None if no time was recorded.

    `nth` is its place in a list of records, counted from 1, and 0 outside of one.
    """

    body: bytes
    at: datetime | None = None
    nth: int = 0


@dataclass(frozen=True, slots=True)
class Records:
    """Deliveries of one value, oldest first, and the number of requests that are no POST.

    Meta's handshake is such a request, and a browser's look at the address.
    """

    deliveries: Sequence[Delivery | CapturedRequest]
    other_count: int = 0


def read_records(raw: bytes) -> Records:
    """Return the deliveries of one JSON value. Raises CaptureFormatError.

    A captured delivery may be any bytes, since a gateway took it from Meta; anything else must be
    a delivery of Meta.
    """
    if raw.startswith(BEGINS):
        return Records([parse_line(raw)])
    match value := _parse(raw):
        case {"delivery": _} | {"received_at": _}:
            return Records([parse_line(raw)])
        case {"requests": list(records)} | {"models": list(records)} | {"data": list(records)}:
            return _read_list(records)
        case _:
            return _collect([_read_record(value, raw.strip())])


def read_request(request: bytes) -> CapturedRequest:
    """Return the delivery of an HTTP request. Raises CaptureFormatError."""
    return CapturedRequest(_checked(read_body(request)))


def _read_list(records: Sequence[Any]) -> Records:
    """Return the deliveries of a list, which some tools write newest first."""
    found = []
    for nth, record in enumerate(records, 1):
        try:
            found.append(_read_record(record, None, nth))
        except CaptureFormatError as error:
            raise CaptureFormatError(f"has a request, number {nth}, that {error}") from None
    return _collect(found)


def _collect(requests: Sequence[CapturedRequest | None]) -> Records:
    posts = [request for request in requests if request]
    return Records(_oldest_first(posts), len(requests) - len(posts))


def _oldest_first(requests: Sequence[CapturedRequest]) -> Sequence[CapturedRequest]:
    if not requests or not all(request.at for request in requests):
        return requests
    # Records of one second keep the order in which they came, also in a list of newest first.
    is_newest_first = _time(requests[0]) > _time(requests[-1])
    return sorted(requests[::-1] if is_newest_first else requests, key=_time)


def _time(request: CapturedRequest) -> datetime:
    return request.at or _EPOCH


def _read_record(value: Any, raw: bytes | None, nth: int = 0) -> CapturedRequest | None:
    """Return the delivery of a record, None if it is another request than a POST."""
    match value:
        case {"object": str(), "entry": list()}:
            return CapturedRequest(_write(value) if raw is None else raw, None, nth)
        case {"request": {"raw": str(encoded)}}:
            body, at = _read_ngrok(encoded, value["request"]), value.get("start")
        case {"content": content, "method": str()} if content is None or isinstance(content, str):
            body, at = _read_webhook_site(content or "", value), value.get("created_at")
        case {"event_data_id": _} | {"data": {"headers": _}}:
            body, at = _read_hookdeck(value.get("data")), value.get("created_at")
        case {"field": str(), "value": dict()}:
            raise CaptureFormatError(_ONE_CHANGE)
        case _:
            raise CaptureFormatError(NO_DELIVERY)
    return None if body is None else CapturedRequest(_checked(body), _parse_time(at), nth)


def _read_ngrok(encoded: str, request: Mapping[str, Any]) -> bytes | None:
    if not _is_post(request):
        return None
    try:
        return read_body(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        raise CaptureFormatError("has a raw request that is no base64") from None


def _read_webhook_site(content: str, request: Mapping[str, Any]) -> bytes | None:
    return content.encode() if _is_post(request) else None


def _read_hookdeck(data: Any) -> bytes | None:
    """Return the body, which Hookdeck parses where it is JSON: the value, not the bytes."""
    match data:
        case {"method": str(), **_rest} if not _is_post(data):
            return None
        case {"body": str(body)}:
            return body.encode()
        case {"body": dict(body)}:
            return _write(body)
        case _:
            raise CaptureFormatError(_NO_DATA)


def _is_post(request: Mapping[str, Any]) -> bool:
    return str(request.get("method", "POST")).upper() == "POST"


def _checked(body: bytes) -> bytes:
    match _parse(body):
        case {"object": str(), "entry": list()}:
            return body
        case _:
            raise CaptureFormatError(NO_DELIVERY)


def _parse(raw: bytes) -> Any:
    """Return the value of JSON, also where strings in it are damaged as Meta's may be."""
    try:
        return loads(raw)
    except orjson.JSONDecodeError:
        raise CaptureFormatError(_NO_JSON) from None


def _write(body: Any) -> bytes:
    """Return the bytes of a body of which only the value is known."""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        raise CaptureFormatError("is nested too deeply to be written again") from None


def _parse_time(value: Any) -> datetime | None:
    """Return the time of a record, in UTC where it names no zone, None if there is none."""
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at if at >= _EPOCH else None
