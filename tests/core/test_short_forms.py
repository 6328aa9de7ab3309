"""Short forms of the API: the same words as in rules make the same body, and mistakes are named."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from gateway.core.api.field_errors import FieldError
from gateway.core.api.message_request import MessageRequest, read_request
from gateway.core.api.short_forms import NAMES, OBJECTS
from gateway.core.contacts.contact import Contact
from gateway.core.messages import with_recipient
from gateway.rules.language.actions import SENDS
from gateway.rules.language.call_action import Step
from gateway.sandbox.validation.message import check_message

ANA = Contact("351912345678", wa_id="351912345678")
FRAME = {"header": "H", "footer": "F"}
FORMS: dict[str, list[Any]] = {
    "buttons": [
        {"text": "What?", "buttons": {"a": "A", "b": "B", "c": "C"}, **FRAME},
        {"text": "What?", "buttons": {"a": "A"}},
    ],
    "list": [
        {"text": "Which?", "button": "Show", "rows": {"a": "A", "b": {"title": "B"}}},
        {
            "text": "Which?", "button": "Show", **FRAME,
            "sections": {"One": {"a": {"title": "A", "description": "a"}}, "Two": {"b": "B"}},
        },
    ],
    "cta_url": [{"text": "Track it", "button": "Track", "url": "https://a.example", **FRAME}],
    "location_request": [{"text": "Where?"}],
    "flow": [
        {
            "text": "Measure", "button": "Begin", "flow": "123", "screen": "WALL", "token": "t",
            "data": {"unit": "m"}, "draft": True, **FRAME,
        },
        {"text": "Measure", "button": "Begin", "flow": "wall"},
    ],
    "location": [
        {"latitude": "38.7", "longitude": "-9.10", "name": "Shop", "address": "Rua Nova 1"},
        {"latitude": "0", "longitude": "180"},
    ],
    "contacts": [
        [
            {"name": "Shop", "phones": ["+351 1"], "emails": ["a@b.example"], "company": "Paint"},
            {"name": "Ana", "urls": ["https://b.example"]},
        ]
    ],
    "product": [{"product": "red", "catalog": "1", "caption": "Red", "footer": "F"}],
    "products": [
        {
            "text": "All", "catalog": "1", "sections": {"A": ["r"], "B": ["s", "t"]}, **FRAME,
        }
    ],
    "catalog": [{"text": "All", "thumbnail": "red", "footer": "F"}, {"text": "All"}],
}  # fmt: skip
# Forms whose first word in rules is not the text.
FIRST = {"location": "", "contacts": "", "product": "product"}
CASES = [(name, form) for name, forms in FORMS.items() for form in forms]


def read(**content: Any) -> MessageRequest | list[FieldError]:
    return read_request({"to": "+351912345678", **content})


def body_of(name: str, form: Any) -> dict[str, Any]:
    request = read(**{name: form})
    assert isinstance(request, MessageRequest), request
    return request.body


def in_rules(name: str, form: Any) -> dict[str, Any]:
    """Write the form as a rule has it."""
    first = FIRST.get(name, "text")
    if not first:
        return {f"send_{name}": form}
    others = {key: value for key, value in form.items() if key != first}
    return {f"send_{name}": form[first], **others}


def test_every_form_has_a_case_and_the_word_of_an_action() -> None:
    assert FORMS.keys() == NAMES
    assert {f"send_{name}" for name in NAMES} <= SENDS.keys()


@pytest.mark.parametrize("name", OBJECTS)
def test_every_field_of_a_form_has_a_case(name: str) -> None:
    assert {key for form in FORMS[name] for key in form} == OBJECTS[name].fields


@pytest.mark.parametrize(("name", "form"), CASES)
def test_api_and_rules_make_the_same_body(name: str, form: Any) -> None:
    step = TypeAdapter[Any](Step).validate_python(in_rules(name, form))

    assert body_of(name, form) == step.body()


@pytest.mark.parametrize(("name", "form"), CASES)
def test_the_sandbox_takes_the_body(name: str, form: Any) -> None:
    assert check_message(with_recipient(body_of(name, form), ANA)) is None


@pytest.mark.parametrize(
    ("number", "text"),
    [(38.7223, "38.7223"), (-9, "-9"), (1e-5, "0.00001"), (0, "0"), (-0.00000001, "0")],
)
def test_degrees_are_written_without_an_exponent(number: float, text: str) -> None:
    assert body_of("location", {"latitude": number, "longitude": 0})["location"]["latitude"] == text


@pytest.mark.parametrize("kind", ["image", "video", "audio", "document", "sticker"])
def test_a_type_may_be_left_out_where_its_part_names_it(kind: str) -> None:
    part = {"link": "https://a.example/b"}

    assert body_of(kind, part) == {"type": kind, kind: part}


BUTTONS = FORMS["buttons"][1]
LIST = FORMS["list"][0]
FLOW = FORMS["flow"][1]
PRODUCTS = FORMS["products"][0]
MISTAKES: dict[str, tuple[dict[str, Any], str, str]] = {
    "no content": ({}, "#", "needs one of audio, buttons"),
    "two contents": ({"text": "a", "location": {}}, "#", "needs one of audio, buttons"),
    "a form beside a type": (
        {"type": "text", "text": {"body": "a"}, "flow": FLOW}, "#/flow", "must be left out",
    ),
    "no object": ({"buttons": "a"}, "#/buttons", "must be an object with buttons"),
    "unknown field": ({"buttons": BUTTONS | {"x": 1}}, "#/buttons/x", "is unknown"),
    "no text": ({"cta_url": {}}, "#/cta_url/text", "is missing"),
    "blank text": ({"location_request": {"text": " "}}, "#/location_request/text", "is empty"),
    "four buttons": (
        {"buttons": BUTTONS | {"buttons": dict(zip("abcd", "ABCD", strict=True))}},
        "#/buttons/buttons", "must be an object with 1 to 3 entries",
    ),
    "twins": (
        {"buttons": BUTTONS | {"buttons": {"a": "A", "b": "A"}}},
        "#/buttons/buttons", "has two buttons with the same title",
    ),
    "long title": (
        {"buttons": BUTTONS | {"buttons": {"a": "A" * 21}}},
        "#/buttons/buttons/a", "must have 1 to 20 characters",
    ),
    "long id": (
        {"buttons": BUTTONS | {"buttons": {"a" * 257: "A"}}},
        f"#/buttons/buttons/{'a' * 64}", "must have a name of 1 to 256 characters",
    ),
    "rows and sections": ({"list": LIST | {"sections": {}}}, "#/list", "needs either rows or"),
    "rows of one id": (
        {"list": {"text": "a", "button": "b", "sections": {"A": {"a": "A"}, "B": {"a": "B"}}}},
        "#/list/sections", "has two rows with the same id",
    ),
    "eleven rows": (
        {
            "list": {
                "text": "a", "button": "b",
                "sections": {s: {f"{s}{n}": "A" for n in range(6)} for s in "ab"},
            }
        },
        "#/list", "has 12 rows; Meta takes 10",
    ),
    "row without title": (
        {"list": LIST | {"rows": {"a": {}}}}, "#/list/rows/a/title", "is missing",
    ),
    "address of nothing": (
        {"cta_url": {"text": "a", "button": "b", "url": "javascript:alert(1)"}},
        "#/cta_url/url", "must be a web address",
    ),
    "data without screen": ({"flow": FLOW | {"data": {"a": 1}}}, "#/flow/data", "needs screen"),
    "data of letters": ({"flow": FLOW | {"data": "a"}}, "#/flow/data", "must be an object"),
    "beyond the pole": (
        {"location": {"latitude": 91, "longitude": 0}}, "#/location/latitude", "must be a number",
    ),
    "no number": (
        {"location": {"latitude": True, "longitude": 0}}, "#/location/latitude", "must be a number",
    ),
    "far too large": (
        {"location": {"latitude": 10**400, "longitude": 0}},
        "#/location/latitude", "must be a number",
    ),
    "not a number": (
        {"location": {"latitude": float("nan"), "longitude": 0}},
        "#/location/latitude", "must be a number",
    ),
    "no contacts": ({"contacts": []}, "#/contacts", "must be a list of 1 to 257 entries"),
    "contact without name": ({"contacts": [{}]}, "#/contacts/0/name", "is missing"),
    "phones as text": (
        {"contacts": [{"name": "A", "phones": "1"}]}, "#/contacts/0/phones", "must be a list",
    ),
    "31 products": (
        {"products": PRODUCTS | {"sections": {s: ["x"] * 16 for s in "ab"}}},
        "#/products/sections", "has 32 products; Meta takes 30",
    ),
    "catalog without text": ({"catalog": {}}, "#/catalog/text", "is missing"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "pointer", "detail"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_its_place(
    content: dict[str, Any], pointer: str, detail: str
) -> None:
    errors = read(**content)

    assert not isinstance(errors, MessageRequest)
    assert any(one.pointer == pointer and detail in one.detail for one in errors), errors


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(sorted({key for form in OBJECTS.values() for key in form.fields}))
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=10,
)


@given(st.sampled_from(sorted(NAMES)), VALUES)
def test_whatever_is_in_a_form_becomes_a_body_that_the_sandbox_takes_or_errors(
    name: str, value: Any
) -> None:
    request = read(**{name: value})

    if isinstance(request, MessageRequest):
        assert check_message(with_recipient(request.body, ANA)) is None
    else:
        assert all(one.pointer.startswith("#") for one in request)
