"""What a notification holds, how it is signed, and what follows each answer to its post."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.sending.notifications.notification import Notification, build_notification
from gateway.core.sending.notifications.post_outcome import PostOutcome, decide_outcome
from gateway.core.sending.notifications.signature import signed_headers
from tests.support.factories import ANA, NOW, NUMBER, a_message, a_status

BODY = b'{"event_type":"ping","data":{"success":true}}'
# The same as openssl dgst -sha256 -mac HMAC makes of "<id>.<timestamp>.<body>".
SIGNATURE = "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="
SECRET = base64.b64decode("plJ3nmyCDGBKInavdOK15jsl")
CONTACT = Contact(ANA, wa_id=ANA, user_id="PT.1", name="Ana")


def built(event: Any = None, contact: Contact = CONTACT) -> Notification:
    event = event or a_message()
    return build_notification("n" * 24, "person", "Ana waits.", event, contact, NOW)


def test_the_receiver_gets_all_that_it_needs_to_act() -> None:
    assert built().payload == {
        "id": "n" * 24, "type": "rule.notified", "timestamp": "2026-11-22T12:00:00.000+00:00",
        "happened_at": "2026-11-22T12:00:00.000+00:00",
        "text": "Ana waits.", "rule": "person", "number": NUMBER, "contact": ANA,
        "user_id": "PT.1", "name": "Ana", "event": f"message|{NUMBER}|wamid.1",
        "message": "wamid.1",
    }  # fmt: skip


def test_a_late_event_says_when_it_happened() -> None:
    payload = built(a_message(at=NOW - timedelta(days=5))).payload

    assert payload["happened_at"] == "2026-11-17T12:00:00.000+00:00"
    assert payload["timestamp"] == "2026-11-22T12:00:00.000+00:00"


def test_a_status_names_the_message_that_it_is_about() -> None:
    assert built(a_status("wamid.out", "failed")).payload["message"] == "wamid.out"


@pytest.mark.parametrize("field", ["name", "contact", "user_id"])
def test_what_comes_from_outside_is_cut(field: str) -> None:
    long = "x" * 10_000

    payload = built(contact=Contact(ANA, wa_id=long, user_id=long, name=long)).payload

    assert len(payload[field]) <= 300


def test_a_signature_is_the_one_of_the_standard() -> None:
    headers = signed_headers([SECRET], "msg_loFOjxBNrRLzqYUf", 1731705121, BODY)

    assert headers == {
        "webhook-id": "msg_loFOjxBNrRLzqYUf",
        "webhook-timestamp": "1731705121",
        "webhook-signature": SIGNATURE,
    }


def test_while_a_secret_is_rotated_both_sign() -> None:
    headers = signed_headers([b"new" * 9, SECRET], "msg_loFOjxBNrRLzqYUf", 1731705121, BODY)

    first, second = headers["webhook-signature"].split(" ")
    assert (first != second, second) == (True, SIGNATURE)


def outcome(status: int | None = None, attempt: int = 1, **others: Any) -> PostOutcome:
    given: dict[str, Any] = {"error": "ConnectError", "retry_after": "", "spread": 0.0}
    return decide_outcome(status, attempt=attempt, now=NOW, **(given | others))


@pytest.mark.parametrize("status", [200, 202, 204])
def test_any_2xx_is_received(status: int) -> None:
    assert outcome(status) == PostOutcome("delivered", f"HTTP {status}")


def test_gone_is_the_end() -> None:
    assert (outcome(410).step, outcome(410).is_refusal) == ("dead", True)


@pytest.mark.parametrize("status", [301, 400, 401, 404])
def test_a_refusal_is_repeated_and_the_operator_hears_of_it(status: int) -> None:
    assert (outcome(status).step, outcome(status).is_refusal) == ("later", True)


@pytest.mark.parametrize("status", [None, 408, 425, 429, 500, 503])
def test_what_may_pass_by_itself_is_repeated_quietly(status: int | None) -> None:
    assert (outcome(status).step, outcome(status).is_refusal) == ("later", False)


def test_pauses_grow_up_to_an_hour() -> None:
    pauses = [outcome(500, attempt).wait_ms // 1000 for attempt in range(1, 8)]

    assert pauses == [5, 30, 120, 600, 3600, 3600, 3600]


def test_what_failed_together_comes_back_apart() -> None:
    assert outcome(500, 5, spread=1.0).wait_ms == 3_960_000


@pytest.mark.parametrize(
    ("retry_after", "wait_s"),
    [
        pytest.param("90", 90, id="seconds"),
        pytest.param("0", 5, id="at once is too soon"),
        pytest.param("999999999999", 3600, id="an hour at most"),
        pytest.param("Sun, 22 Nov 2026 12:10:00 GMT", 600, id="a date"),
        pytest.param("Sun, 22 Nov 2026 11:10:00 GMT", 5, id="a date that has passed"),
        pytest.param("Sun, 22 Nov 2026 12:10:00", 30, id="a date without a zone"),
        pytest.param("soon", 30, id="no time"),
        pytest.param("²", 30, id="no digits"),
    ],
)
def test_the_receiver_says_when_within_bounds(retry_after: str, wait_s: int) -> None:
    assert outcome(503, 2, retry_after=retry_after).wait_ms == wait_s * 1000
