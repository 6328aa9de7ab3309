"""What rules remember: limits, silences, tags and variables, in shadow and in a loop."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.loop_guard import MOST_QUICK, MOST_REPEATED
from gateway.core.planning.batch import Plan
from gateway.core.planning.decision import LimitedRule
from gateway.core.planning.event import LOOP_ALERT
from tests.support.factories import ANA, NOW, a_message
from tests.support.rules.rulebooks import book, planned, texts

HOUR = timedelta(hours=1)


def talk(rules: str, *hours: float) -> list[list[str]]:
    """Let Ana write "hi" at these hours; return the texts that each gets."""
    rulebook, contact, got = book(rules), None, []
    for hour in hours:
        now = NOW + hour * HOUR
        event = a_message(f"wamid.{hour}", at=now)
        made = planned(rulebook, event, contact=contact, now=now)
        contact = made.contact
        got.append(texts(made))
    return got


@pytest.mark.parametrize(
    ("limits", "answered"),
    [
        pytest.param("cooldown: 8h", [0, 8, 16, 24], id="cooldown"),
        pytest.param("at_most: 2 per 1d", [0, 1, 24], id="at most"),
        pytest.param("cooldown: 2h, at_most: 2 per 1d", [0, 2, 24], id="both"),
        pytest.param("enabled: no", [], id="not enabled"),
        pytest.param("shadow: yes", [], id="shadow"),
        pytest.param("cooldown: 1d, shadow: yes", [], id="shadow with a limit"),
    ],
)
def test_a_rule_answers_within_its_limits(limits: str, answered: list[int]) -> None:
    hours = [0, 1, 2, 7, 8, 16, 24]

    rule = f"- {{name: it, {limits}, when_limited: next, then: Yes.}}"
    got = talk(f"{rule}\n- {{name: rest, then: No.}}", *hours)

    assert [hour for hour, said in zip(hours, got, strict=True) if said == ["Yes."]] == answered
    assert all(said in (["Yes."], ["No."]) for said in got)


BELOW = "\n- {name: rest, then: No.}"


@pytest.mark.parametrize(
    ("rule", "second"),
    [
        pytest.param("then: Yes.", [], id="it would answer"),
        pytest.param("when_limited: answered, then: Yes.", [], id="it says so"),
        pytest.param("when_limited: next, then: Yes.", ["No."], id="it says otherwise"),
        pytest.param("stop: no, then: Yes.", ["No."], id="it never ends the search"),
        pytest.param("then: mark_read", ["No."], id="it answers nothing"),
        pytest.param("stop: yes, then: mark_read", [], id="it ends the search"),
        pytest.param("shadow: yes, then: Yes.", ["No."], id="shadow"),
        pytest.param("when: {text: bye}, then: Yes.", ["No."], id="its conditions do not hold"),
    ],
)
def test_a_message_beyond_a_limit_counts_as_answered(rule: str, second: list[str]) -> None:
    assert talk(f"- {{name: it, cooldown: 8h, {rule}}}{BELOW}", 0, 1)[1] == second


def test_a_message_beyond_a_limit_has_a_record_that_says_so() -> None:
    events = [a_message(f"wamid.{n}") for n in range(2)]

    made = planned("- {name: it, cooldown: 1h, then: Yes.}" + BELOW, *events)

    assert len(made.sends) == 1
    assert made.records[1].fired == ()
    assert made.records[1].limited == LimitedRule(
        "it", "it fired within the last 1h, which counts as answered"
    )


def test_a_rule_above_still_notes_what_is_beyond_a_limit() -> None:
    rules = "- {name: log, then: {tag: seen}}\n- {name: it, cooldown: 1h, then: Yes.}" + BELOW
    events = [a_message(f"wamid.{n}") for n in range(2)]

    record = planned(rules, *events).records[1]

    assert [one.rule for one in record.fired] == ["log"]
    assert record.limited


ALBUM = "- {name: pictures, when: {media: image}, cooldown: 10s, then: Thank you!}" + BELOW


def test_an_album_is_thanked_for_once() -> None:
    pictures = [a_message(f"wamid.{n}", type="image", text=None) for n in range(5)]

    assert texts(planned(ALBUM, *pictures)) == ["Thank you!"]


def test_a_text_between_the_pictures_of_an_album_is_answered() -> None:
    events = [a_message("wamid.1", type="image", text=None), a_message("wamid.2")]

    assert texts(planned(ALBUM, *events)) == ["Thank you!", "No."]


def test_limits_count_within_one_batch() -> None:
    events = [a_message(f"wamid.{n}") for n in range(3)]

    assert texts(planned("- {name: it, cooldown: 1h, then: Yes.}", *events)) == ["Yes."]


@pytest.mark.parametrize(
    ("first", "got"),
    [
        pytest.param("{name: a, then: A}", ["A"], id="sends"),
        pytest.param("{name: a, stop: no, then: A}", ["A", "B"], id="sends and goes on"),
        pytest.param("{name: a, then: {tag: x}}", ["B"], id="notes"),
        pytest.param("{name: a, stop: yes, then: {tag: x}}", [], id="notes and stops"),
        pytest.param("{name: a, then: {alert: x}}", ["B"], id="tells"),
        pytest.param("{name: a, then: {react: 👍}}", ["B"], id="reacts"),
        pytest.param("{name: a, shadow: yes, stop: yes, then: A}", ["B"], id="shadow"),
    ],
)
def test_what_ends_the_search(first: str, got: list[str]) -> None:
    assert texts(planned(f"- {first}\n- {{name: b, then: B}}", a_message())) == got


def test_a_rule_in_shadow_does_nothing_and_is_recorded() -> None:
    made = planned("- {name: it, shadow: yes, then: [A, {tag: x}, {alert: y}, opt_out]}",
                   a_message())  # fmt: skip

    (fired,) = made.records[0].fired
    assert (made.sends, made.alerts, made.records[0].changes) == ((), (), ())
    assert (made.contact.tags, made.contact.opted_out_at) == ((), None)
    assert (fired.rule, fired.explanation) == (
        "it",
        "always; in shadow, so nothing is done of send_text, tag, alert, opt_out",
    )


def test_a_rule_in_shadow_counts_for_itself() -> None:
    rules = "- {name: it, shadow: yes, cooldown: 1h, then: A}"
    once = planned(rules, a_message())

    (record,) = planned(rules, a_message("wamid.2"), contact=once.contact).records
    assert record.fired == ()


def test_each_action_sees_what_those_before_it_noted() -> None:
    rules = """\
- name: size
  when: {text: {matches: '^size (?P<size_said>\\w+)'}}
  then:
    - "It was {{ vars.size | default('unknown') }}."
    - {set: {size: "{{ size_said | upper }}"}}
    - {tag: [customer, sized]}
    - "Now it is {{ vars.size }} ({{ tags }})."
    - {unset: size}
    - "And now {{ vars.size | default('nothing') }}."
"""
    made = planned(rules, a_message(text="size xl"))

    assert texts(made) == [
        "It was unknown.", "Now it is XL (customer, sized).", "And now nothing.",
    ]  # fmt: skip
    assert (made.contact.vars, made.contact.tags) == ({}, ("customer", "sized"))


@pytest.mark.parametrize("name", ["size", "caption"])
def test_what_came_out_empty_is_not_noted_whatever_its_name(name: str) -> None:
    rules = f"- {{name: it, then: {{set: {{{name}: '{{{{ text }}}}', color: red}}}}}}"

    made = planned(rules, a_message(text="", type="image"))

    assert (made.contact.vars, made.records[0].changes) == ({}, ())


def test_rules_see_what_those_above_noted_of_the_same_event() -> None:
    rules = """\
- {name: vip, when: {text: hi}, then: {tag: vip}}
- {name: greet, when: {tags: vip}, then: Welcome back!}
"""
    assert texts(planned(rules, a_message())) == ["Welcome back!"]


def test_changes_are_recorded_without_what_the_customer_wrote() -> None:
    made = planned(
        "- {name: it, then: [{set: {order: '{{ text }}'}}, {tag: 'said {{ text }}'}]}",
        a_message(text="secret"),
    )

    assert made.contact.vars == {"order": "secret"}
    assert made.records[0].changes == ("set order: rule it", "tagged said {{ text }}: rule it")


HANDOFF = """\
- {name: person, when: {text: agent}, then: [A colleague will write., {tag: handoff}, {mute: 12h}]}
- {name: stop, when: {text: stop}, then: [opt_out, As you wish.]}
- {name: rest, then: [mark_read, What?]}
"""


def test_a_silence_begins_after_the_answer_that_tells_of_it() -> None:
    made = planned(HANDOFF, a_message("wamid.1", text="agent"), a_message("wamid.2"))

    assert [send.body["text"]["body"] for send in made.sends] == ["A colleague will write."]
    assert (made.contact.tags, made.contact.muted_until) == (("handoff",), NOW + 12 * HOUR)
    assert made.records[1].fired[0].explanation == (
        "always; muted until 2026-11-23 00:00 UTC, so nothing is sent"
    )


def test_what_ends_a_silence_may_be_told() -> None:
    muted = planned(HANDOFF, a_message(text="agent")).contact
    rules = "- {name: bot, then: [Not yet., unmute, I am here again.]}"

    made = planned(rules, a_message("wamid.2"), contact=muted)

    assert (texts(made), made.contact.muted_until) == (["I am here again."], None)


def test_in_a_silence_wishes_are_heard_all_the_same() -> None:
    muted = planned(HANDOFF, a_message(text="agent")).contact

    made = planned(HANDOFF, a_message("wamid.2", text="stop"), contact=muted)

    assert (made.sends, made.contact.opted_out_at) == ((), NOW)


def test_after_a_silence_rules_answer_again() -> None:
    muted = planned(HANDOFF, a_message(text="agent")).contact
    now = NOW + 12 * HOUR

    made = planned(HANDOFF, a_message("wamid.2", at=now), contact=muted, now=now)

    assert texts(made) == ["What?"]


def volley_of(
    count: int, rules: str = "- {name: echo, then: Hi!}", texts: Sequence[str] = (), every: int = 2
) -> Plan:
    """Let something answer each reply after so many seconds; return what came of the last.

    It says these texts in turn, and another one each time if there are none.
    """
    rulebook, contact = book(rules), Contact(ANA, wa_id=ANA)
    for n in range(count):
        now = NOW + n * timedelta(seconds=every)
        text = texts[n % len(texts)] if texts else str(n)
        event = a_message(f"wamid.{n}", at=now, text=text)
        made = planned(rulebook, event, contact=contact, now=now)
        contact = made.contact
    return made


def test_who_answers_as_fast_as_a_program_is_silenced_and_told_of() -> None:
    made = volley_of(MOST_QUICK + 2)

    assert (made.sends, len(made.alerts)) == ((), 1)
    assert made.alerts[0].title == LOOP_ALERT.title
    assert (
        made.records[0]
        .changes[0]
        .endswith("it answers as fast as a program, and two programs would go on for ever")
    )
    assert texts(volley_of(MOST_QUICK + 1)) == ["Hi!"]


def test_a_loop_is_told_once_and_begins_to_count_anew() -> None:
    made = volley_of(MOST_QUICK + 3)

    assert (made.sends, made.alerts) == ((), ())
    assert made.contact.volley is None


BOT = ["I am a *bot*.", "i am a bot!", "\u200bI am a bot. 🤖"]


def test_who_repeats_a_text_however_slowly_is_silenced_and_told_of() -> None:
    made = volley_of(MOST_REPEATED + 1, texts=BOT, every=7)

    assert (made.sends, len(made.alerts)) == ((), 1)
    assert made.records[0].changes[0].endswith("it repeats a text as a program does, and two "
                                               "programs would go on for ever")  # fmt: skip
    assert texts(volley_of(MOST_REPEATED, texts=BOT, every=7)) == ["Hi!"]


def test_who_answers_each_question_alike_is_no_program() -> None:
    rules = "\n".join(
        f"- {{name: q{n}, when: {{not: {{tags: q{n}}}}}, then: [Question?, {{tag: q{n}}}]}}"
        for n in range(MOST_REPEATED + 2)
    )

    assert texts(volley_of(MOST_REPEATED + 2, rules, ["yes"], every=7)) == ["Question?"]


def test_a_text_of_which_only_notes_are_made_is_no_loop() -> None:
    made = volley_of(40, "- {name: seen, then: [mark_read, {tag: seen}]}", ["hi"], every=7)

    assert (made.alerts, made.contact.volley) == ((), None)


def test_where_no_rule_answers_there_is_no_loop() -> None:
    made = volley_of(40, "- {name: seen, then: [mark_read, {tag: seen}]}")

    assert (made.alerts, made.contact.muted_until) == ((), None)


def test_the_alert_of_a_rule_is_one_cause_however_many_events_it_answers() -> None:
    rules = "- {name: person, then: {alert: Somebody waits.}}"

    one, other = planned(rules, a_message("wamid.1"), a_message("wamid.2")).alerts

    assert one.cause.key == other.cause.key
    assert (one.cause.kind, one.cause.detail, one.title) == ("rule", "person", "Somebody waits.")


def test_noting_more_than_8_kb_is_refused_and_recorded() -> None:
    long = a_message(text="x" * 4_000)
    rules = "- {name: it, then: [{set: {a: '{{ text }}', b: '{{ text }}', c: '{{ text }}'}}]}"

    made = planned(rules, long)

    assert made.contact.vars == {}
    assert made.records[0].changes == (
        "nothing, for the tags and variables of a contact may take 8 KB together: rule it",
    )
