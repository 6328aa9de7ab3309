"""A moment in words, for a customer to read; pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple


class Words(NamedTuple):
    """What one language says of days; `far` has the day of the month and its month."""

    today: str
    tomorrow: str
    near: str
    far: str
    days: tuple[str, ...]  # Monday first
    months: tuple[str, ...]


WORDS: Mapping[str, Words] = {
    "en": Words(
        "today at {time}", "tomorrow at {time}", "{day} at {time}", "{date} {month} at {time}",
        ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        ("January", "February", "March", "April", "May", "June", "July", "August", "September",
         "October", "November", "December"),
    ),
    "pt": Words(
        "hoje às {time}", "amanhã às {time}", "{day} às {time}", "{date} de {month} às {time}",
        ("segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado",
         "domingo"),
        ("janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro",
         "outubro", "novembro", "dezembro"),
    ),
    "es": Words(
        "hoy a las {time}", "mañana a las {time}", "el {day} a las {time}",
        "el {date} de {month} a las {time}",
        ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
        ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre",
         "octubre", "noviembre", "diciembre"),
    ),
    "fr": Words(
        "aujourd'hui à {time}", "demain à {time}", "{day} à {time}", "le {date} {month} à {time}",
        ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
        ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
         "octobre", "novembre", "décembre"),
    ),
    "de": Words(
        "heute um {time}", "morgen um {time}", "{day} um {time}", "am {date}. {month} um {time}",
        ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
        ("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September",
         "Oktober", "November", "Dezember"),
    ),
}  # fmt: skip


def told(moment: datetime, now: datetime, language: str = "en") -> str:
    """Tell a moment as a person would who looks at the calendar of its zone."""
    words = WORDS[language]
    days = (moment.date() - now.astimezone(moment.tzinfo).date()).days
    near = {0: words.today, 1: words.tomorrow} | dict.fromkeys(range(2, 7), words.near)
    return near.get(days, words.far).format(
        time=f"{moment:%H:%M}",
        day=words.days[moment.weekday()],
        date=moment.day,
        month=words.months[moment.month - 1],
    )
