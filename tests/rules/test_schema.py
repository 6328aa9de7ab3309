"""The schema by which editors complete and check a rules file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from gateway.rules import reference
from gateway.rules.checks.rulefile_check import check
from gateway.rules.problems import RulebookError
from tests.rules.test_examples import BLOCKS, PAGE, ROOT
from tests.support.rules.rulebooks import HEAD, book

SCHEMA = json.loads(reference.FILE.read_text())
VALIDATOR = Draft202012Validator(SCHEMA)


def as_an_editor_reads(rules: str) -> Any:
    """Read a file as YAML 1.2 with its types, which is how editors look at it."""
    return YAML(typ="safe", pure=True).load(HEAD + rules if rules.startswith("-") else rules)


def is_fine(rules: str) -> bool:
    read = json.loads(json.dumps(as_an_editor_reads(rules), default=str))
    return bool(VALIDATOR.is_valid(read))


def test_schema_in_the_docs_is_what_the_models_say() -> None:
    assert reference.FILE.read_text() == reference.schema_json(), (
        "run python -m gateway.rules.reference"
    )


def test_tables_of_the_page_are_what_the_models_say() -> None:
    assert reference.render_page(PAGE) == PAGE, "run python -m gateway.rules.reference"


def test_page_has_every_table() -> None:
    assert {found[2] for found in reference.MARKED.finditer(PAGE)} == reference.tables().keys()


def test_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_example_of_the_page_is_fine_to_an_editor(block: str) -> None:
    assert is_fine(block)


RULES = sorted((ROOT / "examples").glob("*/rules.yaml"))


@pytest.mark.parametrize("file", RULES, ids=lambda file: file.parent.name)
def test_rules_of_the_project_name_the_schema_and_are_fine(file: Path) -> None:
    line = "# yaml-language-server: $schema=../../docs/rules.schema.json\n"

    assert file.read_text().startswith(line)
    assert is_fine(file.read_text())


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param("- {name: it, wen: x, then: x}", id="unknown key"),
        pytest.param("- {name: it, when: {txt: x}, then: x}", id="unknown condition"),
        pytest.param("- {name: it, when: {media: pdf}, then: x}", id="unknown word"),
        pytest.param("- {name: it, when: {age: {older: 30}}, then: x}", id="no unit"),
        pytest.param("- {name: it, when: {first_contact: maybe}, then: x}", id="neither"),
        pytest.param("- {name: it, when: {any: [{event: status}]}, then: x}", id="event below"),
        pytest.param("- {name: it, then: {send_txt: x}}", id="unknown action"),
        pytest.param(f"- {{name: it, then: {{send_text: {'x' * 4_097}}}}}", id="long text"),
        pytest.param("- {name: it, then: {send_text: x, language: en}}", id="another's option"),
        pytest.param("- {name: it, then: {send_template: x}}", id="no language"),
        pytest.param(
            f"- {{name: it, then: {{send_buttons: x, buttons: {{a: {'x' * 21}}}}}}}", id="title"
        ),
        pytest.param("- {name: it, at_most: often, then: x}", id="how often"),
        pytest.param("- {name: it, when: {text: {}}, then: x}", id="no test"),
        pytest.param("- {name: it, then: {send_text: ''}}", id="no text"),
        pytest.param("- {name: it, then: {send_buttons: x, buttons: {}}}", id="no button"),
        pytest.param("- {name: it, then: {send_list: x, button: x}}", id="no rows"),
        pytest.param(
            "- {name: it, then: {send_buttons: x, buttons: {a: A, b: B, c: C, d: D}}}", id="four"
        ),
        pytest.param("version: 2\nrules: []", id="version"),
        pytest.param("version: 1\nhours: {a: {zone: UTC, mon: 9}}\nrules: []", id="hours"),
    ],
)
def test_mistake_is_seen_by_an_editor(rules: str) -> None:
    assert not is_fine(rules)


WORDS = [
    "x",
    "",
    "yes",
    "30m",
    "0m",
    "any",
    "message",
    "x" * 30,
    "x" * 5_000,
    "{{ name }}",
    "12:00",
]
NODES: list[Any] = [*WORDS, [], {}, ["a"], ["a", ["b"]], {"a": "b"}, {"a": {"b": "c"}}, True]


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Go through the places of a tree: what holds it, and its key or position there."""
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        yield node, key
        if isinstance(node[key], dict | list):
            yield from places(node[key])


def is_refused(rules: str) -> bool:
    """Say whether what stands in several places, such as paths, is looked at and refused."""
    try:
        book(rules)
    except RulebookError:
        return True
    return False


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(BLOCKS), st.data())
def test_what_an_editor_refuses_is_a_mistake(block: str, data: st.DataObject) -> None:
    tree = json.loads(json.dumps(as_an_editor_reads(block), default=str))
    holder, key = data.draw(st.sampled_from(list(places(tree))))
    match data.draw(st.sampled_from(["change", "leave out", "put in a list", "rename"])):
        case "leave out":
            del holder[key]
        case "put in a list":
            holder[key] = [holder[key]]
        case "rename" if isinstance(holder, dict):
            holder[f"{key}x"] = holder.pop(key)
        case _:
            holder[key] = data.draw(st.sampled_from(NODES))

    # JSON is YAML.
    if not VALIDATOR.is_valid(tree):
        text = json.dumps(tree)
        assert check("rules.yaml", text).problems or is_refused(text)
