"""Templates: read from Meta's JSON and webhooks, and messages checked against them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.events import Delivery
from gateway.core.templates.check import find_mismatches
from gateway.core.templates.choice import KnownTemplate, TemplateUse, judge_use, name_versions
from gateway.core.templates.graph_form import pack_template, read_graph_row, unpack_template
from gateway.core.templates.news import TemplateNews, apply_news, read_news
from gateway.core.templates.parameters import TemplateParameter, read_parameters
from gateway.core.templates.quick_check import ParameterIndex
from gateway.core.templates.sync_schedule import RegistryState, is_fetch_due, is_old, may_fetch
from gateway.core.templates.template import MetaTemplate
from gateway.core.webhook.parser import split
from tests.support.factories import NOW
from tests.support.templates import BUTTONS, a_body, a_row, a_template


def body(*texts: str) -> list[Any]:
    return [{"type": "body", "parameters": [{"type": "text", "text": text} for text in texts]}]


def wrong(components: Any, *rows: dict[str, Any]) -> list[tuple[str, str]]:
    template = a_template(components=list(rows)) if rows else a_template()
    found = find_mismatches(components, read_parameters(template))
    return [(one.pointer, one.detail) for one in found]


def test_the_parameters_of_each_place_are_read_with_kind_example_and_room() -> None:
    header = {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["x"]}}
    rows = [{"type": "BUTTONS", "buttons": BUTTONS}, a_body("Hi {{1}}!", "Ana"), header]

    assert read_parameters(a_template(components=rows)) == (
        TemplateParameter("header", "image", "image"),
        TemplateParameter("body", "1", "text", "Ana", 1024 - len("Hi !")),
        TemplateParameter("button[0]", "1", "payload", "", 128, is_required=False),
        TemplateParameter("button[1]", "1", "text", "https://x.pt/a", 2000 - len("https://x.pt/")),
        TemplateParameter("button[2]", "1", "coupon_code", "SAVE20", 20),
    )


def test_named_parameters_keep_the_order_of_the_text() -> None:
    named = [{"param_name": "when", "example": "today"}, {"param_name": "name", "example": "Ana"}]
    rows = [{"type": "BODY", "text": "{{name}}, {{when}}. {{name}}!",
             "example": {"body_text_named_params": named}}]  # fmt: skip
    template = a_template(components=rows, parameter_format="NAMED")

    assert template.is_named
    found = [(one.key, one.example) for one in read_parameters(template)]
    assert found == [("name", "Ana"), ("when", "today")]


@pytest.mark.parametrize("components", [None, "x", [1, {}], [{"type": "BODY", "text": 5}],
                                        [{"type": "BUTTONS", "buttons": "x"}]])  # fmt: skip
def test_components_of_any_shape_can_be_read(components: Any) -> None:
    template = read_graph_row(a_row(components=components), NOW)

    assert template
    assert read_parameters(template) == ()


def test_a_word_that_was_never_seen_is_kept_and_not_usable() -> None:
    template = a_template(status="ON_THE_MOON", rejected_reason="WHY_NOT")

    assert not template.is_usable
    assert template.unusable_reason == "its status at Meta is ON_THE_MOON (WHY_NOT)"


def test_a_stored_template_is_read_as_it_was() -> None:
    template = a_template(quality_score={"score": "RED"}, previous_category="MARKETING")

    assert template.quality == "RED"
    assert unpack_template(pack_template(template), None) == template


def test_a_message_that_fits_has_no_mismatches() -> None:
    assert wrong(body("Ana", "17")) == []


BUTTON = {"type": "button", "sub_type": "url", "index": "1",
          "parameters": [{"type": "text", "text": "a"}]}  # fmt: skip
AT = "#/template/components"
MISFITS: dict[str, tuple[list[Any], str, str]] = {
    "too few": (body("Ana"), AT, "lacks 2 of the body: the body has 2 parameters (1, 2), and 1"),
    "none": ([], AT, "lacks 1, 2 of the body: the body has 2 parameters (1, 2), none is given"),
    "too many": (body("a", "b", "c"), f"{AT}/0/parameters/2", "is one too many: the body has 2"),
    "a line break": (body("a\nb", "c"), f"{AT}/0/parameters/0", "holds a line break"),
    "five spaces": (body("a", "c     d"), f"{AT}/0/parameters/1", "more than four spaces"),
    "an empty one": (body("a", " "), f"{AT}/0/parameters/1", "is empty"),
    "too long": (body("a" * 1001, "b"), f"{AT}/0/parameters/0", "the template leaves 995"),
    "too long together": (body("a" * 500, "b" * 500), f"{AT}/0/parameters/1", "1,000 characters"),
    "a button too many": ([*body("a", "b"), BUTTON], f"{AT}/1/parameters/0", "is one too many"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_is_named_with_its_place(case: str) -> None:
    components, pointer, part = MISFITS[case]
    ((where, detail),) = wrong(components)

    assert (where, part in detail) == (pointer, True), detail


def named(**values: str) -> list[Any]:
    rows = [{"type": "text", "parameter_name": k, "text": v} for k, v in values.items()]
    return [{"type": "body", "parameters": rows}]


NAMED_ROW = {"type": "BODY", "text": "Hi {{first_name}}, {{city}} is nice."}


def test_names_are_compared_and_a_misspelled_one_is_suggested() -> None:
    template = a_template(components=[NAMED_ROW])
    found = find_mismatches(named(first_nam="Ana", city="Porto"), read_parameters(template))

    assert [one.pointer for one in found] == [f"{AT}/0/parameters/0", AT]
    assert "did you mean 'first_name'?" in found[0].detail
    assert found[1].detail.startswith("lacks first_name of the body")


def test_positions_for_a_template_with_names_are_one_mistake() -> None:
    template = a_template(components=[NAMED_ROW])
    (found,) = find_mismatches(body("Ana", "Porto"), read_parameters(template))

    assert found.detail == "has no name: the body has 2 parameters (first_name, city)"


def test_a_text_in_place_of_an_image_is_of_the_wrong_kind() -> None:
    template = a_template(components=[{"type": "HEADER", "format": "IMAGE"}])
    given = [{"type": "header", "parameters": [{"type": "text", "text": "x"}]}]

    details = [one.detail for one in find_mismatches(given, read_parameters(template))]
    assert details[0] == "must be of the kind image, not text"


def a_use(components: list[Any], name: str = "order_sent", language: str = "en_US") -> TemplateUse:
    return TemplateUse(name, language, components, "#/template")


WORDS = dict.fromkeys(("order_sent en_US", "order_sent pt_PT", "hello en"), "APPROVED")


def test_a_template_of_another_language_is_named_with_those_that_there_are() -> None:
    (found,) = judge_use(a_use([], language="en"), None, WORDS)
    assert (found.pointer, found.code) == ("#/template/language", 132001)
    assert found.detail == (
        "is not a language of order_sent, which Meta has in en_US, pt_PT: write en_US"
    )
    (found,) = judge_use(a_use([], name="ordr_sent"), None, WORDS)
    assert found.detail == "is the name of no template at Meta; did you mean 'order_sent'?"


def test_while_the_list_is_not_known_a_template_may_be_there() -> None:
    assert judge_use(a_use([], name="other"), None, None) == []
    told_by_a_webhook = KnownTemplate(MetaTemplate("order_sent", "en_US", "REJECTED"))
    assert judge_use(a_use([]), told_by_a_webhook, None) == []


def test_a_rejected_template_is_named_with_its_status_and_a_paused_one_waits() -> None:
    def found(status: str) -> list[str]:
        known = KnownTemplate(a_template(status=status))
        return [one.detail for one in judge_use(a_use(body("a", "b")), known, WORDS)]

    assert found("REJECTED") == ["cannot be sent: its status at Meta is REJECTED"]
    assert found("PAUSED") == found("DISABLED") == found("FLAGGED") == []


def test_parameters_that_meta_has_changed_since_are_not_judged() -> None:
    known = KnownTemplate(replace(a_template(), is_outdated=True))

    assert judge_use(a_use([]), known, WORDS) == []


def test_a_mistake_names_the_list_and_what_the_template_was_before_it() -> None:
    before = KnownTemplate(a_template(components=[a_body("Hello {{1}}", "Ana")]))
    after = KnownTemplate(a_template())
    found = judge_use(a_use(body("Ana")), after, WORDS)

    (one,) = name_versions(found, before, after, NOW)
    assert one.detail.endswith(
        f"and 1 given (since the list of {NOW:%Y-%m-%d %H:%M} UTC; before, the body has "
        "1 parameter (1))"
    )
    (one,) = name_versions(found, after, after, NOW)
    assert one.detail.endswith(f"(Meta's list of {NOW:%Y-%m-%d %H:%M} UTC)")


def news_of(field: str, **value: Any) -> TemplateNews | None:
    about = {"message_template_name": "order_sent", "message_template_language": "en-US"}
    change = {"field": field, "value": about | value}
    entry = {"id": "1", "time": 1_750_000_000, "changes": [change]}
    body_json = orjson.dumps({"object": "whatsapp_business_account", "entry": [entry]})
    delivery = Delivery("0:1-0", NOW, body_json)
    return read_news(split(delivery)[0])


def test_news_of_each_webhook_change_the_template() -> None:
    told = [
        news_of("message_template_status_update", event="PAUSED", reason="NONE"),
        news_of("message_template_quality_update", new_quality_score="RED"),
        news_of("template_category_update", new_category="MARKETING"),
        news_of("message_template_components_update", message_template_element="Hi {{1}}"),
    ]
    changed = apply_news(a_template(), [one for one in told if one])

    assert changed
    assert changed.language == "en_US"
    assert (changed.status, changed.quality, changed.category) == ("PAUSED", "RED", "MARKETING")
    assert (changed.former_category, changed.is_outdated, changed.source) == (
        "UTILITY", True, "webhook",
    )  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"event": ["PAUSED"]},
        {"message_template_name": ""},
        {"event": "PAUSED", "message_template_name": "a b"},
    ],
)
def test_a_webhook_without_what_matters_is_no_news(value: dict[str, Any]) -> None:
    assert news_of("message_template_status_update", **value) is None


DAY = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("state", "is_due"),
    [
        (RegistryState(), True),
        (RegistryState(tried_at=DAY - HOUR / 12, error="no"), False),
        (RegistryState(tried_at=DAY - HOUR / 3, error="no"), True),
        (RegistryState(fetched_at=DAY - HOUR, tried_at=DAY - HOUR), False),
        (RegistryState(fetched_at=DAY - 11 * HOUR, tried_at=DAY - 11 * HOUR), True),
        (RegistryState(fetched_at=DAY - HOUR, tried_at=DAY - HOUR, wanted_at=DAY), True),
    ],
)
def test_the_list_is_fetched_at_start_nightly_and_on_demand(
    state: RegistryState, is_due: bool
) -> None:
    assert is_fetch_due(state, "1", DAY) is is_due


def test_a_list_is_old_if_meta_gave_it_days_ago_and_none_since() -> None:
    assert is_old(RegistryState(fetched_at=DAY - 49 * HOUR), DAY)
    assert not is_old(RegistryState(fetched_at=DAY - 47 * HOUR), DAY)
    assert not is_old(RegistryState(), DAY)


def test_meta_is_asked_once_a_minute_at_most() -> None:
    state = RegistryState(tried_at=DAY)

    assert not may_fetch(state, DAY + timedelta(seconds=59))
    assert may_fetch(state, DAY + timedelta(seconds=60))


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_does_not_fit_at_a_glance(case: str) -> None:
    components, _, _ = MISFITS[case]

    assert not ParameterIndex(read_parameters(a_template())).fits(components)


VALUES = st.one_of(st.text("ab \n", max_size=8), st.just("a" * 600), st.none(), st.just(5))
ROWS = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "payload", "image", "currency"])},
    optional={"text": VALUES, "payload": VALUES, "parameter_name": st.sampled_from(["1", "x"])},
)
COMPONENTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["header", "body", "button", "BODY", "x"])},
    optional={"parameters": st.lists(ROWS, max_size=3), "index": st.sampled_from(["0", 1, "x"])},
)


@given(st.lists(COMPONENTS, max_size=3))
def test_what_fits_at_a_glance_fits_when_it_is_looked_at_closely(components: list[Any]) -> None:
    rows = [a_body("Hi {{1}} {{2}}!", "a", "b"), {"type": "BUTTONS", "buttons": BUTTONS[:2]}]
    parameters = read_parameters(a_template(components=rows))
    if ParameterIndex(parameters).fits(components):
        assert find_mismatches(components, parameters) == []


def test_a_message_that_fits_does_so_at_a_glance() -> None:
    rows = [a_body("Hi {{1}} {{2}}!", "a", "b"), {"type": "BUTTONS", "buttons": BUTTONS[:2]}]
    parameters = read_parameters(a_template(components=rows))

    assert ParameterIndex(parameters).fits([*body("Ana", "17"), BUTTON])
    assert not ParameterIndex(parameters).fits([*body("Ana", "17")])


@pytest.mark.parametrize(
    ("before", "after", "falls"),
    [
        ("GREEN", "YELLOW", True),
        ("HIGH", "MEDIUM", True),
        ("GREEN", "RED", True),
        ("UNKNOWN", "RED", True),
        (None, "RED", True),
        ("YELLOW", "LOW", True),
        ("RED", "RED", False),
        ("RED", "YELLOW", False),
        ("UNKNOWN", "YELLOW", False),
        ("YELLOW", "GREEN", False),
        ("RED", "UNKNOWN", False),
    ],
)
def test_a_fall_of_quality_is_one_to_the_lowest_or_from_the_highest(
    before: str | None, after: str, falls: bool
) -> None:
    value = {"previous_quality_score": before, "new_quality_score": after}
    news = news_of("message_template_quality_update", **value)

    assert news
    assert news.is_quality_fall is falls
