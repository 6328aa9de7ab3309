"""The phone's chat log, and what is copied of it: pure."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.develop.phone.bubbles import render_line
from gateway.cli.develop.phone.chat_log import ChatLine, ChatLog, read_log
from gateway.cli.develop.phone.exports import to_capture, to_curl, to_rule_test
from gateway.core.capture.file_format import parse_line
from gateway.rules.loader import load
from gateway.rules.testing.runner import play_case
from gateway.rules.testing.testfile import read_cases
from tests.core.test_rendering import HOSTILE

ANA, ASKED, ANSWER = "351900000001", "wamid.asked", "wamid.answer"
CONSOLE = "http://127.0.0.1:8001/console"


def written(text: str = "which color?", id_: str = ASKED, **message: Any) -> dict[str, Any]:
    content = {"from": ANA, "id": id_, "timestamp": "1", "type": "text", "text": {"body": text}}
    return {"kind": "written", "id": id_, "number": "42", "message": content | message, "at": 10.0}


def received(text: str = "Red.", id_: str = ANSWER, **body: Any) -> dict[str, Any]:
    content = {"to": ANA} | (body or {"text": {"body": text}})
    return {"kind": "message", "id": id_, "number": "42", "body": content, "at": 10.25}


def of(id_: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "message_id": id_, **more}


def explained(*answers: str) -> dict[str, Any]:
    more = {"tried": ["✓ colour"], "console": CONSOLE}
    return of(ASKED, "explanation", summary="✓ colour: text", answers=answers, **more)


def log_of(*events: dict[str, Any]) -> ChatLog:
    return read_log({"seq": seq, **event} for seq, event in enumerate(events, 1))


def line_of(*events: dict[str, Any]) -> ChatLine:
    return log_of(*events).lines[-1]


STAGES: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "posted": ([written()], "sent", ""),
    "acknowledged": ([written(), of(ASKED, "webhook", http_status=200)], "delivered", ""),
    "refused by the bot": (
        [written(), of(ASKED, "webhook", http_status=503)],
        "sent",
        "the webhook answered 503; Meta delivers it again",
    ),
    "acknowledged at last": (
        [written(), of(ASKED, "webhook", http_status=0), of(ASKED, "webhook", http_status=200)],
        "delivered",
        "",
    ),
    "read": (
        [written(), of(ASKED, "read"), of(ASKED, "webhook", http_status=200)],
        "read",
        "",
    ),
    "reported": (
        [received(), of(ANSWER, "status", status="sent"), of(ANSWER, "status", status="read")],
        "read",
        "",
    ),
    "lost": ([received(), of(ANSWER, "lost")], "", "Meta took it, and its answer was lost"),
}


@pytest.mark.parametrize(("events", "stage", "note"), STAGES.values(), ids=STAGES.keys())
def test_a_line_shows_what_became_of_it(
    events: list[dict[str, Any]], stage: str, note: str
) -> None:
    line = line_of(*events)

    assert (line.stage, line.note) == (stage, note)
    assert line.seq == len(events)


def test_the_reason_stands_beside_each_answer_with_the_time_that_it_took() -> None:
    asked, answer = log_of(written(), received(), explained(ANSWER)).lines

    assert asked.reason is None
    assert answer.reason
    assert (answer.reason.summary, answer.answered_ms) == ("✓ colour: text", 250)


def test_the_reason_stands_beside_a_message_that_nothing_answered() -> None:
    line = line_of(written(), explained())

    assert line.reason
    assert line.answered_ms is None


def test_reactions_stand_below_what_they_are_about_and_go_again() -> None:
    def react(emoji: str) -> dict[str, Any]:
        reaction = {"message_id": ANSWER, "emoji": emoji}
        return written(id_="wamid.r", type="reaction", reaction=reaction)

    assert [one.reactions for one in log_of(received(), react("👍")).lines] == [{"customer": "👍"}]
    assert line_of(received(), react("👍"), react("")).reactions == {}


def test_a_quote_finds_what_it_answers() -> None:
    lines = log_of(received(), written(context={"id": ANSWER})).lines

    assert lines[1].quoted is lines[0]


def test_what_is_refused_again_and_again_is_one_line() -> None:
    body = {"to": ANA, "text": {"body": "Red."}}
    refused = {"kind": "refused", "body": body, "code": 130429, "title": "Rate limit hit"}
    (line,) = log_of(refused, refused, refused).lines

    assert (line.times, line.seq, line.note) == (3, 3, "(130429) Rate limit hit")


def test_typing_ends_with_the_answer() -> None:
    assert log_of(written(), {"kind": "typing"}).is_typing
    assert not log_of(written(), {"kind": "typing"}, received()).is_typing


ODD: list[dict[str, Any]] = [
    {"type": "reaction"},
    {"type": "text", "text": None},
    {"type": "interactive", "interactive": []},
    {"type": "text", "context": "none"},
    {"type": "made up", "made up": {"a": 1}},
]


@pytest.mark.parametrize("message", ODD)
def test_any_message_can_be_shown(message: dict[str, Any]) -> None:
    for line in log_of(written(**message)).lines:
        assert render_line(ANA, line, None)


def test_a_message_and_its_answer_lead_to_their_pages_in_the_console() -> None:
    odd = "wamid.a/b+c=="
    lines = log_of(
        written(id_=odd),
        received(),
        of(odd, "explanation", summary="", tried=[], answers=[ANSWER], console=CONSOLE),
    ).lines
    asked, answer = (render_line(ANA, line, None) for line in lines)

    assert f'<a href="{CONSOLE}/messages/wamid.a/b%2Bc%3D%3D" target="_blank"' in asked
    assert f'<a href="{CONSOLE}/messages/{ANSWER}" target="_blank"' in answer
    assert "/messages/" not in render_line(ANA, line_of(written()), None)


@pytest.mark.parametrize("text", [one for one in HOSTILE if one.isprintable()])
def test_no_text_becomes_markup(text: str) -> None:
    buttons = [{"type": "reply", "reply": {"id": text, "title": text}}]
    interactive = {"type": "button", "body": {"text": text}, "action": {"buttons": buttons}}
    lines = log_of(
        written(text),
        received(type="interactive", interactive=interactive),
        of(ASKED, "explanation", summary=text, tried=[text, text], answers=[ANSWER], console=""),
    ).lines
    html = "".join(render_line(ANA, line, None) for line in lines)

    for tag in ("<script", "<img", "<b ", "<b>", " onclick='x'", '" onmouseover'):
        assert tag not in html


def test_a_curl_is_the_call_that_repeats_the_message() -> None:
    line = line_of(written("it's"))

    assert to_curl("http://here", ANA, line) == (
        f'curl http://here/sandbox/customers/{ANA}/messages -d \'{{"text": "it\'"\'"\'s"}}\'\n'
    )


def test_a_capture_can_be_read_again() -> None:
    delivery = parse_line(to_capture(line_of(written()), b'{"entry":[]}'))

    assert json.loads(delivery.body) == {"entry": []}
    assert delivery.received_at.timestamp() == 10.0


RULES = """\
version: 1
rules:
  - name: menu
    when: {text: menu}
    then: [{send_buttons: What now?, buttons: {a: Apples, p: Pears}}, "Choose: *one*."]
  - {name: pears, when: {tapped: p}, then: "Pears it is."}
"""
BUTTONS = {
    "type": "button",
    "body": {"text": "What now?"},
    "action": {
        "buttons": [
            {"type": "reply", "reply": {"id": "a", "title": "Apples"}},
            {"type": "reply", "reply": {"id": "p", "title": "Pears"}},
        ]
    },
}
TAP = {"type": "button_reply", "button_reply": {"id": "p", "title": "Pears"}}
TALKS = {
    "a text": [
        written("menu"),
        received(type="interactive", interactive=BUTTONS),
        received("Choose: *one*."),
    ],
    "a tap": [written(type="interactive", interactive=TAP), received("Pears it is.")],
    "silence": [written('so: "what"\nelse?')],
}


@pytest.mark.parametrize("talk", TALKS.values(), ids=TALKS.keys())
def test_a_rule_test_holds_for_the_rules_that_answered(
    talk: list[dict[str, Any]], tmp_path: Path
) -> None:
    rules, test = tmp_path / "rules.yaml", tmp_path / "rules.test.yaml"
    rules.write_text(RULES)
    log = log_of(*talk)
    test.write_text(to_rule_test(log.lines[0], log.replies_to(log.lines[0]), is_first=False))

    book = read_cases([test])
    (played,) = [play_case(case, load(rules)) for case in book.cases]

    assert book.problems == ()
    assert [one for step in played.results for one in step.differences] == []
