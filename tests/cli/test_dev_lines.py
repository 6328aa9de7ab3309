"""Lines that processes log become lines that people read, or nothing."""

import json
from typing import Any, get_args

import pytest

from gateway.cli.local.log_line import LogLine, short_id
from gateway.cli.local.log_view import render_line
from gateway.core.campaigns.recipient_state import campaign_send_id
from gateway.core.sending.outcome import Step
from tasks.sending.attempts import WAITS


def logged(event: str, level: str = "info", **fields: Any) -> str:
    return json.dumps({**fields, "event": event, "level": level, "logger": "x", "timestamp": "t"})


def attempt(
    step: str, number: int = 1, sender: str = "106", rule: str = "colour", **told: Any
) -> str:
    given: dict[str, Any] = {"send": "7k2xabcdefgh", "rule": rule, "step": step}
    given |= {"attempt": number, "number": sender, "ms": 34}
    wait_ms = 2100 if step in WAITS else None
    return logged("attempt_made", **given, reason=json.dumps(told) if told else "", wait_ms=wait_ms)


THROTTLED: dict[str, Any] = {"code": 130429, "reason": "Send more slowly.", "details": ""}


def batch(**fields: Any) -> str:
    return logged("batch_drained", **{"deliveries": 1, "events": 1, **fields})


def status(stage: str, send: str = "7k2xabcdefgh", **failure: Any) -> dict[str, Any]:
    return {"send": send, "stage": stage, **failure}


FAILED = status("failed", code=131026, title="Message undeliverable")

SHOWN = {
    "one delivery": (batch(), LogLine("in      1 event")),
    "a batch with what was in it": (
        batch(deliveries=2, events=3, kinds={"message": 1, "status": 2}, sends=1),
        LogLine("in      kept 2 deliveries · 1 message · 2 statuses · planned 1 send"),
    ),
    "a batch with the rules that fired, why, and the send that follows": (
        batch(
            kinds={"message": 1},
            sends=1,
            send_ids=["7k2xabcdefgh"],
            fired={"colour": 'text contains "color"'},
        ),
        LogLine('in      1 message · ✓ colour: text contains "color" · planned 1 send → 7k2x'),
    ),
    "which status of which send": (
        batch(kinds={"status": 1}, sends=0, statuses=[status("delivered")]),
        LogLine("in      7k2x delivered", "bright_black"),
    ),
    "a status of a message that is not known": (
        batch(kinds={"status": 1}, statuses=[status("read", "")]),
        LogLine("in      another message read", "bright_black"),
    ),
    "a failed status": (
        batch(kinds={"status": 1}, statuses=[FAILED]),
        LogLine("in      7k2x failed: (131026) Message undeliverable", "red"),
    ),
    "more statuses than the log names": (
        batch(events=9, kinds={"status": 9}, statuses=[status("sent"), status("read")]),
        LogLine("in      7 statuses · 7k2x sent · 7k2x read", "bright_black"),
    ),
    "a duplicate": (
        batch(kinds={"message": 1}, known={"event": 1}),
        LogLine("in      1 duplicate, known already: nothing happens"),
    ),
    "a duplicate beside a new message": (
        batch(deliveries=2, events=2, kinds={"message": 2}, known={"event": 1}),
        LogLine(
            "in      kept 2 deliveries · 1 message · 1 duplicate, known already: nothing happens"
        ),
    ),
    "a status that came again beside a message": (
        batch(
            events=3,
            kinds={"message": 1, "status": 2},
            known={"status": 1},
            statuses=[status("read")],
        ),
        LogLine("in      1 message · 7k2x read · 1 duplicate, known already: nothing happens"),
    ),
    "accepted": (attempt("accepted"), LogLine("out     7k2x accepted · 34 ms · rule colour")),
    "accepted, and no rule asked for it": (
        attempt("accepted", rule=""),
        LogLine("out     7k2x accepted · 34 ms"),
    ),
    "accepted the second time": (
        attempt("accepted", 2),
        LogLine("out     7k2x attempt 2 accepted · 34 ms · rule colour"),
    ),
    "tried again later": (
        attempt("later", code=None, reason="ConnectError"),
        LogLine(
            "out     7k2x not taken now, again in 2.1 s · 34 ms · rule colour · ConnectError",
            "yellow",
        ),
    ),
    "throttled": (
        attempt("slower", **THROTTLED),
        LogLine(
            "out     7k2x not taken now, the number sends more slowly; again in 2.1 s"
            " · 34 ms · rule colour · (130429) Send more slowly.",
            "yellow",
        ),
    ),
    "answer lost": (
        attempt("unconfirmed", code=None, reason="ReadTimeout"),
        LogLine(
            "out     7k2x without an answer: nobody knows whether Meta took it"
            " · 34 ms · rule colour · ReadTimeout",
            "yellow",
        ),
    ),
    "a notification that was received": (
        logged("notification_posted", step="delivered", reason="HTTP 204", wait_ms=None, ms=7),
        LogLine("out     notification received · 7 ms"),
    ),
    "a notification that was refused": (
        logged("notification_posted", step="later", reason="HTTP 500", wait_ms=5_000, ms=7),
        LogLine("out     notification not received, again in 5.0 s · HTTP 500", "yellow"),
    ),
    "a notification that was given up": (
        logged("notification_posted", step="dead", reason="HTTP 410", wait_ms=None, ms=7),
        LogLine("out     notification not received, given up · HTTP 410", "yellow"),
    ),
    "a forward that was received": (
        logged("forward_posted", step="delivered", receiver="crm", count=1, reason="", ms=7),
        LogLine("out     event received by crm · 7 ms"),
    ),
    "forwards that were not": (
        logged("forward_posted", step="later", receiver="crm", count=3, reason="HTTP 500", ms=7),
        LogLine("out     3 events not received by crm, tried again · HTTP 500", "yellow"),
    ),
    "a service that answered": (
        logged(
            "service_called",
            call="7k2xabcd",
            service="orders",
            attempt=1,
            step="answered",
            outcome="HTTP 404 after 7 ms",
            wait_ms=None,
            ms=7,
        ),
        LogLine("out     7k2x asked orders: HTTP 404 after 7 ms"),
    ),
    "a service that did not answer": (
        logged(
            "service_called",
            call="7k2xabcd",
            service="orders",
            attempt=1,
            step="later",
            outcome="ReadTimeout after 5001 ms",
            wait_ms=1_000,
            ms=5_001,
        ),
        LogLine("out     7k2x asked orders: ReadTimeout after 5001 ms, again in 1.0 s", "yellow"),
    ),
    "a bug in planning": (
        logged("event_dead", "error", event_key="k", error="KeyError"),
        LogLine("in      an event could not be planned (KeyError): a dead letter", "red"),
    ),
    "what the sweep found": (
        logged("sweep_rang", "warning", what="inbox"),
        LogLine("sweep   deliveries waited and nobody worked: rang again", "yellow"),
    ),
    "a worker that died": (
        logged("worker_died", "error", worker="bulk", exit_code=-9),
        LogLine("worker  bulk died (exit code -9) and is started again", "red"),
    ),
    "an unknown warning": (
        logged("odd_thing", "warning", number=7),
        LogLine("web: odd_thing number=7", "yellow"),
    ),
    "an error with its cause": (
        logged("task_raised", "error", exception="Traceback\n  …\nKeyError: 'x'"),
        LogLine("web: task_raised KeyError: 'x'", "red"),
    ),
    "a known warning in a form of another day": (
        logged("sweep_rang", "warning"),
        LogLine("web: sweep_rang", "yellow"),
    ),
}


@pytest.mark.parametrize(("raw", "shown"), SHOWN.values(), ids=SHOWN)
def test_a_line_that_matters_becomes_readable(raw: str, shown: LogLine) -> None:
    assert render_line("web", raw) == shown


@pytest.mark.parametrize("step", get_args(Step))
def test_whatever_follows_an_attempt_has_words(step: str) -> None:
    shown = render_line("web", attempt(step))

    assert shown
    assert shown.text.startswith("out     7k2x ")


HIDDEN = {
    "what nobody asked for": logged("Task tasks.drain succeeded"),
    "what dev itself tells of the rules": logged("rules_rejected", "error", version="1"),
    "a canary that is kept": logged(
        "batch_drained", deliveries=1, events=1, kinds={"returned": 1}, sends=1
    ),
    "what dev itself tells of alerts": logged("alert_begun", "warning", cause="rule"),
    "celery's warning about root": logged(
        "SecurityWarning: You're running the worker with superuser privileges: this is", "warning"
    ),
    "a canary that arrives": attempt("accepted", sender="canary"),
    "a banner": " -------------- celery@host v5",
    "a list": "[1]",
    "nothing": "",
}


@pytest.mark.parametrize("raw", HIDDEN.values(), ids=HIDDEN)
def test_a_line_that_tells_nothing_is_hidden(raw: str) -> None:
    assert render_line("web", raw) is None


VERBOSE = {
    "a banner": (" ---- celery", LogLine("web:  ---- celery", "bright_black")),
    "an event": (logged("web_started", port=1), LogLine("web: web_started port=1", "bright_black")),
    "an error": (logged("rules_rejected", "error"), LogLine("web: rules_rejected", "red")),
    "nothing": ("  ", None),
}


@pytest.mark.parametrize(("raw", "shown"), VERBOSE.values(), ids=VERBOSE)
def test_verbose_shows_every_line_that_has_words(raw: str, shown: LogLine | None) -> None:
    assert render_line("web", raw, verbose=True) == shown


def test_the_sends_of_a_campaign_are_told_apart() -> None:
    sends = [campaign_send_id("5vy7xn6mq3cl", row) for row in (0, 1_233)]

    assert [short_id(one) for one in [*sends, "7k2xabcdefgh"]] == ["15vy.1", "15vy.1234", "7k2x"]
