"""Each answer, and each absence of one, comes to one verdict; foreign text is kept only masked."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.sending.response import (
    Accepted,
    Later,
    Lost,
    NotConnected,
    Paused,
    Refused,
    Responded,
    Unconfirmed,
    Verdict,
    WindowClosed,
    classify_response,
)


def refused(code: Any, details: Any = "", trace: Any = "", **more: Any) -> bytes:
    error = {"message": f"(#{code}) No", "type": "OAuthException", "code": code, **more}
    if details:
        error["error_data"] = {"messaging_product": "whatsapp", "details": details}
    if trace:
        error["fbtrace_id"] = trace
    return orjson.dumps({"error": error})


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"messages": [{"id": "wamid.A"}]}, Accepted("wamid.A", "")),
        (
            200,
            {
                "messaging_product": "whatsapp",
                "contacts": [{"input": "+351900000001", "wa_id": "351900000001"}],
                "messages": [{"id": "wamid.A", "message_status": "accepted"}],
            },
            Accepted("wamid.A", "accepted"),
        ),
        (
            200,
            {"messages": [{"id": "wamid.A", "message_status": "held_for_quality_assessment"}]},
            Accepted("wamid.A", "held_for_quality_assessment"),
        ),
        (200, {"messages": [{"id": "wamid.A", "message_status": 7}]}, Accepted("wamid.A", "")),
        (200, {"success": True}, Accepted("", "")),
        (200, {"messages": []}, Accepted("", "")),
        (200, {"messages": [{"id": 7}]}, Accepted("", "")),
        (200, {"messages": [{"id": "w" * 257}]}, Accepted("", "")),
        (200, {"error": {"code": 131056}}, Accepted("", "")),
        (299, [], Accepted("", "")),
    ],
    ids=[
        "text", "template", "held", "odd status", "mark_read", "no message", "odd id", "long id",
        "an error with 200", "a list",
    ],
)  # fmt: skip
def test_any_2xx_is_accepted(status: int, body: object, expected: Verdict) -> None:
    assert classify_response(Responded(status, orjson.dumps(body))) == expected


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"messages":[{"id":"wamid.A"', b"\xff\xfe"])
def test_a_2xx_that_cannot_be_read_is_accepted_without_a_wamid(body: bytes) -> None:
    assert classify_response(Responded(200, body)) == Accepted("", "")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (
            400,
            refused(131056, "Too many messages to this pair.", "AbC1"),
            Later(
                131056, "Write to this customer more slowly.", "pair", None,
                "Too many messages to this pair. (fbtrace_id AbC1)",
            ),
        ),
        (
            400,
            refused(130429, trace="AbC1"),
            Later(
                130429, "Send more slowly: the number's throughput is used up.", "number", 1,
                "(fbtrace_id AbC1)",
            ),
        ),
        (400, refused(4), Later(4, "The app calls too often; wait.", "app", 60)),
        (
            400,
            refused(80007),
            Later(80007, "The business account calls too often; wait.", "account", 60),
        ),
        (
            500,
            refused(131000, is_transient=False),
            Later(131000, "Meta does not know why; if it goes on, ask its support.", "send", None),
        ),
        (500, refused(3), Paused(3, "Give the app the capability that it lacks.", "account", "")),
        (500, refused(131045), Paused(131045, "Register the phone number again.", "number", "")),
        (
            500,
            refused(133000),
            Paused(
                133000, "Deregister the number once more: the last time was not finished.",
                "number", "",
            ),
        ),
        (
            401,
            refused(190, error_subcode=463),
            Paused(190, "Renew the access token: it has expired or was revoked.", "account", ""),
        ),
        (
            403,
            refused(230),
            Paused(230, "Give the token the permission that Meta names.", "account", ""),
        ),
        (
            400,
            refused(100, "Invalid parameter", "AbC1"),
            Refused(
                100, "Correct the parameter that Meta names.", "Invalid parameter (fbtrace_id AbC1)"
            ),
        ),
        (
            400,
            refused(100, "No such object", error_subcode=33),
            Paused(
                100, "Check the phone number id: this one is gone or was never there.", "number",
                "No such object",
            ),
        ),
        (
            400,
            refused(100, message="Invalid appsecret_proof provided in the API argument"),
            Paused(
                100, "Give the account the app's secret, and appsecret_proof: yes.", "app", ""
            ),
        ),
        (
            400,
            refused(131047, "24 hours", "AbC1"),
            WindowClosed(
                "Send a template: the customer's last message is older than 24 hours.",
                "24 hours (fbtrace_id AbC1)",
            ),
        ),
        (
            400,
            refused(131050),
            Refused(
                131050, "Leave this customer without marketing: they asked for it.", "",
                opted_out=True,
            ),
        ),
        (400, refused(777777), Refused(777777, "Meta refused; look up the code.", "")),
        (503, refused(777777), Later(777777, "Meta has trouble; wait.", "send", None)),
        (
            429,
            refused(777777),
            Later(777777, "Meta asked for fewer calls; wait.", "number", 1),
        ),
        (400, refused(100, details=["odd"], trace=7), Refused(
            100, "Correct the parameter that Meta names.", ""
        )),
        (400, refused(100, error_data="odd"), Refused(
            100, "Correct the parameter that Meta names.", ""
        )),
    ],
    ids=[
        "pair", "throughput", "app calls with 400", "account calls with 400", "unknown to Meta",
        "capability with 500", "registration with 500", "deregistration with 500", "token",
        "permission", "parameter", "unknown number", "proof", "window", "opted out",
        "new code 4xx", "new code 5xx", "new code 429", "odd details",
        "odd error_data",
    ],
)  # fmt: skip
def test_a_graph_error_is_a_definite_refusal(status: int, body: bytes, expected: Verdict) -> None:
    assert classify_response(Responded(status, body)) == expected


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (502, b"<html><h1>502 Bad Gateway</h1></html>"),
        (503, b""),
        (504, b'{"message": "Endpoint request timed out"}'),
        (500, b'{"error": "internal"}'),
        (500, b'{"error": {"message": "no code"}}'),
        (400, b'{"error": {"code": "131056"}}'),
        (400, b'{"error": {"code": true}}'),
        (400, b'{"error": {"code": 131056, "message": "cu'),
        (401, b"Unauthorized"),
        (404, b"<html>Not Found</html>"),
        (429, b"slow down"),
        (307, b""),
        (101, b""),
    ],
)
def test_any_other_answer_leaves_the_attempt_unconfirmed(status: int, body: bytes) -> None:
    expected = Unconfirmed(f"HTTP {status} without a Graph error")

    assert classify_response(Responded(status, body)) == expected


def test_an_attempt_that_never_connected_is_made_again() -> None:
    assert classify_response(NotConnected("ConnectError")) == Later(
        None, "ConnectError", "send", None
    )


def test_an_attempt_for_which_this_machine_had_no_socket_lets_the_number_rest() -> None:
    answer = NotConnected("ConnectError: Too many open files", is_local=True)

    assert classify_response(answer) == Later(None, answer.reason, "number", 1.0)


def test_an_attempt_without_an_answer_is_unconfirmed() -> None:
    assert classify_response(Lost("ReadTimeout")) == Unconfirmed("ReadTimeout")


@pytest.mark.parametrize(
    ("details", "kept"),
    [
        ("Number 351900000001 is odd", "Number … is odd"),
        ("Number +351 900-000-001 is odd", "Number … is odd"),
        ("Number (351) 900.000.001 is odd", "Number (… is odd"),
        ("Malformed access token EAAGm0PX4ZCpsBAKZCqZB8ZAZBqZCZAZCZD1", "Malformed access token …"),
        ("body must be at most 4096 characters", "body must be at most 4096 characters"),
        ("two\r\nlines\x00", "two lines\x00"),
        ("x " * 200, ("x " * 150)),
    ],
    ids=["digits", "spaced", "dotted", "token", "a limit", "lines", "long"],
)
def test_details_are_kept_short_and_without_numbers_and_tokens(details: str, kept: str) -> None:
    judged = classify_response(Responded(400, refused(100, details)))

    assert judged == Refused(100, "Correct the parameter that Meta names.", kept)


def test_metas_message_is_not_kept_for_it_may_quote_the_token() -> None:
    judged = classify_response(
        Responded(401, refused(190, message="Malformed access token EAAsecret"))
    )

    assert "EAAsecret" not in repr(judged)


def test_a_body_is_not_in_the_repr_of_an_answer() -> None:
    assert repr(Responded(200, b"+351900000001")) == "Responded(status=200)"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "code", "error_data", "details", "messages", "id"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.integers(100, 999), st.binary() | JSON.map(orjson.dumps))
def test_whatever_is_answered_there_is_one_verdict(status: int, body: bytes) -> None:
    judged = classify_response(Responded(status, body))

    assert isinstance(judged, Accepted) == (200 <= status <= 299)


@given(st.integers(-(2**63), 2**64 - 1), st.integers(300, 599), st.text(), st.text())
def test_a_graph_error_is_never_unconfirmed(
    code: int, status: int, details: str, trace: str
) -> None:
    judged = classify_response(Responded(status, refused(code, details, trace)))

    assert isinstance(judged, Later | Paused | WindowClosed | Refused)
    assert getattr(judged, "code", code) == code
    assert len(judged.details) <= 700
