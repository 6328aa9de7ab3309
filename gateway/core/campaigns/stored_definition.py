"""Definition of a campaign as it is stored."""

from datetime import datetime, timedelta
from typing import Any

import orjson

from gateway.core.api.field_errors import FieldReader
from gateway.core.campaigns.definition import Definition, FirstBatch, StopRules
from gateway.core.campaigns.notices.notice_form import read_notice_form, write_notice_form
from gateway.core.campaigns.quiet_hours import read_quiet_hours, write_quiet_hours
from gateway.core.storage.timestamps import datetime_from_ms, ms_from_datetime


def pack_definition(definition: Definition) -> bytes:
    """Return a definition as it is stored."""
    first, stop = definition.first, definition.stop
    row = {
        "name": definition.name,
        "number": definition.number,
        "body": definition.body,
        "pace": definition.pace,
        "start_at": _stamp(definition.start_at),
        "finish_by": _stamp(definition.finish_by),
        "first": [first.size, first.wait.total_seconds()] if first else None,
        # A release that knows three rules reads them from here, and refuses any more.
        "stop": {"failed": stop.failed, "unconfirmed": stop.unconfirmed, "over": stop.over},
        "stop_beside": {"opted_out": stop.opted_out, "quality": stop.quality},
        "stop_codes": stop.codes,
        "closed": definition.closed,
        "marketing": definition.marketing,
        "quiet": write_quiet_hours(definition.quiet),
        "notify": write_notice_form(definition.notice),
        "skip_unreachable": definition.skip_unreachable,
    }
    return orjson.dumps(row)


def unpack_definition(packed: bytes) -> Definition:
    """Return a definition as it was stored."""
    row: dict[str, Any] = orjson.loads(packed)
    first = row.get("first")
    return Definition(
        name=row["name"],
        number=row["number"],
        body=row["body"],
        pace=row["pace"],
        start_at=_moment(row["start_at"]),
        finish_by=_moment(row["finish_by"]),
        first=FirstBatch(first[0], timedelta(seconds=first[1])) if first else None,
        stop=StopRules(
            **row["stop"], **row.get("stop_beside", {}), codes=row.get("stop_codes", True)
        ),
        closed=row["closed"],
        marketing=row["marketing"],
        quiet=read_quiet_hours(FieldReader(row), "quiet"),
        notice=read_notice_form(FieldReader(row), "notify"),
        skip_unreachable=row.get("skip_unreachable", False),
    )


def _stamp(at: datetime | None) -> int | None:
    return ms_from_datetime(at) if at else None


def _moment(stamp: int | None) -> datetime | None:
    return datetime_from_ms(stamp) if stamp is not None else None
