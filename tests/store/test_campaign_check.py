"""Check of a draft: whose values Meta would refuse, and who gets no marketing messages."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from gateway.cli.operate.campaigns.check_table import draw_check
from gateway.cli.operate.campaigns.show import check_lines
from gateway.core.campaigns.checks.check import (
    CampaignCheck,
    find_unfit,
    view_check,
)
from gateway.core.campaigns.checks.warnings import (
    warn_of_consent,
    warn_of_start,
    warn_of_us_numbers,
)
from gateway.core.messages.price_list import PriceList
from gateway.core.templates.choice import KnownTemplate, TemplateUse, judge_use, read_use
from gateway.core.templates.template import MetaTemplate, Mismatch
from gateway.store.campaigns import control
from gateway.store.campaigns.campaigns import Campaign, campaign_key
from gateway.store.campaigns.check import CheckInputs, check_campaign
from gateway.store.campaigns.drafts import create_campaign
from gateway.store.campaigns.start_conditions import find_start_obstacle
from gateway.store.redis.client import Store
from tests.support.factories import NUMBER
from tests.support.store.campaigns import (
    BODIES,
    INPUTS,
    a_campaign,
    a_definition,
    give_audience,
    read,
)
from tests.support.store.raw import raw
from tests.support.templates import a_body, a_template

HELLO = a_template("spring", "en", category="MARKETING", components=[a_body("Hi {{1}}!", "Ana")])
ROOM = 1024 - len("Hi !")
LONG = "a" * (ROOM + 1)


def message(value: str) -> dict[str, Any]:
    parameters = [{"type": "text", "text": value}]
    components = [{"type": "body", "parameters": parameters}]
    template = {"name": "spring", "language": {"code": "en"}, "components": components}
    return {"type": "template", "template": template}


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("Ana", None),
        ("a" * ROOM, None),
        ("a" * (ROOM + 1), "too_long"),
    ],
)
def test_a_value_that_meta_would_refuse_is_named_by_its_cause(value: str, cause: str) -> None:
    assert find_unfit(message(value), KnownTemplate(HELLO)) == cause
    assert find_unfit(message(value), None) is None


def test_a_message_that_lacks_a_parameter_does_not_fit_either() -> None:
    two = a_template("spring", "en", components=[a_body("Hi {{1}}, {{2}}", "Ana", "17")])
    other = replace(HELLO, name="summer")

    assert find_unfit(message("Ana"), KnownTemplate(two)) == "other"
    assert find_unfit(message("a" * 1_100), KnownTemplate(other)) is None
    assert find_unfit({"type": "text", "text": {"body": "Hi"}}, KnownTemplate(other)) is None


def test_recipients_with_us_numbers_get_no_marketing() -> None:
    countries = {"US": 1_240, "CA": 7, "": 3}

    (warning,) = warn_of_us_numbers(countries, "marketing")

    assert warning == (
        "1,240 recipients have US numbers (+1): Meta delivers no marketing messages there."
    )
    assert warn_of_us_numbers({"US": 1}, "marketing")[0].startswith("1 recipient has a US number")
    assert warn_of_us_numbers({"CA": 7}, "marketing") == []
    assert warn_of_us_numbers(countries, "utility") == []
    assert warn_of_us_numbers(countries, "") == []


def test_a_template_of_marketing_in_a_campaign_that_is_none_is_warned_of() -> None:
    (warning,) = warn_of_consent("marketing", is_marketing=False)

    assert "leave marketing at true" in warning
    assert warn_of_consent("marketing", is_marketing=True) == []
    assert warn_of_consent("utility", is_marketing=False) == []


@pytest.mark.store
def test_a_check_of_a_campaign_that_is_no_marketing_looks_at_its_template(store: Store) -> None:
    campaign = a_campaign(store, 0, marketing=False)
    give_audience(store, campaign, b"phone,first\n+351900000001,Ana\n")

    check = check_campaign(store, BODIES, read(store, campaign), inputs())

    assert "leave marketing at true" in check.warnings[0]


def inputs(template: MetaTemplate = HELLO) -> CheckInputs:
    known = KnownTemplate(template)
    return replace(
        INPUTS,
        judge=lambda use: judge_use(use, known, {}),
        find_template=lambda use: (template, False),
    )


def a_draft(store: Store, *names: str) -> Campaign:
    campaign = a_campaign(store, 0)
    rows = [f'+3519000000{i:02},"{name}"' for i, name in enumerate(names)]
    give_audience(store, campaign, "\n".join(["phone,first", *rows]).encode())
    return read(store, campaign)


@pytest.mark.store
def test_every_recipients_values_are_judged_and_not_only_the_first_ones(store: Store) -> None:
    names = ["Ana", LONG, "Cy", "Dan\n \tD.", LONG]

    check = check_campaign(store, BODIES, a_draft(store, *names), inputs())

    assert (check.would_get, check.outreach, check.problems) == (3, 3, [])
    assert sum(check.cost.countries.values()) == 3
    assert view_check(check)["unfit"] == [{"cause": "too_long", "count": 2, "rows": [2, 5]}]
    assert (
        "2 have a value that is too long for the template, which Meta refuses: "
        "recipients 2, 5 of the export."
    ) in check_lines(check)


@pytest.mark.store
def test_a_value_of_the_first_recipient_stops_nobody_else(store: Store) -> None:
    campaign = a_draft(store, LONG, "Bo")

    check = check_campaign(store, BODIES, campaign, inputs())

    assert (check.would_get, check.problems) == (1, [])
    assert read(store, campaign).checked_at == check.checked_at


@pytest.mark.store
def test_what_all_have_wrong_is_a_problem_and_so_is_a_template_that_cannot_be_sent(
    store: Store,
) -> None:
    bad, rejected = a_draft(store, LONG, LONG), a_draft(store, "Ana", "Bo")

    of_all = check_campaign(store, BODIES, bad, inputs())
    of_none = check_campaign(store, BODIES, rejected, inputs(replace(HELLO, status="REJECTED")))

    assert (of_all.would_get, len(of_all.problems)) == (0, 1)
    assert read(store, bad).checked_at is None
    assert (of_none.would_get, len(of_none.problems)) == (2, 1)
    assert read(store, rejected).checked_at is None


@pytest.mark.store
def test_a_check_warns_of_what_it_could_not_look_at(store: Store) -> None:
    empty, draft = a_campaign(store, 0), a_draft(store, "Ana")

    (nobody,) = check_campaign(store, BODIES, empty, inputs()).warnings
    (unknown,) = check_campaign(store, BODIES, draft, INPUTS).warnings
    by_webhook = check_campaign(store, BODIES, draft, inputs(replace(HELLO, components=None)))

    assert nobody == "It has no recipients: give it an audience."
    assert "gateway templates sync" in unknown
    assert by_webhook.warnings == [unknown]
    assert check_campaign(store, BODIES, draft, inputs()).warnings == []


def test_a_start_that_is_over_is_warned_of() -> None:
    now = datetime(2026, 12, 1, 9, tzinfo=UTC)

    (warning,) = warn_of_start(1, now - timedelta(hours=1), now)

    assert warning == "Its start_at, 2026-12-01 08:00 UTC, is over: it begins at once."
    assert warn_of_start(1, now, now) == warn_of_start(1, None, now) == []


@pytest.mark.store
def test_the_first_ten_of_a_cause_are_named(store: Store) -> None:
    check = check_campaign(store, BODIES, a_draft(store, *[LONG] * 12, "Bo"), inputs())

    (found,) = check.unfit
    assert (found.count, found.rows) == (12, list(range(1, 11)))


@pytest.mark.store
def test_numbers_of_the_us_are_told_from_canadas(store: Store) -> None:
    campaign = a_campaign(store, 0)
    rows = ["+12025550123,Ana", "+14165550123,Bo", "+351900000001,Cy"]
    give_audience(store, campaign, "\n".join(["phone,first", *rows]).encode())

    check = check_campaign(store, BODIES, read(store, campaign), inputs())

    assert check.cost.countries == {"CA": 1, "PT": 1, "US": 1}
    assert check.warnings[0].startswith("1 recipient has a US number")
    assert read_use(check.samples[0], "#")


@pytest.mark.store
def test_another_audience_forgets_what_the_check_said(store: Store) -> None:
    draft = a_draft(store, "Ana")
    check_campaign(store, BODIES, draft, inputs())
    assert read(store, draft).would_get == 1

    give_audience(store, draft, b"phone,first\n+351900000001,Rui\n")

    assert (read(store, draft).would_get, read(store, draft).checked_at) == (None, None)


@pytest.mark.store
def test_a_newer_check_that_finds_problems_takes_an_earlier_ones_place(store: Store) -> None:
    campaign = a_draft(store, "Ana", "Bo")
    good = check_campaign(store, BODIES, campaign, inputs())
    assert read(store, campaign).checked_at == good.checked_at

    bad = check_campaign(store, BODIES, campaign, inputs(replace(HELLO, status="REJECTED")))

    after = read(store, campaign)
    assert (bad.check_id, after.checked_at, after.check_id) == ("", None, "")


def check_while(store: Store, draft: Campaign, slow: CheckInputs, fast: CheckInputs) -> None:
    """Let a check begin and end while another one is at work."""
    asked = list[CampaignCheck]()

    def judge(use: TemplateUse) -> Sequence[Mismatch]:
        if not asked:
            asked.append(check_campaign(store, BODIES, draft, fast))
        return slow.judge(use)

    check_campaign(store, BODIES, draft, replace(slow, judge=judge))
    assert asked


@pytest.mark.store
@pytest.mark.parametrize("is_good", [False, True])
def test_of_two_checks_at_once_the_one_that_was_asked_for_later_counts(
    store: Store, is_good: bool
) -> None:
    draft = a_draft(store, "Ana")
    good, bad = inputs(), inputs(replace(HELLO, status="REJECTED"))

    check_while(store, draft, *((bad, good) if is_good else (good, bad)))

    assert (read(store, draft).checked_at is not None) == is_good


@pytest.mark.store
def test_a_start_is_by_the_check_that_was_looked_at(store: Store) -> None:
    draft = a_draft(store, "Ana")
    check_campaign(store, BODIES, draft, inputs())
    seen = read(store, draft)
    check_campaign(store, BODIES, draft, inputs(replace(HELLO, status="REJECTED")))

    assert "checked" in control.start(store, seen, "ana", datetime.now(UTC))

    assert read(store, draft).phase == "draft"
    check_campaign(store, BODIES, draft, inputs())
    assert control.start(store, read(store, draft), "ana", datetime.now(UTC)) == ""


@pytest.mark.store
def test_a_check_counts_though_the_clock_stepped_back_since_the_last(store: Store) -> None:
    draft = a_draft(store, "Ana")
    ahead = datetime.now(UTC) + timedelta(hours=1)
    key = campaign_key(NUMBER, draft.id)
    raw(store).hset(key, "check_asked", int(ahead.timestamp() * 1_000_000))

    check_campaign(store, BODIES, draft, inputs())

    assert read(store, draft).checked_at


@pytest.mark.store
def test_a_check_without_an_audience_is_none_of_the_audience_that_came_meanwhile(
    store: Store,
) -> None:
    id_ = create_campaign(store, BODIES, NUMBER, a_definition())
    before = read(store, id_)
    give_audience(store, before, b"phone,first\n+351900000001,Ana")

    check = check_campaign(store, BODIES, before, inputs())

    assert (check.recipients, check.check_id) == (0, "")
    assert read(store, id_).checked_at is None


def obstacle_by(
    store: Store,
    campaign: Campaign,
    check: CampaignCheck,
    template: MetaTemplate | None,
    now: datetime,
) -> str:
    """Return why a draft cannot start while this is what is known of its template."""
    judge: Any = SimpleNamespace(find=lambda *_: (template, False))
    accounts: Any = SimpleNamespace(number=lambda id_: id_)
    return find_start_obstacle(read(store, campaign), check.check_id, judge, accounts, now)


@pytest.mark.store
@pytest.mark.parametrize(
    ("template", "is_changed"),
    [
        (HELLO, False),
        (replace(HELLO, quality="YELLOW"), False),
        (replace(HELLO, category="UTILITY"), True),
        (replace(HELLO, components=({"type": "BODY", "text": "Bye {{1}}"},)), True),
        (replace(HELLO, is_outdated=True), True),
        (None, True),
    ],
)
def test_a_template_that_changed_since_the_check_does_not_start(
    store: Store, template: MetaTemplate | None, is_changed: bool
) -> None:
    campaign = a_draft(store, "Ana")
    check = check_campaign(store, BODIES, campaign, inputs())

    found = obstacle_by(store, campaign, check, template, check.checked_at)

    assert ("template has changed" in found) == bool(found) == is_changed


@pytest.mark.store
def test_a_check_counts_for_an_hour_and_one_of_an_earlier_release_without_the_template(
    store: Store,
) -> None:
    campaign = a_draft(store, "Ana")
    check = check_campaign(store, BODIES, campaign, inputs())
    store.redis.hdel(campaign_key(NUMBER, campaign.id), "template")

    late = check.checked_at + timedelta(minutes=61)
    assert obstacle_by(store, campaign, check, None, check.checked_at) == ""
    assert "counts for an hour" in obstacle_by(store, campaign, check, None, late)


@pytest.mark.store
def test_the_wait_after_the_first_batch_is_in_the_time_that_a_campaign_takes(store: Store) -> None:
    wait = timedelta(minutes=20)
    end = (datetime.now(UTC) + timedelta(minutes=10)).isoformat()
    others: Any = {"first": {"size": 1, "wait": 1_200}, "pace": 50, "finish_by": end}
    campaign, alone = a_campaign(store, 3, **others), a_campaign(store, 1, **others)

    check = check_campaign(store, BODIES, campaign, INPUTS)

    assert wait <= check.takes < wait + timedelta(minutes=1)
    assert any("is never written to" in one for one in check.warnings)
    assert check_campaign(store, BODIES, alone, INPUTS).takes < wait


def drawn(check: CampaignCheck) -> list[str]:
    """Return the rows of the table in the terminal, with one space between words."""
    console = Console(width=100)
    with console.capture() as shown:
        console.print(draw_check(check))
    return [" ".join(line.split()) for line in shown.get().splitlines()]


@pytest.mark.store
def test_a_check_shows_rows_times_template_and_the_price_of_each_country(store: Store) -> None:
    start_at = datetime(2100, 1, 1, 9, tzinfo=UTC)
    campaign = a_campaign(store, 0, start_at=start_at.isoformat(), pace="1/m")
    rows = ("phone,first", "+351900000001,Ana", "+351900000002,Bo", "+491700000001,Cy",
            "+351900000001,Ana", "nobody,No")  # fmt: skip
    give_audience(store, campaign, "\n".join(rows).encode())
    prices = PriceList(date(2026, 7, 1), "EUR", {("PT", "marketing"): Decimal("0.05")})
    given = replace(inputs(), prices=prices)

    check = check_campaign(store, BODIES, read(store, campaign), given)

    seen = view_check(check)
    assert (seen["rows"], seen["recipients"]) == (5, 3)
    assert seen["skipped"] == {"duplicate": 1, "invalid": 1}
    assert (seen["starts_at"], seen["ends_at"]) == (start_at, start_at + timedelta(minutes=3))
    assert seen["template"] == {
        "name": "spring", "language": "en", "status": "APPROVED", "category": "MARKETING"
    }  # fmt: skip
    assert seen["cost"]["prices"] == {"PT": "0.05", "DE": None}
    assert drawn(check) == [
        "rows 5",
        "valid 3",
        "left out: duplicate 1",
        "left out: invalid 1",
        "template spring en, approved, marketing",
        "starts 2100-01-01 09:00 UTC",
        "ends 2100-01-01 09:03 UTC",
        "PT 2 recipients, 0.05 each, 0.10 EUR",
        "DE 1 recipient, price not known",
    ]


@pytest.mark.store
def test_a_check_says_of_an_unknown_template_and_of_none_what_is_known(store: Store) -> None:
    template, text = a_draft(store, "Ana"), a_campaign(store, 0)
    unknown = check_campaign(store, BODIES, template, INPUTS)
    empty = check_campaign(store, BODIES, text, INPUTS)

    assert "template spring en, not known here" in drawn(unknown)
    assert view_check(unknown)["template"]["status"] is None
    assert view_check(empty)["template"] is None
