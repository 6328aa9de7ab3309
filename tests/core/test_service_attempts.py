"""Attempts at calls of services: what follows each, and where an answer takes its place."""

import orjson
import pytest

from gateway.core.events import Delivery
from gateway.core.services.answer import answer_delivery, answer_key, called_by, read_answer
from gateway.core.services.attempt_outcome import (
    EXPIRED,
    LASTS_S,
    MOST_ATTEMPTS,
    RESTING,
    UNKNOWN,
    CallOutcome,
    decide_call,
    refuse_attempt,
)
from gateway.core.webhook.parser import split
from gateway.store.inbox.partitions import partition_of
from tests.support.factories import ANA, NOW, NUMBER, delivery_body, message_item

PAYLOAD = {
    "rule": "track", "position": 1, "signature": "s", "service": "orders", "values": {"no": "7"},
    "moments": {"order.at": 1_000}, "said": "", "typing": "", "number": NUMBER, "contact": ANA,
    "wa_id": ANA, "user_id": "", "at": 1_795_000_000_000, "method": "GET", "path": "/7",
}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "failure", "attempt", "repeatable", "wanted"),
    [
        (200, "", 1, False, CallOutcome("answered", "HTTP 200", health="well")),
        (404, "", 1, True, CallOutcome("answered", "HTTP 404", health="well")),
        (500, "", 1, True, CallOutcome("answered", "HTTP 500", health="well")),
        (200, "cut", 1, True, CallOutcome("failed", "HTTP 200, cut", "cut", health="well")),
        (None, "late", 1, False, CallOutcome("failed", "late", "late", health="sick")),
        (None, "late", 1, True, CallOutcome("later", "late", "late", 1_000, "sick")),
        (None, "late", 2, True, CallOutcome("later", "late", "late", 4_000, "sick")),
        (None, "late", MOST_ATTEMPTS, True, CallOutcome("failed", "late", "late", health="sick")),
        (503, "", 1, True, CallOutcome("later", "HTTP 503", "", 1_000, "sick")),
        # Its status is an answer too, if it stays so: there may be a branch for it.
        (503, "", MOST_ATTEMPTS, True, CallOutcome("answered", "HTTP 503", health="sick")),
        (429, "", 1, False, CallOutcome("answered", "HTTP 429", health="sick")),
    ],
)
def test_what_follows_an_attempt(
    status: int | None, failure: str, attempt: int, repeatable: bool, wanted: CallOutcome
) -> None:
    assert decide_call(status, failure, attempt, repeatable=repeatable, spread=0.0) == wanted


@pytest.mark.parametrize(
    ("state", "waited_s", "repeatable", "why"),
    [
        ("", 1.0, False, ""),
        ("interrupted", 1.0, True, ""),
        ("interrupted", 1.0, False, UNKNOWN),
        ("rests", 1.0, True, RESTING),
        ("", LASTS_S + 1, True, EXPIRED),
        # That it may have been made is told before all else.
        ("interrupted", LASTS_S + 1, False, UNKNOWN),
    ],
)
def test_some_calls_are_not_made(state: str, waited_s: float, repeatable: bool, why: str) -> None:
    refused = refuse_attempt(state, waited_s, repeatable=repeatable)

    assert (refused.failure if refused else "") == why


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        f'{{"display_phone_number":"{ANA}","statuses":[],"field":"messages"}}',
        orjson.dumps({"from": "351900000009", "wa_id": "351900000009"}).decode(),
    ],
)
def test_an_answer_takes_its_place_behind_the_messages_of_its_customer(content: str) -> None:
    message = delivery_body(message_item("wamid.1", "order 7"))

    assert partition_of(answer_delivery("c", PAYLOAD, 200, content, "")) == partition_of(message)


def test_an_answer_is_read_as_it_was_written() -> None:
    body = answer_delivery("call7", PAYLOAD, 200, '{"status": "sent"}', "")
    (event,) = split(Delivery("0:1-0", NOW, body, origin="internal"))
    answer = read_answer(event)

    assert (event.key, event.contact, event.number) == (answer_key("call7"), ANA, NUMBER)
    assert called_by(event.key) == "call7"
    assert (answer.call, answer.rule, answer.position) == ("call7", "track", 1)
    assert (answer.status, answer.content, answer.values) == (200, {"status": "sent"}, {"no": "7"})
    assert answer.moments["order.at"].timestamp() == 1.0


@pytest.mark.parametrize(
    "body",
    [
        b'{"what":"answer","key":"answer|x","contact":"1","status":true,"position":[]}',
        b'{"what":"answer","key":"answer|x","values":[],"moments":{"a":"b"},"content":{}}',
    ],
)
def test_what_is_odd_in_an_answer_is_a_failure_and_no_error(body: bytes) -> None:
    (event,) = split(Delivery("0:1-0", NOW, body, origin="internal"))

    assert read_answer(event).failure != ""
