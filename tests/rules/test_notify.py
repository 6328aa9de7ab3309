"""Rules notify: each event by itself, an address or a phone, and never in a circle."""

from pathlib import Path

import orjson
import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.loop_guard import MOST_QUICK
from gateway.core.events import Notice
from gateway.core.forwards.notice import build_notice, notice_id
from gateway.core.sending.send import answering_id, callback_data
from gateway.rules.loader import find_problems
from tests.support.factories import ANA, NOW, NUMBER, a_message, a_status
from tests.support.rules.rulebooks import book, planned

BOSS = "351900000099"
POST = '- {name: person, when: {text: agent}, then: {notify: "{{ name }} waits: {{ text }}"}}'
PHONE = """\
- name: person
  then:
    notify:
      text: "{{ name }} waits."
      to: +351 900 000 099
      template: {name: staff_notice, language: en, values: ["{{ name }}"]}
"""


def test_each_customer_is_a_notification_of_their_own() -> None:
    made = [planned(POST, a_message(f"wamid.{n}", f"35190000000{n}", text="agent", name=f"N{n}"),
                    contact=Contact(f"35190000000{n}")) for n in range(4)]  # fmt: skip

    notified = [one for plan in made for one in plan.notifications]
    assert [one.text for one in notified] == [f"N{n} waits: agent" for n in range(4)]
    assert len({one.id for one in notified}) == 4


def test_to_plan_an_event_again_makes_the_same_notification() -> None:
    first, second = (planned(POST, a_message(text="agent")) for _ in range(2))

    assert first.notifications == second.notifications
    assert first.records[0].notifications == (first.notifications[0].id,)


def test_two_actions_of_a_rule_are_two_notifications() -> None:
    made = planned("- {name: it, then: [{notify: a}, {notify: a}]}", a_message())

    assert len({one.id for one in made.notifications}) == 2


def test_a_notification_does_not_end_the_search() -> None:
    made = planned("- {name: a, then: {notify: a}}\n- {name: b, then: B}", a_message())

    assert (len(made.notifications), len(made.sends)) == (1, 1)


def test_a_muted_customer_is_reported_all_the_same() -> None:
    muted = Contact(ANA, wa_id=ANA, muted_until=NOW.replace(year=2027))

    assert len(planned(POST, a_message(text="agent"), contact=muted).notifications) == 1


def test_a_rule_in_shadow_notifies_nobody() -> None:
    phone = PHONE.replace("  then:", "  shadow: yes\n  then:")

    made = planned(f"{phone}- {{name: it, shadow: yes, then: {{notify: a}}}}", a_message())

    assert (made.notifications, made.sends) == ((), ())


def test_a_notice_without_a_customer_is_reported() -> None:
    notice = Notice(
        key="account", delivery="0:1-0", item=0, number=NUMBER, contact="", at=NOW, raw={},
        field="account_update",
    )  # fmt: skip

    made = planned("- {name: it, when: {field: account_update}, then: {notify: a}}", notice,
                   contact=Contact(""))  # fmt: skip

    assert [one.payload["contact"] for one in made.notifications] == [""]


def test_a_phone_gets_a_message_in_its_own_lane_and_a_template_outside_the_window() -> None:
    (send,) = planned(PHONE, a_message()).sends

    assert (send.lane, send.body["to"], send.closed) == (BOSS, f"+{BOSS}", "template")
    assert send.body["text"] == {"body": "Ana waits."}
    assert send.instead
    assert send.instead["to"] == f"+{BOSS}"
    assert send.instead["template"]["name"] == "staff_notice"
    assert send.instead["template"]["components"][0]["parameters"][0]["text"] == "Ana"


def test_a_parameter_of_the_template_stays_on_one_line() -> None:
    (send,) = planned(PHONE, a_message(name="Ana\nMaria")).sends

    assert send.instead
    assert send.instead["template"]["components"][0]["parameters"][0]["text"] == "Ana Maria"


def test_what_goes_to_another_phone_is_no_answer_to_the_customer() -> None:
    rules, contact = book(PHONE), Contact(ANA, wa_id=ANA)
    for n in range(MOST_QUICK + 3):
        made = planned(rules, a_message(f"wamid.{n}"), contact=contact)
        contact = made.contact

    assert (len(made.sends), made.alerts) == (1, ())


@pytest.mark.parametrize("written", [BOSS, f"+{BOSS}", "+351 900-000-099"])
def test_whom_rules_notify_is_not_notified_of_their_own_messages(written: str) -> None:
    boss = Contact(BOSS, wa_id=BOSS)

    made = planned(
        PHONE.replace("+351 900 000 099", written), a_message(contact=BOSS), contact=boss
    )

    assert made.sends == ()
    assert "so no phone is notified" in made.records[0].fired[0].explanation


@pytest.mark.parametrize(
    ("phone", "user_id", "is_staff"),
    [
        pytest.param("", "PT.1", True, id="a hidden number"),
        pytest.param(BOSS, "PT.1", True, id="both"),
        pytest.param(BOSS, "PT.2", True, id="the number alone"),
        pytest.param("", "PT.2", False, id="another id"),
    ],
)
def test_whom_rules_notify_is_known_by_the_user_id_as_well(
    phone: str, user_id: str, is_staff: bool
) -> None:
    rules = PHONE.replace("      template:", "      user_id: PT.1\n      template:")
    contact = Contact(phone or user_id, wa_id=phone, user_id=user_id)
    message = a_message(contact=contact.key, wa_id=phone, user_id=user_id)

    made = planned(rules, message, contact=contact)

    assert [send.lane for send in made.sends] == ([] if is_staff else [BOSS])


def test_two_phones_do_not_notify_each_other() -> None:
    other = PHONE.replace("person", "other", 1).replace("099", "098")

    made = planned(PHONE + other, a_message(contact=BOSS), contact=Contact(BOSS, wa_id=BOSS))

    assert made.sends == ()


def test_a_notification_that_fails_is_followed_by_one_at_most() -> None:
    rules = PHONE.replace("  then:", "  when: {event: status, status: failed}\n  then:")
    rules = rules.replace("{{ name }}", "{{ from }}")
    answer = answering_id("failed", "person", 0)

    first = planned(rules, a_status("wamid.o", "failed", callback_data("s" * 24, 1)))
    second = planned(rules, a_status("wamid.p", "failed", callback_data(answer, 1)))

    assert (len(first.sends), second.sends) == (1, ())


@pytest.mark.parametrize(
    ("rules", "posts"),
    [
        pytest.param(POST, True, id="an address"),
        pytest.param(PHONE, False, id="a phone"),
        pytest.param("- {name: it, enabled: no, then: {notify: a}}", False, id="not enabled"),
        pytest.param("- {name: it, then: {alert: a}}", False, id="an alert"),
    ],
)
def test_a_rulebook_knows_whether_it_needs_an_address(rules: str, posts: bool) -> None:
    assert book(rules).posts_notifications is posts


TOLD = """\
version: 1
forwards:
  - {to: crm, url: "https://crm.example/in", secret: CRM_SECRET}
  - {to: bot, url: "https://bot.example/in", secret: BOT_SECRET, as: meta}
rules:
  - name: person
    when: {text: agent}
    then: {notify: {text: "{{ name }} waits.", forward: crm}}
"""


def test_a_receiver_of_forwards_gets_a_notification_with_an_id_of_its_own() -> None:
    rules = book(TOLD)
    made, again = (planned(rules, a_message(text="agent")) for _ in range(2))

    (told,) = made.notifications
    assert (told.text, told.receiver) == ("Ana waits.", "crm")
    assert made.notifications == again.notifications
    assert (made.records[0].notifications, made.records[0].forwards) == ((), (notice_id(told),))
    assert not rules.posts_notifications
    payload = orjson.loads(build_notice(told))
    assert (payload["type"], payload["id"]) == ("rule.notified", notice_id(told))
    assert payload["data"] == {
        "text": "Ana waits.", "rule": "person", "event": told.payload["event"],
        "message": told.payload["message"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("{text: a, forward: cmr}", "unknown forward 'cmr'; did you mean 'crm'?"),
        ("{text: a, forward: bot}", "'bot' takes Meta's webhooks only"),
        ("{text: a, forward: crm, to: +351900000099, template: {name: n, language: en}}",
         "two places"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("branch", [False, True])
def test_an_author_is_told_where_no_notification_can_go(
    form: str, told: str, branch: bool, tmp_path: Path
) -> None:
    action = f"{{notify: {form}}}"
    then = f'{{call: "crm:/", failed: {action}}}' if branch else action
    services = "services: {crm: {url: 'https://crm.example'}}\n" if branch else ""
    rules = TOLD[: TOLD.index("    then:")].replace("rules:", f"{services}rules:")
    (tmp_path / "rules.yaml").write_text(f"{rules}    then: {then}\n")

    problems = find_problems(tmp_path / "rules.yaml")

    assert [told in one.message for one in problems if not one.is_warning] == [True]
