"""Bodies of requests about campaigns; each function raises ApiError where one cannot be read."""

from collections.abc import Sequence
from datetime import datetime

from starlette.requests import Request

from gateway.core.api.field_errors import FieldReader
from gateway.core.api.message_request import read_moment
from gateway.core.campaigns.checks.check import CHECK_ID_LENGTH
from gateway.core.campaigns.retry_source import SCOPES, Scope
from gateway.store.campaigns.uploads.repetition import WARNING
from gateway.web.api.json_body import read_body, read_object
from gateway.web.api.problems import ApiError

MOST_WHY = 200
MOST_TO = 64
MOST_CODES = 100


async def read_why(request: Request) -> str:
    """Return why a campaign is paused or cancelled."""
    reader = await _open(request, "why")
    why = reader.text("why", MOST_WHY)
    if not why and not reader.errors:
        reader.add("why", "is missing: operators are shown it")
    _refuse_wrong(reader)
    return why


async def read_check_id(request: Request) -> str:
    """Return the check after which a campaign is to start."""
    reader = await _open(request, "check_id") if await read_body(request) else FieldReader({})
    check_id = reader.text("check_id", CHECK_ID_LENGTH)
    if not check_id and not reader.errors:
        reader.add("check_id", "is missing: the answer of the check that was looked at has it")
    _refuse_wrong(reader)
    return check_id


async def read_finish_by(request: Request) -> datetime | None:
    """Return until when a campaign that is resumed goes on, None for a request that leaves it."""
    if not await read_body(request):
        return None
    reader = await _open(request, "finish_by")
    finish_by = read_moment(reader, "finish_by")
    _refuse_wrong(reader)
    return finish_by


async def read_to(request: Request) -> str:
    """Return to which number a trial goes."""
    reader = await _open(request, "to")
    to = reader.text("to", MOST_TO)
    if not to and not reader.errors:
        reader.add("to", "is missing: the phone number that gets the message")
    _refuse_wrong(reader)
    return to


async def read_retry(request: Request) -> tuple[Scope, Sequence[int]]:
    """Return whom a repetition is for: a cell of the funnel, and Meta's codes, () for all."""
    reader = await _open(request, "scope", "codes", "accept_duplicates")
    scope = next((one for one in SCOPES if one == reader.fields.get("scope")), None)
    if scope is None:
        reader.add("scope", f"must be {', '.join(SCOPES[:-1])} or {SCOPES[-1]}")
    codes = reader.fields.get("codes") or []
    is_list = isinstance(codes, list) and len(codes) <= MOST_CODES
    if not is_list or not all(type(code) is int for code in codes):
        reader.add("codes", f"must be a list of up to {MOST_CODES} of Meta's codes")
    elif codes and scope != "failed":
        reader.add("codes", "must be left out: only those who failed have a code")
    accepts = reader.flag("accept_duplicates")
    if scope == "unconfirmed" and not accepts and not reader.errors:
        reader.add("accept_duplicates", f"must be true, since {WARNING}")
    _refuse_wrong(reader)
    return scope or SCOPES[0], codes


async def _open(request: Request, *fields: str) -> FieldReader:
    reader = FieldReader(await read_object(request))
    reader.refuse_unknown(frozenset(fields))
    return reader


def _refuse_wrong(reader: FieldReader) -> None:
    if reader.errors:
        raise ApiError("invalid", errors=reader.errors)
