"""Filters behind `|` in a placeholder: functions that cannot fail, loop or grow."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from babel import Locale, UnknownLocaleError, dates

from gateway.core.paths.table import find_path


class DayPhrases(NamedTuple):
    """Phrases of one language for days; `far` has the day of the month and its month."""

    today: str
    tomorrow: str
    near: str
    far: str


# Babel knows the names of days and months in every language, but not how a sentence uses them.
PHRASES: Mapping[str, DayPhrases] = {
    "en": DayPhrases(
        "today at {time}", "tomorrow at {time}", "{day} at {time}", "{date} {month} at {time}"
    ),
    "pt": DayPhrases(
        "hoje às {time}", "amanhã às {time}", "{day} às {time}", "{date} de {month} às {time}"
    ),
    "es": DayPhrases(
        "hoy a las {time}",
        "mañana a las {time}",
        "el {day} a las {time}",
        "el {date} de {month} a las {time}",
    ),
    "fr": DayPhrases(
        "aujourd'hui à {time}", "demain à {time}", "{day} à {time}", "le {date} {month} à {time}"
    ),
    "de": DayPhrases(
        "heute um {time}", "morgen um {time}", "{day} um {time}", "am {date}. {month} um {time}"
    ),
}
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2,3})?")
_ALIASES = {"prs_AF": "fa_AF"}  # Meta's code -> CLDR's code for the same language


def find_locale(language: str) -> Locale | None:
    """Find the locale of a language that Meta's templates have, such as pt or pt_BR.

    Babel reads it from the files of its own package, once, on the first request.
    """
    if not _LANGUAGE.fullmatch(language):
        return None
    for name in (_ALIASES.get(language, language), language.partition("_")[0]):
        with suppress(UnknownLocaleError, ValueError):
            return Locale.parse(name)
    return None


def format_moment(moment: datetime, now: datetime, language: str = "en") -> str:
    """Format a moment as a human would who looks at the calendar of its zone.

    Raises ValueError for an unknown language.
    """
    if (locale := find_locale(language)) is None:
        raise ValueError(f"no such language: {language}")
    days_ahead = (moment.date() - now.astimezone(moment.tzinfo).date()).days
    phrases = PHRASES.get(locale.language)
    if phrases is None:
        return _format_plainly(moment, days_ahead, locale)
    near = {0: phrases.today, 1: phrases.tomorrow} | dict.fromkeys(range(2, 7), phrases.near)
    return near.get(days_ahead, phrases.far).format(
        time=f"{moment:%H:%M}",
        day=dates.format_date(moment, "EEEE", locale),
        date=moment.day,
        month=dates.format_date(moment, "MMMM", locale),
    )


def _format_plainly(moment: datetime, days_ahead: int, locale: Locale) -> str:
    """Format the day of the week or the date, and the time, in a language without phrases."""
    if days_ahead in range(7):
        day = dates.format_date(moment, "EEEE", locale)
    else:
        day = dates.format_skeleton("MMMMd", moment, locale=locale)
    time = dates.format_time(moment, "short", locale=locale)
    return str(dates.get_datetime_format(locale=locale)).format(time, day)


Value = str | datetime | None
# A service answers with texts, some of which are moments.
Kind = Literal["text", "moment", "answered"]
ANSWERED = "answer."  # how the names of a service's answer begin
# Returns the error of an argument, "" if there is none.
Argument = Callable[[Any], str]

PATTERN = re.compile(r"(%[aAbBdHIjmMpyY%]|[^%]){1,64}")


@dataclass(frozen=True, slots=True)
class PlaceholderFilter:
    """A function from a value to a text, and the arguments that it may be given."""

    run: Callable[..., str]  # takes the value, and now if that is a moment; then the arguments
    description: str
    example: str = ""  # of its arguments
    input_kind: Kind = "text"
    arguments: tuple[Argument, ...] = ()  # all optional


def kind_of(name: str) -> Kind:
    """Return the kind of value that a name has."""
    if name.startswith(ANSWERED):
        return "answered"
    if name == "now" or (name.startswith("hours.") and name.count(".") == 2):
        return "moment"
    path = find_path(name) if "." in name else None
    return "moment" if path and path.kind == "moment" else "text"


def _check_text(value: Any) -> str:
    return "" if isinstance(value, str) else "takes a text"


def _check_length(value: Any) -> str:
    is_length = isinstance(value, int) and 0 < value <= 4096
    return "" if is_length else "takes a number from 1 to 4096"


def _check_pattern(value: Any) -> str:
    if isinstance(value, str) and PATTERN.fullmatch(value):
        return ""
    return "takes a pattern such as '%d/%m/%Y'"


def _check_language(value: Any) -> str:
    is_known = isinstance(value, str) and find_locale(value)
    return "" if is_known else "takes a language of Meta's templates, such as 'pt' or 'pt_BR'"


def _truncate(text: str, length: int = 80) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _first_word(text: str) -> str:
    return next(iter(text.split(maxsplit=1)), "")


def parse_moment(text: str) -> datetime | None:
    """Return the moment that a text is in ISO 8601, in UTC where it names no zone."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _format_when(moment: datetime | None, now: datetime, language: str = "en") -> str:
    return format_moment(moment, now, language) if moment else ""


def _strftime_filter(default: str) -> Callable[..., str]:
    def show(moment: datetime | None, _: datetime, pattern: str = default) -> str:
        return moment.strftime(pattern) if moment else ""

    return show


def escape_url_part(text: str) -> str:
    """Escape a text so that it is one part of a URL and nothing more."""
    return quote(text, safe="")


FILTERS: Mapping[str, PlaceholderFilter] = {
    "default": PlaceholderFilter(
        lambda text, fallback="": text or fallback,
        "this instead, where the text is empty",
        "('there')",
        arguments=(_check_text,),
    ),
    "lower": PlaceholderFilter(str.lower, "the text in small letters"),
    "upper": PlaceholderFilter(str.upper, "the text in capital letters"),
    "capitalize": PlaceholderFilter(str.capitalize, "the text with a capital letter in front"),
    "title": PlaceholderFilter(str.title, "the text with a capital letter in front of each word"),
    "trim": PlaceholderFilter(str.strip, "the text without the space around it"),
    "truncate": PlaceholderFilter(
        _truncate, "the text, of which so many characters stay", "(20)", arguments=(_check_length,)
    ),
    "first_word": PlaceholderFilter(_first_word, "the first word of the text"),
    "urlencode": PlaceholderFilter(escape_url_part, "the text as a part of a URL"),
    "when": PlaceholderFilter(
        _format_when,
        "of a moment: today at 18:00, tomorrow at 09:00, Monday at 09:00, 7 January at 09:00; "
        "in any language of Meta's templates; but for "
        f"{', '.join(sorted(PHRASES))}, today and tomorrow are told by the day of the week",
        "('pt')",
        "moment",
        (_check_language,),
    ),
    "date": PlaceholderFilter(
        _strftime_filter("%Y-%m-%d"),
        "of a moment: 2026-11-23, or the letters of strftime that are given",
        "('%d/%m')",
        "moment",
        (_check_pattern,),
    ),
    "time": PlaceholderFilter(
        _strftime_filter("%H:%M"),
        "of a moment: 09:00, or the letters of strftime that are given",
        "('%I:%M %p')",
        "moment",
        (_check_pattern,),
    ),
}
