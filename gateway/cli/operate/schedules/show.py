"""A schedule on the screen: when it sends, how often it did, and what became of its last sends."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import typer

from gateway.cli.common.output import print_json
from gateway.core.formats import pluralize
from gateway.store.api.schedules.rows import StoredSchedule
from gateway.store.sending.lookup import TracedSend
from gateway.web.api.messages.schedules.view import view_details


def format_moment(moment: datetime | None, zone: str) -> str:
    """Format a moment in a time zone, with its offset; "" for none."""
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %z}" if moment else ""


def print_schedule(stored: StoredSchedule, sends: Mapping[str, TracedSend], *, json: bool) -> None:
    """Print a schedule."""
    shown = view_details(stored, sends, with_message=json)
    if json:
        print_json(shown)
        return
    for line in _lines(shown):
        typer.echo(line)


def _lines(shown: Mapping[str, Any]) -> Iterator[str]:
    zone = shown["zone"]
    name = f" ({shown['name']})" if shown["name"] else ""
    yield f"{shown['id']}{name} is {shown['status']}."
    yield f"  sends from {shown['from']} at '{shown['cron']}' in {zone}"
    if shown["until"]:
        yield f"  until {format_moment(shown['until'], zone)}"
    of = f" of {shown['count']}" if shown["count"] else ""
    yield (
        f"  {shown['sent']}{of} sent, {shown['skipped']} missed, "
        f"{pluralize(shown['failed'], 'failure')}"
    )
    for moment in shown["upcoming"]:
        yield f"  {format_moment(moment, zone)}  next"
    for one in shown["last"]:
        yield f"  {format_moment(one['at'], zone)}  {one['status']:10} {one['id'] or ''}".rstrip()
