"""Rules remember their customers and answer more than messages, through real processes."""

import time
from collections.abc import Iterator

import pytest

from gateway.core.sending.send import answers_a_status
from tests.support.factories import bytes_of, delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e
RULES = """\
version: 1
rules:
  - name: size
    when: {text: {matches: '^size (?P<said>\\w+)'}}
    then: [{set: {size: "{{ said }}"}}, {tag: sized}, "Size {{ vars.size }} it is."]
  - name: mine
    when: {text: mine, tags: sized}
    then: "You wear {{ vars.size }}."
  - name: news
    when: {text: news}
    cooldown: 8h
    then: Here they are.
  - name: person
    when: {text: agent}
    then: [A colleague will write., {alert: Somebody waits.}, {mute: 12h}]
  - name: template-instead
    when: {event: status, status: failed, code: 131026}
    then: {send_template: we_answered, language: en}
  - name: rest
    then: What?
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    server = Server(folder / "valkey").start()
    made = Stack(folder, server, RULES).start()
    yield made
    made.stop()
    server.kill()


def said_to(stack: Stack, customer: str, *texts: str) -> list[str]:
    """Let a customer write these, one after the other; return what they get."""
    before = events(stack, "message")
    for n, text in enumerate(texts):
        stack.post(delivery_body(message_item(f"wamid.{customer}.{n}", text, customer)))
    wait_until(lambda: events(stack, "message") == before + len(texts), "all are planned")
    wait_until(stack.idle, "nothing waits")
    got = [one for one in stack.posted() if one["to"].lstrip("+") == customer]
    return [one["body"].get("text", {}).get("body", one["body"]["type"]) for one in got]


def events(stack: Stack, kind: str) -> float:
    return stack.metrics().get(f'gateway_events_total{{kind="{kind}"}}', 0)


def test_what_a_rule_noted_is_known_to_the_next_message(stack: Stack) -> None:
    assert said_to(stack, "351900000011", "mine", "size XL", "mine") == [
        "What?", "Size XL it is.", "You wear XL.",
    ]  # fmt: skip


def test_a_cooldown_holds_from_one_message_to_the_next(stack: Stack) -> None:
    assert said_to(stack, "351900000012", "news", "news", "hi") == ["Here they are.", "What?"]

    assert "within the last 8h, which counts as answered" in stack.trace("wamid.351900000012.1")


def test_a_silence_keeps_rules_quiet_and_the_trace_says_until_when(stack: Stack) -> None:
    assert said_to(stack, "351900000013", "agent", "hello?") == ["A colleague will write."]

    assert "so nothing is sent" in stack.trace("wamid.351900000013.1")


def test_an_echo_of_a_person_silences_rules(stack: Stack) -> None:
    customer = "351900000014"
    echo = {"from": "15550001111", "to": customer, "id": "wamid.echo", "type": "text",
            "timestamp": str(int(time.time())), "text": {"body": "I write by hand"}}  # fmt: skip
    numbers = {"display_phone_number": "15550001111", "phone_number_id": "106540352242922"}
    value = {"metadata": numbers, "message_echoes": [echo]}
    before = events(stack, "notice")
    stack.post(bytes_of({"field": "smb_message_echoes", "value": value}))
    wait_until(lambda: events(stack, "notice") == before + 1, "the echo is planned")

    assert said_to(stack, customer, "hello") == []


def test_a_failed_status_is_answered_once_and_its_answer_is_not(stack: Stack) -> None:
    customer = "351900000015"
    fault = {"fail_status": {"code": 131026, "times": 2}}
    stack.client.post(f"{stack.meta_url}/sandbox/faults", json=fault)

    assert said_to(stack, customer, "hi")[:1] == ["What?"]
    wait_until(lambda: stack.metrics()["gateway_dead_letters"] == 2, "both have failed")
    wait_until(stack.idle, "nothing waits")

    told = [one for one in stack.posted() if one["to"].lstrip("+") == customer]
    assert [one["body"]["type"] for one in told] == ["text", "template"]
    assert answers_a_status(told[1]["callback"])
    assert "rule template-instead" in stack.trace(f"+{customer}")
