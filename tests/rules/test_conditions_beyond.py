"""Conditions on files, reactions, ads, orders, on what is noted of a contact, and on the moment."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.events import CampaignMessage
from tests.support.factories import ANA, NOW, a_message
from tests.support.rules.rulebooks import book, decided

HEADLINE = {"source_id": "120", "source_type": "ad", "headline": "Summer SALE"}


def fires(when: str, contact: Contact | None = None, **message: Any) -> bool:
    return bool(decided(f"- {{name: it, when: {when}, then: Yes.}}", contact, **message).fired)


def a_file(kind: str, **part: Any) -> dict[str, Any]:
    return {"type": kind, "text": None, "raw": {"type": kind, kind: part}}


@pytest.mark.parametrize(
    ("when", "message", "holds"),
    [
        pytest.param("{media: image}", a_file("image"), True, id="image"),
        pytest.param("{media: [video, image]}", a_file("image"), True, id="one of a list"),
        pytest.param("{media: any}", a_file("document"), True, id="any file"),
        pytest.param("{media: any}", {}, False, id="no file"),
        pytest.param("{media: voice}", a_file("audio", voice=True), True, id="voice"),
        pytest.param("{media: audio}", a_file("audio", voice=True), True, id="voice is audio"),
        pytest.param("{media: voice}", a_file("audio"), False, id="audio is no voice"),
        pytest.param("{reaction: ❤️}", a_file("reaction", emoji="❤"), True, id="reaction"),
        pytest.param("{reaction: 👍}", a_file("reaction", emoji="❤️"), False, id="another"),
        pytest.param("{reaction: any}", a_file("reaction", emoji="❤️"), True, id="any reaction"),
        pytest.param("{reaction: any}", a_file("reaction"), False, id="taken back"),
        pytest.param("{order: yes}", a_file("order"), True, id="order"),
        pytest.param("{order: no}", {}, True, id="no order"),
        pytest.param("{referral: yes}", {"raw": {"referral": HEADLINE}}, True, id="ad"),
        pytest.param("{referral: no}", {"raw": {"referral": HEADLINE}}, False, id="an ad"),
        pytest.param("{referral: no}", {}, True, id="no ad"),
        pytest.param(
            "{referral: {source_type: ad, source_id: ['1', '120'], headline: {word: sale}}}",
            {"raw": {"referral": HEADLINE}}, True, id="this ad",
        ),
        pytest.param(
            "{referral: {headline: sale}}", {"raw": {"referral": HEADLINE}}, False, id="other ad"
        ),
        pytest.param("{referral: {source_type: post}}", {}, False, id="no ad at all"),
        pytest.param("{age: {older: 1m}}", {"at": NOW - timedelta(minutes=2)}, True, id="older"),
        pytest.param("{age: {older: 1m}}", {"at": NOW - timedelta(minutes=1)}, False, id="as old"),
        pytest.param("{age: {younger: 1m}}", {}, True, id="younger"),
        pytest.param("{age: {older: 1h}}", {"at": NOW - timedelta(days=2)}, True, id="beyond max"),
        pytest.param("{any: [{text: a}, {type: text}]}", {}, True, id="any"),
        pytest.param("{any: [{text: a}, {type: image}]}", {}, False, id="any of none"),
        pytest.param("{all: [{text: hi}, {type: text}]}", {}, True, id="all"),
        pytest.param("{all: [{text: hi}, {type: image}]}", {}, False, id="all but one"),
        pytest.param("{not: {text: hi}}", {}, False, id="not"),
        pytest.param("{not: [{text: a}, {type: image}]}", {}, True, id="none of two"),
        pytest.param("{not: [{text: a}, {type: text}]}", {}, False, id="one of two"),
        pytest.param("{type: text, not: {any: [{text: a}, {text: b}]}}", {}, True, id="nested"),
        pytest.param("[{text: a}, {text: hi}]", {}, True, id="a list"),
        pytest.param("[{text: a}, {text: b}]", {}, False, id="none of a list"),
    ],
)  # fmt: skip
def test_condition_on_the_message(when: str, message: dict[str, Any], holds: bool) -> None:
    assert fires(when, **message) is holds


KNOWN = Contact(
    ANA, wa_id=ANA, last_inbound_at=NOW - timedelta(days=2), tags=("vip",),
    vars={"size": "L", "language": "pt_PT"},
)  # fmt: skip


@pytest.mark.parametrize(
    ("when", "contact", "holds"),
    [
        pytest.param("{tags: [new, vip]}", KNOWN, True, id="tag"),
        pytest.param("{tags: new}", KNOWN, False, id="another tag"),
        pytest.param("{not: {tags: vip}}", KNOWN, False, id="not the tag"),
        pytest.param("{vars: {size: [m, l]}}", KNOWN, True, id="variable"),
        pytest.param("{vars: {size: m}}", KNOWN, False, id="another value"),
        pytest.param("{vars: {shoes: '40'}}", KNOWN, False, id="no such variable"),
        pytest.param("{language: pt_pt}", KNOWN, True, id="language"),
        pytest.param("{language: en}", KNOWN, False, id="another language"),
        pytest.param("{silent_for: 2d}", KNOWN, True, id="silent"),
        pytest.param("{silent_for: 3d}", KNOWN, False, id="not for so long"),
        pytest.param("{silent_for: 1d}", Contact(ANA), False, id="a stranger was not silent"),
        pytest.param("{window: open}", KNOWN, True, id="their message opens the window"),
        pytest.param("{window: closed}", KNOWN, False, id="it is not closed"),
    ],
)
def test_condition_on_the_contact(when: str, contact: Contact, holds: bool) -> None:
    assert fires(when, contact) is holds


SHOP = """\
version: 1
hours:
  shop: {zone: Europe/Lisbon, mon-fri: 09:00-18:00, sat: 10:00-13:00, closed: [2026-12-25]}
  bar: {zone: America/Sao_Paulo, fri-sat: 20:00-02:00}
rules:
  - {name: both, when: {inside: [shop, bar]}, stop: no, then: Somebody is there.}
  - {name: closed, when: {outside: shop}, stop: no, then: Closed.}
"""
OPENING = book(SHOP)


def utc(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "rules"),
    [
        pytest.param(utc(11, 23, 9), ["both"], id="Monday, as it opens"),
        pytest.param(utc(11, 23, 8, 59), ["closed"], id="a minute before"),
        pytest.param(utc(11, 23, 18), ["closed"], id="as it closes"),
        pytest.param(utc(7, 20, 8), ["both"], id="nine in summer time"),
        pytest.param(utc(7, 20, 17, 1), ["closed"], id="six in summer time is over"),
        pytest.param(utc(11, 22, 12), ["closed"], id="Sunday"),
        pytest.param(utc(12, 25, 12), ["closed"], id="a closed Friday"),
        pytest.param(utc(11, 28, 4, 59), ["both", "closed"], id="over midnight"),
        pytest.param(utc(11, 28, 5), ["closed"], id="the bar closes at two"),
    ],
)
def test_condition_on_the_hour(now: datetime, rules: list[str]) -> None:
    decision = OPENING.decide(a_message(at=now), Contact(ANA), now)

    assert [one.rule for one in decision.fired] == rules


WHY = [
    ("{media: [image, voice]}", 'media is one of "image", "voice"', a_file("image")),
    ("{order: no, referral: no}", "it is no order and it came from no ad", {}),
    ("{age: {younger: 1h}}", "it is younger than 1h", {}),
    ("{any: [{text: a}, {text: hi}]}", 'text is "hi"', {}),
    ("{not: [{text: a}, {tapped: b}]}", 'text is not "a" and tapped is not "b"', {}),
    ("{first_contact: yes, window: open}", "this is the first contact and the window is open", {}),
]


@pytest.mark.parametrize(("when", "why", "message"), WHY)
def test_why_a_rule_fired_is_told(when: str, why: str, message: dict[str, Any]) -> None:
    (fired,) = decided(f"- {{name: it, when: {when}, then: Yes.}}", **message).fired

    assert fired.explanation == why


def test_what_is_noted_of_a_contact_is_told_in_the_words_of_the_rule() -> None:
    when = "{tags: [a, vip], vars: {size: l}, silent_for: 1d, language: pt_pt}"

    (fired,) = decided(f"- {{name: it, when: {when}, then: Yes.}}", KNOWN).fired

    assert fired.explanation == (
        'nothing was written for 1d before and tags have one of "a", "vip" and '
        'language is "pt_pt" and variable size is "l"'
    )


def from_campaign(name: str, **before: Any) -> CampaignMessage:
    """Make the message that a campaign sent some time before the customer's."""
    return CampaignMessage("", "abcdefghijkl", name, NOW - timedelta(**before))


@pytest.mark.parametrize(
    ("when", "message", "holds"),
    [
        pytest.param("{campaign: spring}", from_campaign("Spring ", days=6), True, id="name"),
        pytest.param("{campaign: [a, spring]}", from_campaign("spring (again)"), True, id="again"),
        pytest.param("{campaign: abcdefghijkl}", from_campaign("spring"), True, id="id"),
        pytest.param("{campaign: any}", from_campaign("spring"), True, id="any"),
        pytest.param("{campaign: summer}", from_campaign("spring"), False, id="another"),
        pytest.param("{campaign: any}", None, False, id="none"),
        pytest.param("{not: {campaign: any}}", None, True, id="not any"),
        pytest.param("{campaign: spring}", from_campaign("spring", days=8), False, id="too late"),
        pytest.param(
            "{campaign: {name: spring, within: 9d}}", from_campaign("spring", days=8), True, id="9d"
        ),
    ],
)
def test_a_message_answers_a_campaign(
    when: str, message: CampaignMessage | None, holds: bool
) -> None:
    assert fires(when, answers=message) is holds


def test_the_name_of_the_campaign_is_a_placeholder() -> None:
    rule = "- {name: it, when: {campaign: any}, then: 'To {{ campaign }}.'}"

    (fired,) = decided(rule, answers=from_campaign("Spring sale")).fired

    assert fired.actions[0].body["text"]["body"] == "To Spring sale."
    assert fired.explanation == 'campaign is "any", answered within 7d'
