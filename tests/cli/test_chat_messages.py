"""What a customer of the chat sends beside text, as Meta's webhook has it."""

import json
from typing import Any

import pytest

from gateway.cli.develop.chat.commands import COMMANDS, explain_unknown, find_command, list_help
from gateway.cli.develop.chat.customer_messages import (
    MESSAGES,
    InputError,
    LastAnswer,
    build_requests,
)

ANSWER = LastAnswer("wamid.1", {"type": "text", "text": {"body": "Hi"}})
FLOW = LastAnswer(
    "wamid.2",
    {"interactive": {"type": "flow", "action": {"parameters": {"flow_token": "t1"}}}},
)


def raw(command: str, rest: str = "", last: LastAnswer = ANSWER) -> dict[str, Any]:
    (request,) = build_requests(command, rest, last)
    kind = request["raw"]["type"]
    content: dict[str, Any] = request["raw"][kind]
    return content | {"type": kind}


def test_a_picture_may_have_a_caption() -> None:
    assert raw("/picture", "my wall")["caption"] == "my wall"
    assert "caption" not in raw("/picture")
    assert set(raw("/picture")) == {"type", "mime_type", "sha256", "id"}


def test_a_voice_message_is_an_audio_that_was_recorded() -> None:
    assert (raw("/voice")["type"], raw("/voice")["voice"]) == ("audio", True)


PLACES = {
    "a default": ("", (38.7223, -9.1393, "Praça do Comércio")),
    "a name": ("Home", (38.7223, -9.1393, "Home")),
    "coordinates": ("-3.5,10", (-3.5, 10.0, None)),
    "both": ("-3.5, 10 Home", (-3.5, 10.0, "Home")),
}


@pytest.mark.parametrize(("written", "place"), PLACES.values(), ids=PLACES)
def test_a_place_has_coordinates_and_perhaps_a_name(written: str, place: Any) -> None:
    sent = raw("/place", written)

    assert (sent["latitude"], sent["longitude"], sent.get("name")) == place


def test_an_order_has_items_and_the_note() -> None:
    sent = raw("/order", "quickly")

    assert (sent["text"], sent["product_items"][0]["quantity"]) == ("quickly", 2)


def test_an_album_is_one_message_for_each_picture() -> None:
    ids = [one["raw"]["image"]["id"] for one in build_requests("/album", "5", ANSWER)]

    assert (len(ids), len(set(ids))) == (5, 5)
    assert len(build_requests("/album", "", ANSWER)) == 3


REACTIONS = {"👍": "👍", "off": ""}


@pytest.mark.parametrize(("written", "emoji"), REACTIONS.items(), ids=["given", "taken back"])
def test_a_reaction_is_to_the_last_answer(written: str, emoji: str) -> None:
    assert build_requests("/react", written, ANSWER) == [
        {"react": {"message_id": "wamid.1", "emoji": emoji}}
    ]


ANSWERS = {
    "words": ('colour=red note="two cans"', ANSWER, {"colour": "red", "note": "two cans"}),
    "json": ('{"size": 2}', ANSWER, {"size": 2}),
    "of a flow that was offered": ("size=2", FLOW, {"flow_token": "t1", "size": "2"}),
}


@pytest.mark.parametrize(("written", "last", "answers"), ANSWERS.values(), ids=ANSWERS)
def test_a_flow_is_answered_by_json(written: str, last: LastAnswer, answers: Any) -> None:
    reply = raw("/flow", written, last)["nfm_reply"]

    assert json.loads(reply["response_json"]) == answers


REFUSED = {
    "no emoji": ("/react", "", ANSWER, "/react 👍"),
    "nothing to react to": ("/react", "👍", LastAnswer(), "no answer yet"),
    "an album of one": ("/album", "1", ANSWER, "/album 3"),
    "an album of words": ("/album", "many", ANSWER, "/album 3"),
    "no answers": ("/flow", "", ANSWER, "/flow colour=red"),
    "an answer without a name": ("/flow", "=red", ANSWER, "/flow colour=red"),
    "broken json": ("/flow", "{colour", ANSWER, "no JSON"),
    "an open quote": ("/flow", 'a="b', ANSWER, "quote is not closed"),
}


@pytest.mark.parametrize(("command", "rest", "last", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_sent_says_how_to_write_it(
    command: str, rest: str, last: LastAnswer, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        build_requests(command, rest, last)


def test_every_message_has_its_line_of_help_and_no_line_is_wide() -> None:
    assert set(MESSAGES) < set(COMMANDS)
    assert max(map(len, list_help())) < 79


NAMES = {
    "/picture": "/picture",
    "/pic": "/picture",
    "/h": None,  # /hours and /help
    "/": None,
    "/nope": None,
}


@pytest.mark.parametrize(("word", "command"), NAMES.items())
def test_a_command_may_be_cut_short_while_it_is_the_only_one(
    word: str, command: str | None
) -> None:
    assert find_command(word) == command


UNKNOWN = {
    "/h": "There is no /h: did you mean /hours or /help?",
    "/wyh": "There is no /wyh: did you mean /why?",
    "/xyzzy": "There is no /xyzzy: /help shows all.",
}


@pytest.mark.parametrize(("word", "sentence"), UNKNOWN.items())
def test_an_unknown_command_names_those_that_were_meant(word: str, sentence: str) -> None:
    assert explain_unknown(word) == sentence
