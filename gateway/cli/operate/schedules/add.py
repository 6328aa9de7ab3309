"""`gateway schedules add`: make a schedule by the same code as the API."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from gateway.accounts.account import Accounts
from gateway.accounts.source import AccountsSource
from gateway.cli.common import errors
from gateway.cli.common.options import Json
from gateway.cli.common.store import open_own_store
from gateway.cli.local import target
from gateway.cli.operate.messages.content import (
    From,
    Language,
    Param,
    Template,
    Text,
    To,
    WhenClosed,
    check_encoding,
    read_content,
)
from gateway.cli.operate.messages.listing import known_numbers
from gateway.cli.operate.messages.send import check_templates
from gateway.cli.operate.schedules.show import print_schedule
from gateway.core.api.field_errors import FieldError
from gateway.core.api.message_request import MessageRequest, read_request
from gateway.core.api.schedules.request import SendingNumber, read_schedule
from gateway.core.api.schedules.schedule import Schedule
from gateway.store import number_list
from gateway.store.api.accept_calls import new_id
from gateway.store.api.schedules.book import ScheduleBook
from gateway.store.api.schedules.rows import StoredSchedule
from gateway.store.body_codec import Bodies


def add(
    cron: Annotated[str, typer.Argument(help="Five fields, such as '0 9 * * MON-FRI'.")],
    to: To,
    text: Text = "",
    template: Template = "",
    language: Language = "en",
    param: Param = None,
    zone: Annotated[
        str, typer.Option(help="IANA time zone. Unset: the time_zone of the account.")
    ] = "",
    missed: Annotated[
        str, typer.Option(help="Moments more than a minute late: skip, or once for all.")
    ] = "skip",
    until: Annotated[
        str, typer.Option(help="No send after it: 2027-01-01T00:00+01:00. Unset: no end.")
    ] = "",
    count: Annotated[int, typer.Option(help="So many sends in all. 0: no end.", min=0)] = 0,
    name: Annotated[str, typer.Option(help="Your own name of the schedule.")] = "",
    number: From = "",
    when_closed: WhenClosed = "fail",
    json: Json = False,
) -> None:
    """Send a message to a customer again and again."""
    check_encoding(cron, to, text, template, language, zone, number, name, *(param or ()))
    content = read_content(text, template, language, param or ())
    message = {"to": to, **content, "when_closed": when_closed}
    optional = {"zone": zone, "until": until, "count": count, "name": name}
    fields: dict[str, Any] = {"cron": cron, "missed": missed, "message": message}
    fields |= {key: value for key, value in optional.items() if value}
    settings = target.settings()
    with errors.exit_on_config_error():
        accounts = AccountsSource(settings).current()
    with open_own_store(settings, "so nothing was stored") as store:
        book = ScheduleBook(store, Bodies(settings.encryption_keys))
        number = _choose_number(accounts, number, number_list.numbers_at_meta(store))
        schedule = _read(book, accounts, number, fields)
        request = read_request(schedule.message)
        if isinstance(request, MessageRequest):
            check_templates(settings, accounts, schedule.message, request)
        stored = _create(book, known_numbers(store, accounts), number, schedule)
        print_schedule(stored, {}, json=json)


def _choose_number(accounts: Accounts, given: str, listed: Sequence[str]) -> str:
    number = given or accounts.default_number
    if not number:
        raise errors.fail("Say with --from which number sends: there is no default account.")
    if number not in accounts.numbers_among(listed):
        raise errors.fail(f"{number} is none of our numbers.")
    return number


def _create(
    book: ScheduleBook, numbers: Sequence[str], number: str, schedule: Schedule
) -> StoredSchedule:
    id_, now = new_id(), schedule.created_at or book.now()
    if book.create(numbers, number, id_, schedule, now) != "written":
        raise errors.fail(f"There are {book.most:,} schedules already: remove some.")
    stored = book.find([number], id_)
    assert stored  # noqa: S101 - it was written a moment ago
    return stored


def _read(
    book: ScheduleBook, accounts: Accounts, number: str, fields: Mapping[str, Any]
) -> Schedule:
    owner = accounts.owner_of(number)
    zone = owner.time_zone if owner else ""
    sender = SendingNumber(number, zone, accounts.country_of(number))
    schedule, problems = read_schedule(fields, sender, book.now())
    if schedule is None:
        raise _refuse(problems)
    return schedule


def _refuse(problems: Sequence[FieldError]) -> typer.Exit:
    """Print each mistake on a line; the option or argument has the name of the field."""
    places = (one.pointer.removeprefix("#/").removeprefix("message/") for one in problems)
    lines = [f"{place}: {one.detail}" for place, one in zip(places, problems, strict=True)]
    return errors.fail("The schedule cannot be made:\n  " + "\n  ".join(lines))
