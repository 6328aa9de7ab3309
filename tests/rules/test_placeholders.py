"""What stands between {{ and }}, filled with what strangers wrote."""

from datetime import timedelta
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.messages import length_limits
from gateway.core.messages.placeholders import MAX_PLACEHOLDERS, PlaceholderError, template
from gateway.rules.problems import RulebookError
from tests.support.factories import ANA, NOW, NUMBER, a_message
from tests.support.rules.rulebooks import answer, book, decided, planned, texts


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


NAMED = """\
version: 1
hours: {shop: {zone: Europe/Lisbon, mon-fri: 09:00-18:00, closed: [2026-11-23]}, none: {zone: UTC}}
rules:
- name: it
  then: "%s"
- {name: sets, when: {text: other}, then: {set: {size: M}}}
"""


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{ now | date }} {{ now | time }}", "2026-11-22 12:00"),
        ("{{ now | date('%d/%m/%Y') }}, {{ now | time('%I %p') }}", "22/11/2026, 12 PM"),
        ("{{ now | when }}, {{ now | when('pt') }}", "today at 12:00, hoje às 12:00"),
        ("{{ hours.shop.now | time }}", "12:00"),
        ("{{ hours.shop.opens | when }}", "Tuesday at 09:00"),
        ("{{ hours.shop.closes | when('es') }}", "el martes a las 18:00"),
        ("{{ hours.none.opens | when | default('soon') }}", "soon"),
        ("{{ vars.size }}{{ vars.colour | default('-') }}", "L-"),
        ("{{ language }} {{ tags }}", "pt a, b"),
        ("{{ vars.size | lower | upper }}", "L"),
        ("{{ text | first_word }} {{ text | truncate(6) }}", "Hello Hello…"),
        ("{{ text | truncate(11) }}", "Hello World"),
        ("{{ status }}{{ code }}{{ field }}.", "."),
    ],
)
def test_what_is_known_beside_the_message_is_filled_in(text: str, filled: str) -> None:
    known = Contact(ANA, tags=("a", "b"), vars={"size": "L", "language": "pt"})

    assert answer(NAMED % text, known, text="Hello World") == filled


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        (
            "https://x.example/?q={{ text }}&n={{ name }}",
            "https://x.example/?q=a%2Fb%3F%20%C3%A9&n=Ana",
        ),
        ("https://x.example/ {{ text }}", "https://x.example/ a/b? é"),
        ("see\thttp://{{ text }}/x", "see\thttp://a%2Fb%3F%20%C3%A9/x"),
        ("https://x.example/{{ text | urlencode }}", "https://x.example/a%2Fb%3F%20%C3%A9"),
        ("{{ text | urlencode }}", "a%2Fb%3F%20%C3%A9"),
        ("{{ text }}", "a/b? é"),
    ],
)
def test_value_within_a_url_is_escaped(text: str, filled: str) -> None:
    assert answer(f'- {{name: it, then: "{text}"}}', text="a/b? é") == filled


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


def test_groups_hold_what_the_pattern_saw() -> None:
    rules = """\
- name: said
  when: {text: {matches: '(?P<tidy>["“].+["”])', matches_raw: '(?P<raw>["“].+["”])'}}
  then: "{{ tidy }} {{ raw }}"
"""
    assert answer(rules, text="I say “Ça  va? ٤”") == '"Ça va? 4" “Ça  va? ٤”'


@pytest.mark.parametrize("text", ["{{ name }}", "{% raw %}", "{{ 7 * 7 }}", "{# x #}"])
def test_what_a_customer_wrote_is_never_read_as_a_template(text: str) -> None:
    assert said("You wrote {{ text }}", text=text) == f"You wrote {text}"


def test_a_text_grown_too_long_is_cut() -> None:
    assert said("{{ text }}{{ text }}", text="x" * 4_000) == "x" * length_limits.TEXT


def test_a_title_grown_too_long_is_cut() -> None:
    (fired,) = decided(
        "- {name: it, then: {send_buttons: Hi, buttons: {a: 'Track {{ text }}'}}}", text="x" * 90
    ).fired
    (button,) = fired.actions[0].body["interactive"]["action"]["buttons"]

    assert button["reply"]["title"] == "Track " + "x" * 14


def test_many_values_are_bounded_while_they_are_filled_in() -> None:
    made = template("{{ text | upper }}" * MAX_PLACEHOLDERS)
    asked = []

    def value(name: str) -> str:
        asked.append(name)
        return "x" * length_limits.TEXT

    assert made.render(value) == "X" * length_limits.TEXT
    assert len(asked) == 1


def test_optional_part_that_comes_out_empty_is_left_out() -> None:
    (fired,) = decided(
        "- {name: it, then: {send_buttons: Hi, buttons: {a: A}, footer: '{{ tapped }}'}}"
    ).fired

    assert fired.actions[0].body["interactive"].keys() == {"type", "body", "action"}


@pytest.mark.parametrize(
    "then",
    [
        "{send_buttons: Hi, buttons: {a: '{{ tapped }}'}}",
        "{send_template: it, language: en, values: ['{{ tapped }}']}",
        "{set: {size: '{{ tapped }}'}}",
        "{alert: '{{ tapped }}'}",
    ],
)
def test_action_with_a_needed_text_that_comes_out_empty_is_not_done(then: str) -> None:
    assert [fired.actions for fired in decided(f"- {{name: it, then: {then}}}").fired] == [()]


@pytest.mark.parametrize(
    ("then", "parameter"),
    [
        ("{send_template: it, language: en, values: ['{{ text }}']}", "two lines"),
        ("{send_template: it, language: en, values: {a: 'of {{ text }}'}}", "of two lines"),
        ('{send_template: it, language: en, values: ["of\\tours"]}', "of ours"),
        (
            "{send_template: it, language: en, components: [{type: header, "
            "parameters: [{type: text, text: '{{ text }}'}]}]}",
            "two lines",
        ),
    ],
)
def test_a_parameter_of_a_template_is_one_line(then: str, parameter: str) -> None:
    (fired,) = decided(f"- {{name: it, then: {then}}}", text=" two \n\n\t     lines").fired

    (component,) = fired.actions[0].body["template"]["components"]
    assert component["parameters"][0]["text"] == parameter


def test_a_text_keeps_its_lines() -> None:
    (fired,) = decided("- {name: it, then: '{{ text }}'}", text="two\n\nlines").fired

    assert fired.actions[0].body["text"]["body"] == "two\n\nlines"


ECHO_AND_NEXT = "- {name: echo, then: '{{ tapped }} '}\n- {name: next, then: x}"


def test_a_text_that_comes_out_empty_is_not_sent_and_the_next_rule_answers() -> None:
    echo, below = decided(ECHO_AND_NEXT).fired

    assert (echo.rule, echo.actions, echo.left_out) == ("echo", (), ("send_text",))
    assert echo.explanation == (
        "always; a text came out empty, so its action is not done; "
        "nothing is left to send, so the rules below are asked"
    )
    assert below.rule == "next"


@pytest.mark.parametrize(
    ("echo", "fired"),
    [
        pytest.param("then: ['{{ tapped }}', Yes.]", ["echo"], id="one message is left"),
        pytest.param("then: [mark_read, '{{ tapped }}']", ["echo", "below"], id="a signal is left"),
        pytest.param("stop: yes, then: '{{ tapped }}'", ["echo"], id="it stops nevertheless"),
        pytest.param("then: ['{{ tapped }}', leave]", ["echo"], id="it leaves nevertheless"),
        pytest.param("then: {set: {a: '{{ tapped }}'}}, stop: yes", ["echo"], id="it only notes"),
    ],
)
def test_an_empty_message_ends_the_search_only_beside_another(echo: str, fired: list[str]) -> None:
    decision = decided(f"- {{name: echo, {echo}}}\n- {{name: below, then: x}}")

    assert [one.rule for one in decision.fired] == fired


def test_a_muted_customer_is_silence_and_no_empty_text() -> None:
    muted = Contact(ANA, wa_id=ANA, muted_until=NOW + timedelta(hours=1))

    (fired,) = decided(ECHO_AND_NEXT, muted).fired

    assert (fired.rule, fired.left_out) == ("echo", ())


def test_an_answer_that_came_out_empty_uses_up_no_limit() -> None:
    rules = "- {name: echo, cooldown: 1h, then: '{{ tapped }}'}\n- {name: below, then: x}"
    events = [a_message(f"wamid.{n}") for n in range(2)]

    assert texts(planned(rules, *events)) == ["x", "x"]


def test_actions_that_are_left_out_are_counted_but_for_those_in_shadow() -> None:
    rules = "- {name: it, shadow: yes, then: '{{ tapped }}'}\n" + ECHO_AND_NEXT

    (record,) = planned(rules, a_message()).records

    assert record.left_out == 1


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
        ("{{ name.__class__ }}", "unknown placeholder 'name.__class__'; with dots there are"),
        ("{{ name[0] }}", ONLY),
        ("{{ range(9) }}", ONLY),
        ("{{ name if text }}", ONLY),
        ("{{ name is defined }}", ONLY),
        ("{{ 'a' ~ name }}", ONLY),
        ("{{ name, text }}", ONLY),
        ("{{ name" + " | trim" * 9 + " }}", ONLY),
        ("{{ " + "(" * 240 + "name" + ")" * 240 + " }}", ONLY),
        ("{{ name | deflaut('x') }}", "unknown filter 'deflaut'; did you mean 'default'?"),
        ("{{ name | upper('x') }}", "filter 'upper' is given too much"),
        ("{{ name | default(value='x') }}", "filter 'default' is given too much"),
        ("{{ name }}" * 101, "more than 100 placeholders in one text"),
        (
            "{{ name | default('" + "x" * 500 + "') }}",
            "a placeholder is longer than 500 characters",
        ),
        ("{{ vars }}{{ vars.a.b }}", "unknown placeholder 'vars.a.b'; with dots there are"),
        ("{{ vars.__class__.x }}", "unknown placeholder 'vars.__class__.x'"),
        ("{{ hours.shop }}", "unknown placeholder 'hours.shop'"),
        ("{{ name | default(7) }}", "filter 'default' takes a text"),
        ("{{ name | default(now) }}", "filter 'default' takes a text"),
        ("{{ name | truncate(0) }}", "filter 'truncate' takes a number from 1 to 4096"),
        ("{{ name | truncate(text) }}", "filter 'truncate' takes a number"),
        ("{{ now | date('%999999999d') }}", "filter 'date' takes a pattern"),
        ("{{ now | default('x') }}", "filter 'default' takes a text; 'now' is a moment"),
        ("{{ now | when | when }}", "filter 'when' takes a moment"),
        ("{{ name", "a placeholder cannot be read: unexpected end of template, expected 'end of"),
        ("{{ }}", "a placeholder cannot be read: Expected an expression"),
    ],
)
def test_anything_but_names_and_filters_is_refused(source: str, message: str) -> None:
    with pytest.raises(PlaceholderError) as refused:
        template(source)

    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    "text",
    ["{{" * 450_000, "{{ a" * 200_000, "{{ a }}" * 130_000, "{" * 900_000, "{{ " + "a|" * 400_000],
    ids=["openings", "none closed", "all closed", "braces", "filters"],
)
def test_a_megabyte_of_placeholders_is_refused_in_time(text: str) -> None:
    with pytest.raises(RulebookError):
        book(f"- {{name: it, then: '{text}'}}")


def test_template_without_its_value_stays_empty() -> None:
    assert template("a {{ name | upper }} b").render(lambda _: "") == "a  b"
