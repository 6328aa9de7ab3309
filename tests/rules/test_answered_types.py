"""Which types of messages a rule answers: those of customers, and those that it names."""

from typing import Any

import pytest

from tests.support.rules.rulebooks import decided

SAID = (
    "text", "button", "interactive", "image", "video", "audio", "voice", "document", "sticker",
    "location", "contacts", "order",
)  # fmt: skip
OTHERS = (
    "reaction", "revoke", "edit", "unsupported", "request_welcome", "system", "of_next_year", "",
)  # fmt: skip
REMOVED: dict[str, Any] = {"type": "reaction", "text": None, "raw": {"reaction": {}}}


def is_answered(when: str, **message: Any) -> bool:
    return bool(decided(f"- {{name: it, when: {when}, then: Yes.}}", **message).fired)


@pytest.mark.parametrize("kind", SAID)
def test_a_rule_without_conditions_answers_what_a_customer_sent(kind: str) -> None:
    assert decided("- {name: all, then: Yes.}", type=kind, text=None).fired


@pytest.mark.parametrize("kind", OTHERS)
def test_a_rule_without_conditions_answers_no_other_type(kind: str) -> None:
    assert not decided("- {name: all, then: Yes.}", type=kind, text=None).fired


@pytest.mark.parametrize("kind", [*OTHERS[:-1]])
@pytest.mark.parametrize("when", ["{type: %s}", "{any: [{text: x}, {all: {type: %s}}]}"])
def test_a_rule_answers_a_type_that_it_names(kind: str, when: str) -> None:
    assert is_answered(when % kind, type=kind, text=None)


def test_a_type_is_named_by_a_path_that_only_it_has() -> None:
    edit = {"edit": {"message": {"type": "text", "text": {"body": "order 124"}}}}
    when = "{data: {edit.message.text.body: order 124}}"

    assert is_answered(when, type="edit", text=None, raw={"type": "edit", **edit})
    assert not is_answered(f"{{not: {when}}}", type="edit", text=None, raw=edit)


def test_a_type_is_named_in_any_case() -> None:
    assert is_answered("{type: Revoke}", type="revoke", text=None)


def test_what_is_named_under_not_is_not_answered() -> None:
    assert not is_answered("{not: {type: reaction}}", type="revoke", text=None)


def test_one_of_several_whens_names_types_for_itself_only() -> None:
    assert not is_answered("[{type: revoke, tags: vip}, {silent_for: 1s}]", type="revoke")


def test_a_reaction_is_named_by_its_emoji() -> None:
    raw = {"reaction": {"emoji": "👍"}}

    assert is_answered("{reaction: any}", type="reaction", text=None, raw=raw)


def test_a_removed_reaction_is_answered_where_its_type_is_named() -> None:
    assert is_answered("{type: reaction}", **REMOVED)
    assert not is_answered("{reaction: any}", **REMOVED)


def test_an_edit_that_corrects_an_order_is_no_second_order() -> None:
    assert not is_answered("{text: {contains: order}}", type="edit", text="order 124")


def test_a_rule_that_only_notes_is_not_asked_either() -> None:
    assert not decided("- {name: log, then: {tag: seen}}", type="revoke", text=None).fired
