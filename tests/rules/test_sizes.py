"""Every part of a message may be as long as Meta takes it, and no longer."""

import json
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.messages import length_limits, with_recipient
from gateway.rules.problems import RulebookError
from gateway.sandbox.validation.message import check_message
from tests.support.factories import ANA
from tests.support.rules.rulebooks import decided

HERE = "HERE"  # where the text under test stands

BUTTONS = {"send_buttons": "x", "buttons": {"a": "A"}}
LIST = {"send_list": "x", "button": "x", "rows": {"a": "A"}}
FILE = {"send_media": "https://a.example/x", "kind": "document"}


def interactive(kind: str, **parts: Any) -> Any:
    inner = {"type": kind, "body": {"text": "x"}, **parts}
    return {"send": {"type": "interactive", "interactive": inner}}


REPLY = {"type": "reply", "reply": {"id": "a", "title": "A"}}
ROW = {"id": "a", "title": "A"}

TEXTS = [
    ({"send_text": HERE}, length_limits.TEXT),
    (BUTTONS | {"send_buttons": HERE}, length_limits.BUTTONS_TEXT),
    (BUTTONS | {"header": HERE}, length_limits.HEADER),
    (BUTTONS | {"footer": HERE}, length_limits.FOOTER),
    (BUTTONS | {"buttons": {"a": HERE}}, length_limits.BUTTON_TITLE),
    (LIST | {"send_list": HERE}, length_limits.LIST_TEXT),
    (LIST | {"button": HERE}, length_limits.LIST_BUTTON),
    (LIST | {"header": HERE}, length_limits.HEADER),
    (LIST | {"footer": HERE}, length_limits.FOOTER),
    (LIST | {"rows": {"a": HERE}}, length_limits.ROW_TITLE),
    (LIST | {"rows": {"a": {"title": "A", "description": HERE}}}, length_limits.ROW_DESCRIPTION),
    (
        {"send_list": "x", "button": "x", "sections": {HERE: {"a": "A"}}},
        length_limits.SECTION_TITLE,
    ),
    (FILE | {"caption": HERE}, length_limits.CAPTION),
    (FILE | {"filename": HERE}, length_limits.FILENAME),
    ({"send": {"type": "text", "text": {"body": HERE}}}, length_limits.TEXT),
    ({"send": {"type": "image", "image": {"id": "1", "caption": HERE}}}, length_limits.CAPTION),
    (
        interactive("button", body={"text": HERE}, action={"buttons": [REPLY]}),
        length_limits.BUTTONS_TEXT,
    ),
    (
        interactive(
            "button",
            action={"buttons": [{"type": "reply", "reply": {"id": "a", "title": HERE}}]},
        ),
        length_limits.BUTTON_TITLE,
    ),
    (
        interactive(
            "list", body={"text": HERE}, action={"button": "x", "sections": [{"rows": [ROW]}]}
        ),
        length_limits.LIST_TEXT,
    ),
    (
        interactive(
            "list", action={"button": "x", "sections": [{"rows": [ROW | {"description": HERE}]}]}
        ),
        length_limits.ROW_DESCRIPTION,
    ),
    (
        interactive(
            "cta_url",
            action={
                "name": "cta_url",
                "parameters": {"display_text": HERE, "url": "https://a.example"},
            },
        ),
        length_limits.BUTTON_TITLE,
    ),
]

IDS = [
    (BUTTONS | {"buttons": {HERE: "A"}}, length_limits.BUTTON_ID),
    (LIST | {"rows": {HERE: "A"}}, length_limits.ROW_ID),
]
PARTS = [*TEXTS, *IDS]


def done(step: Any, text: str) -> Any:
    """Give the body that a rule with this step sends; the step is JSON, which is YAML too."""
    (fired,) = decided(
        f"- name: it\n  then: {json.dumps(step).replace(HERE, text)}\n", text="x" * 4_096
    ).fired
    return with_recipient(fired.actions[0].body, Contact(ANA, wa_id=ANA))


@pytest.mark.parametrize(("step", "most"), PARTS, ids=range(len(PARTS)))
def test_part_as_long_as_meta_takes_it_is_taken(step: Any, most: int) -> None:
    body = done(step, "x" * most)

    assert check_message(body) is None
    assert (
        check_message(json.loads(json.dumps(body).replace("x" * most, "x" * (most + 1))))
        is not None
    )


@pytest.mark.parametrize(("step", "most"), PARTS, ids=range(len(PARTS)))
def test_part_that_is_longer_is_refused(step: Any, most: int) -> None:
    with pytest.raises(RulebookError) as refused:
        done(step, "x" * (most + 1))

    (problem,) = refused.value.problems
    assert problem.message.endswith(f"has {most + 1:,} characters; Meta takes {most:,}")


@pytest.mark.parametrize(("step", "most"), TEXTS, ids=range(len(TEXTS)))
def test_part_that_a_customer_makes_longer_is_cut(step: Any, most: int) -> None:
    body = done(step, "{{ text }}")

    assert f'"{"x" * most}"' in json.dumps(body)
    assert check_message(body) is None


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (
            interactive("button", action={"buttons": [REPLY] * 4}),
            "has 4 buttons; Meta takes 3",
        ),
        (
            interactive("list", action={"button": "x", "sections": [{"rows": [ROW]}] * 11}),
            "has 11 sections; Meta takes 10",
        ),
        (
            interactive("list", action={"button": "x", "sections": [{"rows": [ROW] * 11}]}),
            "has 11 rows; Meta takes 10",
        ),
    ],
)
def test_parts_that_are_too_many_are_refused(step: Any, message: str) -> None:
    with pytest.raises(RulebookError) as refused:
        done(step, "")

    assert [problem.message for problem in refused.value.problems] == [message]
