"""Moments in the words of a language."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.core.rendering.filters import WORDS, format_moment

LISBON = ZoneInfo("Europe/Lisbon")
SUNDAY = datetime(2026, 11, 22, 12, tzinfo=LISBON)


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (0, "today at 12:00"),
        (1, "tomorrow at 12:00"),
        (2, "Tuesday at 12:00"),
        (6, "Saturday at 12:00"),
        (7, "29 November at 12:00"),
        (40, "1 January at 12:00"),
        (-1, "21 November at 12:00"),
    ],
)
def test_moment_is_told_by_its_distance(days: int, words: str) -> None:
    assert format_moment(SUNDAY + timedelta(days=days), SUNDAY) == words


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de", ["heute um 12:00", "Dienstag um 12:00", "am 1. Januar um 12:00"]),
        ("es", ["hoy a las 12:00", "el martes a las 12:00", "el 1 de enero a las 12:00"]),
        ("fr", ["aujourd'hui à 12:00", "mardi à 12:00", "le 1 janvier à 12:00"]),
        ("pt", ["hoje às 12:00", "terça-feira às 12:00", "1 de janeiro às 12:00"]),
    ],
)
def test_moment_is_told_in_other_languages(language: str, words: list[str]) -> None:
    assert [
        format_moment(SUNDAY + timedelta(days=n), SUNDAY, language) for n in (0, 2, 40)
    ] == words


def test_days_are_those_of_the_moments_zone() -> None:
    late = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)

    assert (
        format_moment(datetime(2026, 11, 23, 9, tzinfo=ZoneInfo("Asia/Tokyo")), late)
        == "today at 09:00"
    )


@pytest.mark.parametrize("language", WORDS)
def test_language_has_all_days_and_months(language: str) -> None:
    words = WORDS[language]

    assert (len({*words.days}), len({*words.months})) == (7, 12)
