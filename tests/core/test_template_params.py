"""Parameters in the short form: what they stand for, and where a mistake in them is."""

from typing import Any

import pytest

from gateway.core.templates.given import read_given
from gateway.core.templates.param_form import pointer_of, read_params


def components(params: Any) -> list[Any]:
    found = read_params(params)
    assert found.mismatches == []
    return found.components


def the_body(*rows: dict[str, str]) -> list[Any]:
    return [{"type": "body", "parameters": [{"type": "text", **row} for row in rows]}]


def test_a_list_or_names_are_those_of_the_body() -> None:
    assert components(["Ana", 17]) == the_body({"text": "Ana"}, {"text": "17"})
    assert components({"name": "Ana"}) == the_body({"parameter_name": "name", "text": "Ana"})


def test_a_parameter_may_be_called_header() -> None:
    assert components({"header": "x"}) == the_body({"parameter_name": "header", "text": "x"})


def test_nothing_has_no_components() -> None:
    assert components([]) == components({}) == []


def test_each_place_has_its_own() -> None:
    given = {
        "header": {"image": "https://x.pt/a.jpg"},
        "body": ["Ana", 17],
        "buttons": [None, "a", {"payload": "stop"}, {"code": "SAVE20"}],
    }

    assert components(given) == [
        {
            "type": "header",
            "parameters": [{"type": "image", "image": {"link": "https://x.pt/a.jpg"}}],
        },
        {
            "type": "body",
            "parameters": [{"type": "text", "text": "Ana"}, {"type": "text", "text": "17"}],
        },
        {
            "type": "button", "sub_type": "url", "index": "1",
            "parameters": [{"type": "text", "text": "a"}],
        },
        {
            "type": "button", "sub_type": "quick_reply", "index": "2",
            "parameters": [{"type": "payload", "payload": "stop"}],
        },
        {
            "type": "button", "sub_type": "copy_code", "index": "3",
            "parameters": [{"type": "coupon_code", "coupon_code": "SAVE20"}],
        },
    ]  # fmt: skip


MISTAKES: dict[str, tuple[Any, str]] = {
    "a text alone": ("Ana", "#/p"),
    "no text": ([{}], "#/p/0"),
    "a flag": ({"a/b": True}, "#/p/a~1b"),
    "a line break": ({"body": ["a\nb"]}, "#/p/body/0"),
    "an empty one": ({"header": [" "]}, "#/p/header/0"),
    "no file": ({"header": {"image": 5}}, "#/p/header/image"),
    "an open link": ({"header": {"image": "http://x.pt/a"}}, "#/p/header/image"),
    "a far button": ({"buttons": {"10": "x"}}, "#/p/buttons/10"),
    "an odd button": ({"buttons": [{"x": "y"}]}, "#/p/buttons/0"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_named_with_its_place(case: str) -> None:
    params, pointer = MISTAKES[case]

    assert [one.pointer for one in read_params(params, "#/p").mismatches] == [pointer]


@pytest.mark.parametrize(
    ("params", "pointers"),
    [
        (["a", "b"], ["#/p/0", "#/p/1"]),
        ({"a/b": "c"}, ["#/p/a~1b"]),
        (
            {"header": {"image": "1"}, "body": {"x": "y"}, "buttons": {"3": "z"}},
            ["#/p/header/image", "#/p/body/x", "#/p/buttons/3"],
        ),
    ],
)
def test_each_parameter_of_the_message_is_found_in_what_was_given(
    params: Any, pointers: list[str]
) -> None:
    given = read_given(components(params), "#")

    assert [pointer_of(params, one, "#/p") for one in given] == pointers
