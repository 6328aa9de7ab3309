"""Moments in the words of a language."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.core.messages.filters import PHRASES, find_locale, format_moment

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


def test_the_time_is_that_of_the_moments_zone_in_every_language() -> None:
    moment = datetime(2026, 11, 23, 9, tzinfo=ZoneInfo("Asia/Tokyo"))

    assert format_moment(moment, moment, "ja") == "月曜日 9:00"


# As they were written by hand, before Babel knew them: the days from Monday on, and the months.
NAMES = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April "
    "May June July August September October November December",
    "pt": "segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo janeiro "
    "fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "es": "lunes martes miércoles jueves viernes sábado domingo enero febrero marzo abril mayo "
    "junio julio agosto septiembre octubre noviembre diciembre",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche janvier février mars avril mai juin "
    "juillet août septembre octobre novembre décembre",
    "de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag Januar Februar März April "
    "Mai Juni Juli August September Oktober November Dezember",
}


@pytest.mark.parametrize("language", PHRASES)
def test_days_and_months_have_the_names_that_they_always_had(language: str) -> None:
    names, phrases = NAMES[language].split(), PHRASES[language]
    week = [SUNDAY + timedelta(days=n) for n in range(1, 8)]
    year = [datetime(2027, month, 3, 12, tzinfo=LISBON) for month in range(1, 13)]

    assert [format_moment(day, day - timedelta(days=3), language) for day in week] == [
        phrases.near.format(day=name, time="12:00") for name in names[:7]
    ]
    assert [format_moment(day, SUNDAY, language) for day in year] == [
        phrases.far.format(date=3, month=name, time="12:00") for name in names[7:]
    ]


# https://developers.facebook.com/docs/whatsapp/business-management-api/message-templates/supported-languages
TEMPLATE_LANGUAGES = """
af sq ar ar_EG ar_AE ar_LB ar_MA ar_QA az be_BY bn bn_IN bg ca zh_CN zh_HK zh_TW hr cs da prs_AF nl
nl_BE en en_GB en_US en_AE en_AU en_CA en_GH en_IE en_IN en_JM en_MY en_NZ en_QA en_SG en_UG en_ZA
et fil fi fr fr_BE fr_CA fr_CH fr_CI fr_MA ka de de_AT de_CH el gu ha he hi hu id ga it ja kn kk
rw_RW ko ky_KG lo lv lt mk ms ml mr nb ps_AF fa pl pt_BR pt_PT pa ro ru sr si_LK sk sl es es_AR
es_CL es_CO es_CR es_DO es_EC es_HN es_MX es_PA es_PE es_ES es_UY es_CHL sw sv ta te th tr uk ur uz
vi zu
"""


@pytest.mark.parametrize("language", TEMPLATE_LANGUAGES.split())
def test_every_language_of_templates_tells_moments(language: str) -> None:
    told = [format_moment(SUNDAY + timedelta(days=n), SUNDAY, language) for n in (0, 2, 40)]

    assert len({*told}) == 3
    assert not any(mark in text for text in told for mark in "{}")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("it", ["domenica, 12:00", "martedì, 12:00", "1 gennaio, 12:00"]),
        ("ja", ["日曜日 12:00", "火曜日 12:00", "1月1日 12:00"]),
        ("pt_BR", ["hoje às 12:00", "terça-feira às 12:00", "1 de janeiro às 12:00"]),
    ],
)
def test_a_language_without_phrases_tells_the_day_and_the_time(
    language: str, words: list[str]
) -> None:
    assert [
        format_moment(SUNDAY + timedelta(days=n), SUNDAY, language) for n in (0, 2, 40)
    ] == words


@pytest.mark.parametrize("language", ["", "xx", "root", "pt_", "pt-BR", "../pt", "PT"])
def test_what_is_no_language_is_not_found(language: str) -> None:
    assert find_locale(language) is None
