"""What an author is told of each mistake, word for word."""

import re
from pathlib import Path

import pytest

from gateway.rules.loader import find_problems
from gateway.rules.problems import Problem, RulebookError
from tests.support.rules.rulebooks import HEAD, book

CASE = re.compile(r"^# (.+)\n((?:(?!=> ).*\n)+?)((?:=> .+\n)+)", flags=re.MULTILINE)
WRITTEN = Path(__file__).with_name("mistakes.txt").read_text()
MISTAKES = CASE.findall(WRITTEN)
ODD = Path(__file__).with_name("oddities.txt").read_text()
ODDITIES = CASE.findall(ODD)


def told(rules: str) -> list[str]:
    with pytest.raises(RulebookError) as refused:
        book(rules)
    return [said(problem) for problem in refused.value.problems]


def said(problem: Problem) -> str:
    return f"{problem.mark.line}:{problem.mark.column}: {problem.rule!r}: {problem.message}"


def warned(folder: Path, rules: str) -> list[str]:
    """Tell what is odd in rules that can be loaded."""
    file = folder / "rules.yaml"
    file.write_text(HEAD + rules if rules.startswith("-") else rules)
    found = find_problems(file)
    assert all(problem.is_warning for problem in found)
    return [said(problem) for problem in found]


@pytest.mark.parametrize(
    ("written", "messages"),
    [pytest.param(written, messages, id=name) for name, written, messages in MISTAKES],
)
def test_mistake_is_told(written: str, messages: str) -> None:
    assert "".join(f"=> {message}\n" for message in told(written)) == messages


@pytest.mark.parametrize(
    ("written", "messages"),
    [pytest.param(written, messages, id=name) for name, written, messages in ODDITIES],
)
def test_oddity_is_told(written: str, messages: str, tmp_path: Path) -> None:
    assert "".join(f"=> {message}\n" for message in warned(tmp_path, written)) == messages


def test_all_mistakes_are_tried() -> None:
    assert len(MISTAKES) == WRITTEN.count("\n# ") > 130
    assert len(ODDITIES) == ODD.count("\n# ")


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param("- {name: a, when: {text: a}, then: A}\n- {name: b, then: B}", id="wider"),
        pytest.param("- {name: a, then: mark_read}\n- {name: b, then: B}", id="ends nothing"),
        pytest.param("- {name: a, then: A, stop: no}\n- {name: b, then: B}", id="goes on"),
        pytest.param(
            "- {name: a, then: A, cooldown: 1h, when_limited: next}\n- {name: b, then: B}",
            id="rests",
        ),
        pytest.param(
            "- {name: a, when: {first_contact: no}, then: A, at_most: 1 per 1d, "
            "when_limited: answered}\n- {name: b, then: B}",
            id="limit that is meant",
        ),
        pytest.param(
            "- {name: a, when: {media: any}, then: A, cooldown: 1h}\n- {name: b, then: B}",
            id="limit of some content",
        ),
        pytest.param(
            "- {name: a, when: {first_contact: no}, then: A, cooldown: 1h}\n"
            "- {name: b, then: mark_read}",
            id="limit above what answers nothing",
        ),
        pytest.param(
            "- {name: a, when: {text: {matches: '(?P<x>.+)'}}, then: '{{ x }}{{ text }}'}",
            id="a group and a text that conditions ask for",
        ),
        pytest.param(
            "- {name: a, then: [{set: {x: '{{ text }}'}}, '{{ vars.x }}', '{{ type }}', "
            "\"{{ name | default('you') | first_word }}\", 'Hi {{ name }}']}",
            id="texts that are never empty",
        ),
        pytest.param(
            "- {name: a, then: {send_buttons: Hi, buttons: {a: A}, footer: '{{ name }}'}}",
            id="a part that may be left out",
        ),
        pytest.param(
            "- {name: a, when: {text: {word: red}, tags: b}, then: {tag: b}, stop: yes}\n"
            "- {name: b, when: {any: [{tapped: c}, {text: {word: red}}]}, then: "
            "{send_buttons: Which?, buttons: {c: Red, d: Red again}}}\n"
            "- {name: d, when: {tapped: d}, then: D, enabled: no}",
            id="titles that fit rules which do not always answer, or name the tap",
        ),
        pytest.param("- {name: a, then: A, shadow: yes}\n- {name: b, then: B}", id="shadow"),
        pytest.param("- {name: a, then: A, enabled: no}\n- {name: b, then: B}", id="off"),
        pytest.param("- {name: a, then: A}\n- {name: b, then: B, enabled: no}", id="below off"),
        pytest.param(
            "- {name: a, when: {age: {older: 1h}}, then: A}\n- {name: b, then: B}", id="older"
        ),
        pytest.param(
            "- {name: a, when: {text: {contains: a}}, then: A}\n"
            "- {name: b, when: {text: {word: a}}, then: B}",
            id="another test",
        ),
        pytest.param(
            "- {name: a, when: {text: any}, then: A}\n- {name: b, when: {text: b}, then: B}",
            id="the word any",
        ),
        pytest.param(
            "- {name: a, when: {text: {equals: a, any_of: b}}, then: A}\n- {name: b, then: B}",
            id="two tests that no text passes",
        ),
        pytest.param(
            "- {name: a, when: {not: {text: a}}, then: A}\n"
            "- {name: b, when: {not: {text: b}}, then: B}",
            id="another not",
        ),
        pytest.param(
            "- {name: a, when: {vars: {size: M}}, then: {set: {size: L, language: en}}}\n"
            "- {name: b, when: {language: en}, then: '{{ vars.size }} {{ language }}'}",
            id="notes that are set",
        ),
        pytest.param(
            "- {name: a, when: {tags: vip}, then: A}\n"
            "- {name: b, when: {text: b}, then: {tag: vip}}\n"
            "- {name: c, when: {tags: vip}, then: C}",
            id="a tag that is set in between",
        ),
        pytest.param(
            "- {name: a, when: {not: {language: en}}, then: A}\n"
            "- {name: b, then: {unset: language}}\n"
            "- {name: c, when: {not: {language: en}}, then: C}\n"
            "- {name: d, when: {text: d}, then: {set: {language: en}}}",
            id="a note that is taken in between",
        ),
        pytest.param(
            "- {name: a, when: {text: x}, then: {tag: 'said-{{ text }}'}}\n"
            "- {name: b, when: {tags: said-x}, then: B}",
            id="tags that a placeholder makes",
        ),
    ],
)
def test_nothing_odd_is_told(rules: str, tmp_path: Path) -> None:
    assert warned(tmp_path, f"{rules}\n") == []


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        pytest.param(
            f"then: {'x' * 4_097}",
            "then.send_text: has 4,097 characters; Meta takes 4,096",
            id="text",
        ),
        pytest.param(
            f"then: x\n  when: {{text: {{matches: {'a' * 1_001}}}}}",
            "when.text.matches: the pattern is longer than 1,000 characters",
            id="pattern",
        ),
        pytest.param(
            f"then: x\n  {'k' * 500}: x",
            f"unknown key '{'k' * 40}…'; "
            "known: at_most, cooldown, enabled, name, shadow, stop, then, when, when_limited",
            id="key",
        ),
        pytest.param(
            f"then: {'[' * 40}{']' * 40}",
            "nested deeper than 32 levels, or an anchor holds itself",
            id="nested",
        ),
        pytest.param(f"then: {'[' * 2_000}", "nested deeper than 32 levels", id="no end"),
    ],
)
def test_what_is_too_long_is_told_in_short(rule: str, message: str) -> None:
    (line,) = told(f"- name: it\n  {rule}\n")

    assert line.split(": ", 2)[2] == message


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param("a: b\n" * 500, id="the same key"),
        pytest.param(
            "".join(f"- {{name: r{n}, wen: x, then: x}}\n" for n in range(500)), id="shape"
        ),
        pytest.param(
            "".join(f"- {{name: r{n}, then: '{{{{ nmae }}}}'}}\n" for n in range(500)), id="texts"
        ),
    ],
)
def test_mistakes_beyond_a_hundred_are_not_told_one_by_one(rules: str) -> None:
    messages = told(rules)

    assert len(messages) == 101
    assert any("more than 100 mistakes; mend these first" in message for message in messages)


def test_warnings_beyond_a_hundred_stay_warnings(tmp_path: Path) -> None:
    rules = "".join(f"- {{name: r{n}, when: {{text: a}}, then: x}}\n" for n in range(200))

    assert len(warned(tmp_path, rules)) == 101


def test_a_name_that_stands_twice_is_told_with_its_first_place() -> None:
    (message,) = told(f"{HEAD}- {{name: a, then: x}}\n- {{name: a, then: y}}\n")

    assert message.startswith("4:4: 'a': the name is taken by the rule at ")
    assert message.endswith(":3")


def test_anchors_may_be_used_again() -> None:
    rules = "- {name: a, then: &hi [Hello]}\n- {name: b, then: *hi}\n"

    assert [rule.has_send for rule in book(rules).rules] == [True, True]


def test_anchors_that_explode_are_refused() -> None:
    levels = [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 10)]

    (message,) = told("\n".join(["x0: &x0 [lol]", *levels]))

    assert message == "7:5: '': anchors expand to more than 1 MB"


def test_the_rule_is_named_where_lists_inside_it_have_names_too() -> None:
    rules = """\
- name: first
  then: x
- name: it
  then:
    - send:
        contacts:
          - name: x
            y: z: z
"""
    assert told(rules)[0].startswith("10:17: 'it': YAML reads")
    assert told(rules.replace("- name: it", "- when: {}"))[0].startswith("10:17: '': YAML reads")
