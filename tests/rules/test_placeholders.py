"""What stands between {{ and }}, filled with what strangers wrote."""

from typing import Any

import pytest

from gateway.core.contacts import Contact
from gateway.core.messages import limits
from gateway.core.render import PlaceholderError, template
from tests.made import ANA, NUMBER
from tests.rules.booked import answer, decided


def said(then: str, /, contact: Contact | None = None, **message: Any) -> str:
    return answer(f"- {{name: it, then: {then!r}}}", contact, **message)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Hi {{ name }}!", "Hi Ana!"),
        ("{{from}} {{ number }} {{ id }}", f"{ANA} {NUMBER} wamid.1"),
        ("{{ text }}/{{ type }}/{{ tapped }}", "hi/text/"),
        ("{{ tapped | default('nothing') }}", "nothing"),
        ("{{ tapped | default(name) | upper }}", "ANA"),
        ("{{ text | capitalize }} {{ name | lower }} {{ text | title }}", "Hi ana Hi"),
        ("{{ '{{' }} {- }}", "{{ {- }}"),
        ("one { brace }", "one { brace }"),
    ],
)
def test_placeholder_is_filled(text: str, filled: str) -> None:
    assert answer(f'- {{name: it, then: "{text}"}}') == filled


@pytest.mark.parametrize("name", ["", "  "])
def test_a_name_that_is_empty_gets_the_default(name: str) -> None:
    assert said("Hi {{ name | trim | default('there') }}!", name=name) == "Hi there!"


def test_name_is_known_from_the_contact_where_the_message_does_not_say() -> None:
    assert said("Hi {{ name }}!", Contact(ANA, name="Ana Maria"), name="") == "Hi Ana Maria!"


def test_groups_of_the_pattern_are_placeholders() -> None:
    rules = """\
- name: order
  when: {text: {matches: 'order (?P<order>\\d+)(?: (?P<note>.+))?'}}
  then: "{{ order }} {{ note | default('no note') }}"
"""
    assert answer(rules, text="My ORDER 77") == "77 no note"
    assert answer(rules, text="order 7 Please") == "7 Please"


@pytest.mark.parametrize("text", ["{{ name }}", "{% raw %}", "{{ 7 * 7 }}", "{# x #}"])
def test_what_a_customer_wrote_is_never_read_as_a_template(text: str) -> None:
    assert said("You wrote {{ text }}", text=text) == f"You wrote {text}"


def test_a_text_grown_too_long_is_cut() -> None:
    assert said("{{ text }}{{ text }}", text="x" * 4_000) == "x" * limits.TEXT


def test_a_text_that_comes_out_empty_is_not_sent() -> None:
    decision = decided("- {name: echo, then: '{{ tapped }} '}\n- {name: next, then: x}")

    assert [(fired.rule, fired.actions) for fired in decision.fired] == [("echo", ())]
    assert decision.fired[0].why == "always; a text came out empty and is not sent"


ONLY = "only names and filters may stand between {{ and }}"
NO_STATEMENTS = "{% and {# are not used in rules; a placeholder is {{ name }}"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{% if name %}x{% endif %}", NO_STATEMENTS),
        ("{% raw %}x{% endraw %}", NO_STATEMENTS),
        ("{# note #}", NO_STATEMENTS),
        ("{{ 7 * 7 }}", ONLY),
        ("{{ 7 }}", ONLY),
        ("{{ name.__class__ }}", "unknown placeholder 'name.__class__'; only vars and hours"),
        ("{{ name[0] }}", ONLY),
        ("{{ range(9) }}", ONLY),
        ("{{ name if text }}", ONLY),
        ("{{ name is defined }}", ONLY),
        ("{{ 'a' ~ name }}", ONLY),
        ("{{ name, text }}", ONLY),
        ("{{ name" + " | trim" * 9 + " }}", ONLY),
        ("{{ " + "(" * 3_000 + "name" + ")" * 3_000 + " }}", ONLY),
        ("{{ name | deflaut('x') }}", "unknown filter 'deflaut'; did you mean 'default'?"),
        ("{{ name | upper('x') }}", "filter 'upper' is given too much"),
        ("{{ name | default(value='x') }}", "filter 'default' is given too much"),
        ("{{ name", "a placeholder cannot be read: unexpected end of template, expected 'end of"),
        ("{{ }}", "a placeholder cannot be read: Expected an expression"),
    ],
)
def test_anything_but_names_and_filters_is_refused(source: str, message: str) -> None:
    with pytest.raises(PlaceholderError) as refused:
        template(source)

    assert str(refused.value).startswith(message)


def test_template_without_its_value_stays_empty() -> None:
    assert template("a {{ name | upper }} b").render(lambda _: "") == "a  b"
