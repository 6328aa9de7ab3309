"""What a dead letter died of, and whether it may be begun again, is read from its row."""

import json
from typing import Any

import pytest

from gateway.core.dead_letters.dead_letter import CAUSES, DeadSend
from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.core.dead_letters.rows import dead_event, dead_send
from tests.support.factories import ANA, NUMBER

REFUSED = {"code": 131047, "reason": "Send a template.", "details": "24 hours"}
UNANSWERED = {"reason": "unconfirmed: nobody knows whether Meta had it"}
DOUBT = {"outcome": "unconfirmed", "code": None, "reason": "no answer"}
DEAD = REFUSED | {"outcome": "dead"}
ACCEPTED = {"outcome": "accepted", "message_status": ""}


def letter(error: Any, *notes: Any, stage: str = "dead", **others: Any) -> DeadSend:
    """Read the row of a send with one attempt for each note; None is an attempt without one."""
    row = {
        "stage": stage, "rung": "3", "final": "1", "attempts": str(len(notes)), "lane": ANA,
        "rank": "reply", "planned": "1000", "expires": "9000",
        "row": '{"body":{"type":"text"},"rule":"colour","record":"r"}',
        "error": json.dumps(error),
    }  # fmt: skip
    row |= {f"attempt:{n}": json.dumps(note) for n, note in enumerate(notes, 1) if note}
    row |= {name.replace("__", ":"): str(value) for name, value in others.items()}
    return dead_send("an id", NUMBER, 7_000, row)


DIED = {
    "refused": (letter(REFUSED, DEAD), "refused", 131047),
    "gave up": (letter({"code": 2, "gave_up_after": 8}), "gave_up", 2),
    "never connected": (letter({"code": None, "gave_up_after": 8}), "gave_up", None),
    "expired": (letter({"reason": "expired"}, stage="expired"), "expired", None),
    "expired after a refusal": (
        letter({"reason": "expired"}, stage="expired", last_error='{"code":131056}'),
        "expired",
        131056,
    ),
    "failed": (letter({"code": 131026}, ACCEPTED, stage="failed"), "failed_status", 131026),
    "unconfirmed": (letter(UNANSWERED, DOUBT), "unconfirmed", None),
    "killed": (letter(UNANSWERED, {"outcome": "killed"}), "unconfirmed", None),
}


@pytest.mark.parametrize(("dead", "cause", "code"), DIED.values(), ids=DIED)
def test_a_send_has_a_cause_a_code_and_advice(dead: DeadSend, cause: str, code: int | None) -> None:
    assert (dead.cause, dead.code, dead.cause in CAUSES) == (cause, code, True)
    assert dead.advice.endswith(".")


def test_the_advice_for_a_code_is_that_of_metas_table() -> None:
    assert letter(REFUSED).advice == (
        "Send a template: the customer's last message is older than 24 hours."
    )


OPEN = {
    "refused": (letter(REFUSED, DEAD), False, False),
    "no answer": (letter(UNANSWERED, DOUBT), True, False),
    "killed": (letter(UNANSWERED, {"outcome": "killed"}), True, False),
    "an attempt that may be on its way": (letter(REFUSED, None), True, False),
    "refused after a doubt": (letter(REFUSED, DOUBT, DEAD), True, False),
    "redriven after a doubt": (letter(REFUSED, DOUBT, at__redriven__1=5), True, False),
    "sent after all": (letter(UNANSWERED, DOUBT, at__sent__1=5), False, True),
    "read after all": (letter(UNANSWERED, DOUBT, at__read__1=5), False, True),
    "delivered, as an older attempt": (
        letter(REFUSED, DOUBT, DEAD, at__delivered__1=5),
        False,
        True,
    ),
    "delivered by a status that named no attempt": (
        letter(UNANSWERED, DOUBT, at__delivered__=5),
        True,
        True,
    ),
    "failed": (letter(REFUSED, ACCEPTED, stage="failed", at__failed__1=5), False, False),
    "failed after it was sent": (
        letter(REFUSED, ACCEPTED, stage="failed", at__sent__1=5, at__failed__1=6),
        False,
        False,
    ),
    "failed by a status that named no attempt": (
        letter(REFUSED, ACCEPTED, stage="failed", at__failed__=5),
        False,
        False,
    ),
    "failed and delivered": (
        letter(REFUSED, ACCEPTED, stage="failed", at__failed__1=5, at__delivered__1=6),
        False,
        True,
    ),
    "accepted after it was given up": (letter(REFUSED, ACCEPTED), False, True),
    "given back before it was made": (
        letter({"reason": "expired"}, stage="expired", began__1=5),
        False,
        False,
    ),
    "refused for good long ago": (
        letter(REFUSED, *[None] * 10, *[DEAD] * 24, stage="dead"),
        False,
        False,
    ),
    "in doubt long ago": (letter(REFUSED, DOUBT, *[None] * 9, *[DEAD] * 24), True, False),
    "under way long ago": (
        letter(REFUSED, *[None] * 10, *[DEAD] * 24, began__3=5),
        True,
        False,
    ),
    "never tried": (letter({"reason": "expired"}, stage="expired"), False, False),
}


@pytest.mark.parametrize(("dead", "is_open", "accepted"), OPEN.values(), ids=OPEN)
def test_what_meta_may_have_had_is_told_from_what_it_had(
    dead: DeadSend, is_open: bool, accepted: bool
) -> None:
    assert (dead.open, dead.accepted) == (is_open, accepted)


def test_the_story_of_a_send_is_in_order() -> None:
    dead = letter(
        REFUSED, DOUBT, {"outcome": "later"}, REFUSED, at__redriven__1=5000, at__sent__1=4000,
        began__1=2000, began__2=6000, ended__1=json.dumps(REFUSED),
    )  # fmt: skip

    told = [(step.what, step.at and round(step.at.timestamp())) for step in dead.story]

    assert told == [
        ("planned", 1),
        ("attempt 1", 2),
        ("sent", 4),
        ("redriven", 5),
        ("attempt 2", 6),
        ("attempt 3", None),
        ("dead", 7),
    ]
    assert dead.story[1].details["reason"] == "no answer"
    assert dead.story[3].details == REFUSED


def test_the_last_error_of_a_message_that_meta_failed_is_that_of_its_status() -> None:
    dead = letter(
        {"code": 131026}, {"outcome": "later"}, ACCEPTED, stage="failed",
        first_error='{"code":131056}', last_error='{"code":4}',
    )  # fmt: skip

    assert (dead.first_error["code"], dead.last_error["code"]) == (131056, 131026)


def test_a_send_that_was_never_tried_tells_only_its_plan_and_its_end() -> None:
    dead = letter({"reason": "expired"}, stage="expired")

    assert [step.what for step in dead.story] == ["planned", "expired"]
    assert dead.first_error == dead.last_error == {"reason": "expired"}


@pytest.mark.parametrize(
    ("error", "cause"), [("KeyError", "planning"), ("killed_worker", "killed_worker")]
)
def test_an_event_has_a_cause_and_all_that_is_needed_to_look_again(error: str, cause: str) -> None:
    told = {"error": error, "trace": "t", "key": "k", "delivery": "0:1-0", "item": 2, "raw": {}}

    dead = dead_event("ff", NUMBER, 7_000, told, {})

    assert (dead.cause, dead.code, dead.error) == (cause, None, {"reason": error})
    assert (dead.key, dead.delivery, dead.item, dead.trace) == ("k", "0:1-0", 2, "t")
    assert dead.advice.startswith("Mend")


def test_an_event_that_died_again_tells_its_first_error_too() -> None:
    told = {"error": "KeyError", "trace": "t", "key": "k", "delivery": "0:9-0", "item": 2}
    deaths = {"times": "3", "first": "ValueError", "first_at": "5000"}

    dead = dead_event("ff", NUMBER, 7_000, told | {"raw": {}}, deaths)

    assert (dead.attempts, dead.first_error, dead.error) == (
        3, {"reason": "ValueError"}, {"reason": "KeyError"},
    )  # fmt: skip
    assert (dead.first_at.timestamp(), dead.at.timestamp()) == (5, 7)


WANTED = {
    "all": (DeadLetterFilter(), True),
    "its cause": (DeadLetterFilter(causes=frozenset({"refused", "expired"})), True),
    "another cause": (DeadLetterFilter(causes=frozenset({"expired"})), False),
    "its code": (DeadLetterFilter(codes=frozenset({131047})), True),
    "another code": (DeadLetterFilter(codes=frozenset({1})), False),
    "its cause with another code": (
        DeadLetterFilter(causes=frozenset({"refused"}), codes=frozenset({1})),
        False,
    ),
}


@pytest.mark.parametrize(("wanted", "taken"), WANTED.values(), ids=WANTED)
def test_a_filter_takes_what_fits_all_that_it_asks_for(
    wanted: DeadLetterFilter, taken: bool
) -> None:
    assert wanted.matches(letter(REFUSED)) is taken


def test_nothing_private_is_in_the_repr() -> None:
    assert ANA not in repr(letter(REFUSED))
