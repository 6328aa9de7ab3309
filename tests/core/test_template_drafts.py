"""Drafts of templates: read from files, checked as Meta does, and compared with what Meta has."""

from typing import Any

import pytest

from gateway.core.templates.draft import (
    TemplateDraft,
    differs,
    draft_of,
    find_draft_problems,
    read_draft,
)
from tests.support.templates import a_body, a_row, a_template

BODY = a_body("Hello {{1}}, order {{2}} is on its way.", "Ana", "17")
FIELDS: dict[str, Any] = {
    "name": "order_sent", "language": "en_US", "category": "UTILITY", "components": [BODY],
}  # fmt: skip


def a_draft(*components: dict[str, Any], **more: Any) -> TemplateDraft:
    draft = read_draft(FIELDS | {"components": list(components) or [BODY]} | more)
    assert isinstance(draft, TemplateDraft)
    return draft


def test_a_right_draft_has_no_problems_and_is_what_meta_gets() -> None:
    assert find_draft_problems(a_draft()) == []
    assert a_draft().to_graph() == FIELDS | {"parameter_format": "POSITIONAL"}


def test_a_form_that_is_wrong_is_told_at_once() -> None:
    fields = {"name": "A b", "language": False, "category": "fun", "components": {}, "x": 1}

    assert [one.partition(":")[0] for one in read_draft(fields)] == [  # type: ignore[union-attr]
        "x", "components", "category", "name", "language",
    ]  # fmt: skip
    assert read_draft("x") == ["must have name, language, category and components"]


HEADER = {"type": "HEADER", "format": "TEXT"}
WRONG: dict[str, tuple[list[dict[str, Any]], str]] = {
    "no body": ([HEADER | {"text": "Hi"}], "components: BODY is missing"),
    "two bodies": ([BODY, BODY], "components: BODY is there twice"),
    "unknown": ([BODY, {"type": "X"}], "components: X is unknown"),
    "first": ([a_body("{{1}} is here.", "Ana")], "body: begins with a parameter"),
    "last": ([a_body("Hello {{1}}", "Ana")], "body: ends with a parameter"),
    "a gap": ([a_body("Hello {{2}}!", "Ana")], "body: its parameters must be numbered from 1"),
    "no example": ([a_body("Hello {{1}}!")], "body: lacks an example of {{1}}"),
    "long": ([a_body("x" * 1025)], "body: has 1,025 characters; Meta takes 1,024"),
    "empty": ([a_body(" ")], "body: is empty"),
    "a long header": ([BODY, HEADER | {"text": "x" * 61}], "header: has 61 characters"),
    "two in a header": (
        [BODY, HEADER | {"text": "{{1}} {{2}}", "example": {"header_text": ["a", "b"]}}],
        "header: has more than one parameter",
    ),
    "a footer": ([BODY, {"type": "FOOTER", "text": "{{1}}"}], "footer: has a parameter"),
    "no buttons": ([BODY, {"type": "BUTTONS", "buttons": []}], "buttons: needs 1 to 10"),
    "a long button": (
        [BODY, {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "x" * 26}]}],
        "buttons: 0 has a text of 26 characters",
    ),
    "an address": (
        [BODY, {"type": "BUTTONS", "buttons": [{"type": "URL", "url": "https://x.pt/{{1}}/a",
                                                "example": ["https://x.pt/b/a"]}]}],
        "buttons: 0 has a parameter that is not at the end",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_meta_would_refuse_is_named_before(case: str) -> None:
    components, wanted = WRONG[case]

    problems = find_draft_problems(a_draft(*components))

    assert any(one.startswith(wanted) for one in problems), problems


def test_names_are_checked_as_names() -> None:
    example = {"body_text_named_params": [{"param_name": "Name", "example": "Ana"}]}
    body = {"type": "BODY", "text": "Hello {{Name}}!", "example": example}

    assert find_draft_problems(a_draft(body, parameter_format="NAMED")) == [
        "body: {{Name}} is no name: small letters, digits and _"
    ]


def test_a_draft_of_metas_template_is_the_same_template() -> None:
    template = a_template()

    assert differs(draft_of(template), template) == []
    assert differs(a_draft(category="MARKETING"), template) == ["category"]
    assert differs(a_draft(a_body("Hello {{1}}!", "Ana")), template) == ["components"]


def test_the_address_of_an_example_file_is_no_difference() -> None:
    picture = {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["https://1"]}}
    template = a_template(components=[picture, BODY])
    another = picture | {"example": {"header_handle": ["https://2"]}}

    assert differs(a_draft(another, BODY), template) == []
    assert draft_of(template).components[0] == {"type": "HEADER", "format": "IMAGE"}
    assert a_row()["components"] == [BODY]


@pytest.mark.parametrize(
    ("button", "problem"),
    [
        ({"type": "QUICK_REPLY"}, "0 lacks text"),
        ({"type": "QUICK_REPLY", "text": "Hi {{1}}"}, "0 has a parameter in its text"),
        ({"type": "QUICK_REPLY", "text": "Yes\nNo"}, "0 has a line break"),
        ({"type": "QUICK_REPLY", "text": "Yes \U0001f600"}, "0 has an emoji"),
        ({"type": "QUICK_REPLY", "text": "*Yes*"}, "0 has formatting"),
        ({"type": "URL", "text": "Shop"}, "0 lacks url"),
        ({"type": "PHONE_NUMBER", "text": "Call"}, "0 lacks phone_number"),
        (
            {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "1" * 21},
            "0 has a phone number",
        ),
        ({"type": "COPY_CODE"}, "0 lacks example"),
        ({"type": "COPY_CODE", "example": "x" * 21}, "0 has a code of 21"),
        ("Yes", "0 is no object"),
    ],
)
def test_the_text_of_a_button_is_plain(button: Any, problem: str) -> None:
    draft = a_draft(BODY, {"type": "BUTTONS", "buttons": [button]})

    (found,) = find_draft_problems(draft)

    assert found.startswith(f"buttons: {problem}")


def test_two_buttons_say_different_things_and_good_ones_pass() -> None:
    good: list[Any] = [
        {"type": "QUICK_REPLY", "text": "Não, obrigado!"},
        {"type": "URL", "text": "Shop (new)", "url": "https://x.pt/a_b_c"},
        {"type": "PHONE_NUMBER", "text": "Call us", "phone_number": "351212345678"},
        {"type": "CATALOG", "text": "View"},
        {"type": "OTP", "otp_type": "COPY_CODE"},
    ]

    assert find_draft_problems(a_draft(BODY, {"type": "BUTTONS", "buttons": good})) == []
    twice = a_draft(BODY, {"type": "BUTTONS", "buttons": [good[0], good[0]]})
    assert find_draft_problems(twice) == ["buttons: has the text 'Não, obrigado!' twice"]
