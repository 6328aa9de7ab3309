"""A lane rests behind a send that must be delivered first: until it is, or for a minute."""

from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.sending.send import DELIVERY_WAIT, FollowUp, Send
from gateway.store.api import sent_messages
from gateway.store.body_codec import Bodies
from gateway.store.maintenance.due_items import tick
from gateway.store.redis.client import Store
from gateway.store.sending import pauses
from gateway.store.sending.send_rows import read_rows
from gateway.store.sending.unconfirmed import read_unconfirmed, resend
from tests.support.factories import ANA, NUMBER
from tests.support.store.compacted_sends import compact
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import (
    PREFIX,
    a_send,
    make_ready,
    queue,
    queue_at_once,
    ready_in_s,
    row,
    settle,
    stage,
    take,
    tell,
)

pytestmark = pytest.mark.store
FILE = a_send("file", delivery_wait=DELIVERY_WAIT)
TEXT, LAST = a_send("text"), a_send("last")
ENDS = ("delivered", "read", "played", "failed")
REST_S = DELIVERY_WAIT.total_seconds()


@pytest.fixture
def posted(store: Store) -> Store:
    """Post a file, before a text."""
    queue_at_once(store, FILE, TEXT)
    assert take(store) == ["file"]
    return store


def doubt(store: Store, send: Send = FILE, attempt: int = 1) -> None:
    settle(store, send, "unconfirmed", attempt, wait_ms=now_ms(store) + 3_600_000)


def pass_time(store: Store, seconds: int, send: Send = FILE) -> None:
    """Let all moments of a lane and of what was posted of it be so long ago."""
    passed_ms = seconds * 1000
    raw(store).zadd(f"{PREFIX}ready:reply", {ANA: -passed_ms}, xx=True, incr=True)
    for name in ("attempting_at", "rest_began", "rest_until"):
        if name in row(store, send):
            raw(store).hincrby(f"{PREFIX}send:{send.id}", name, -passed_ms)


def test_what_follows_waits_a_minute_for_a_file_that_was_accepted(posted: Store) -> None:
    settle(posted, FILE, "accepted", wamid="wamid.out")

    assert take(posted) == []
    assert ready_in_s(posted) == pytest.approx(REST_S, abs=2)


@pytest.mark.parametrize("status", ENDS)
def test_what_follows_goes_once_meta_tells_what_became_of_the_file(
    posted: Store, status: str
) -> None:
    settle(posted, FILE, "accepted", wamid="wamid.out")
    tell(posted, "sent", FILE)
    assert take(posted) == []

    tell(posted, status, FILE)

    assert take(posted) == ["text"]


@pytest.mark.parametrize("status", ["delivered", "read", "played"])
def test_a_file_that_is_delivered_before_it_is_settled_lets_nothing_wait(
    posted: Store, status: str
) -> None:
    tell(posted, status, FILE)
    settle(posted, FILE, "accepted", wamid="wamid.out")

    assert take(posted) == ["text"]
    assert "rest_until" not in row(posted, FILE)


def test_what_follows_also_waits_if_meta_tells_sent_before_the_file_is_settled(
    posted: Store,
) -> None:
    tell(posted, "sent", FILE)
    assert ready_in_s(posted) == pytest.approx(REST_S, abs=2)
    settle(posted, FILE, "accepted", wamid="wamid.out")
    assert take(posted) == []

    tell(posted, "delivered", FILE)

    assert take(posted) == ["text"]


def test_it_counts_from_the_post(posted: Store) -> None:
    pass_time(posted, 50)

    settle(posted, FILE, "accepted", wamid="wamid.out")

    assert ready_in_s(posted) == pytest.approx(REST_S - 50, abs=2)


def test_after_a_minute_what_follows_goes_although_nothing_was_told(posted: Store) -> None:
    settle(posted, FILE, "accepted", wamid="wamid.out")
    pass_time(posted, 61)

    assert take(posted) == ["text"]


def test_a_file_delivered_late_does_not_shorten_what_its_lane_waits_for_since(
    posted: Store,
) -> None:
    settle(posted, FILE, "accepted", wamid="wamid.out")
    pass_time(posted, 61)
    take(posted)
    settle(posted, TEXT, "later", wait_ms=20_000, error_json="{}")

    tell(posted, "delivered", FILE)

    assert ready_in_s(posted) == pytest.approx(20, abs=2)


def test_a_file_delivered_late_makes_no_second_attempt_of_what_is_posted(posted: Store) -> None:
    settle(posted, FILE, "accepted", wamid="wamid.out")
    pass_time(posted, 61)
    assert take(posted) == ["text"]

    tell(posted, "delivered", FILE)

    assert take(posted) == []
    assert stage(posted, TEXT) == "attempting"


def test_a_status_of_another_send_lets_the_lane_rest_on(store: Store) -> None:
    queue(store, LAST)
    take(store)
    settle(store, LAST, "accepted", wamid="wamid.last")
    queue_at_once(store, FILE, TEXT)
    take(store)
    settle(store, FILE, "accepted", wamid="wamid.out")

    tell(store, "delivered", LAST, "wamid.last")

    assert take(store) == []


def test_a_lane_without_anything_behind_the_file_does_not_rest(store: Store) -> None:
    queue(store, FILE)
    take(store)
    settle(store, FILE, "accepted", wamid="wamid.out")
    assert "rest_until" not in row(store, FILE)

    queue(store, TEXT)

    assert take(store) == ["text"]


def test_what_is_planned_while_the_lane_rests_waits_as_well(posted: Store) -> None:
    settle(posted, FILE, "accepted", wamid="wamid.out")

    queue(posted, LAST)

    assert take(posted) == []
    tell(posted, "delivered", FILE)
    assert take(posted) == ["text"]


@pytest.mark.parametrize("step", ["dead", "dropped", "parked"])
def test_a_file_that_was_not_posted_lets_nothing_wait(posted: Store, step: str) -> None:
    raw(posted).hset(f"{PREFIX}send:{FILE.id}", "seen", "")

    settle(posted, FILE, step, error_json='{"code":1}')

    assert take(posted) == ["text"]


def test_what_follows_a_file_whose_worker_died_waits_for_the_rest_of_the_minute(
    posted: Store,
) -> None:
    pass_time(posted, 31)

    assert take(posted) == []

    assert stage(posted, FILE) == "unconfirmed"
    assert ready_in_s(posted) == pytest.approx(REST_S - 31, abs=2)
    tell(posted, "delivered", FILE)
    assert take(posted) == ["text"]


def test_a_file_whose_worker_died_and_that_was_sent_is_waited_for(posted: Store) -> None:
    pass_time(posted, 31)
    take(posted)

    tell(posted, "sent", FILE)

    assert ready_in_s(posted) == pytest.approx(REST_S - 31, abs=2)
    tell(posted, "delivered", FILE)
    assert take(posted) == ["text"]


def test_a_file_that_is_posted_again_is_waited_for_again(posted: Store) -> None:
    doubt(posted)
    make_ready(posted)
    assert take(posted) == ["text"]
    (found,) = read_unconfirmed(posted, NUMBER)
    assert resend(posted, NUMBER, found)
    queue(posted, LAST)
    settle(posted, TEXT, "unconfirmed", wait_ms=now_ms(posted) + 3_600_000)
    make_ready(posted)
    assert take(posted) == ["file"]

    settle(posted, FILE, "accepted", 2, wamid="wamid.2")

    assert take(posted) == []
    tell(posted, "delivered", FILE, "wamid.2", 2)
    assert take(posted) == ["last"]


def test_a_text_that_expires_while_it_waits_is_not_posted_and_the_next_is(store: Store) -> None:
    soon = a_send("soon", expires_at=datetime.now(UTC) + timedelta(seconds=30))
    queue_at_once(store, FILE, soon, LAST)
    take(store)
    settle(store, FILE, "accepted", wamid="wamid.out")
    raw(store).hset(f"{PREFIX}send:{soon.id}", "expires", now_ms(store) - 1)

    assert take(store) == []
    tell(store, "delivered", FILE)

    assert take(store) == ["last"]
    assert stage(store, soon) == "expired"


def test_the_sends_of_a_rule_that_is_held_meanwhile_come_back_to_their_place(store: Store) -> None:
    held = a_send("held", rule="offers")
    queue_at_once(store, FILE, held)
    take(store)
    settle(store, FILE, "accepted", wamid="wamid.out")
    pauses.hold(store, [NUMBER], "offers", "prices are wrong")
    tell(store, "delivered", FILE)
    assert take(store) == []
    queue(store, LAST)

    pauses.release(store, [NUMBER], "offers")
    list(tick(store, [NUMBER]))

    assert take(store) == ["held"]


def test_a_paused_number_sends_the_text_once_it_resumes(posted: Store) -> None:
    settle(posted, FILE, "accepted", wamid="wamid.out")
    pauses.hold(posted, [NUMBER], "", "stop")
    tell(posted, "delivered", FILE)
    assert take(posted) == []

    pauses.release(posted, [NUMBER], "")

    assert take(posted) == ["text"]


def test_a_file_that_is_compacted_early_lets_its_lane_rest_for_the_minute_only(
    posted: Store,
) -> None:
    settle(posted, FILE, "accepted", wamid="wamid.out")
    assert compact(posted) == 1

    tell(posted, "delivered", FILE)

    assert ready_in_s(posted) == pytest.approx(REST_S, abs=2)
    (found,) = read_rows(posted, Bodies(), NUMBER, [FILE.id])
    assert {"rest_began", "rest_until"} <= found.fields.keys()


def test_a_file_that_failed_and_goes_again_follows_the_text(posted: Store) -> None:
    settle(posted, FILE, "accepted", wamid="wamid.out")

    tell(posted, "failed", FILE, follow_up=FollowUp("later", 0))

    assert take(posted) == ["text"]
    settle(posted, TEXT, "accepted", wamid="wamid.text")
    assert take(posted) == ["file"]


def test_a_send_that_waits_for_nothing_leaves_nothing_in_its_row(store: Store) -> None:
    queue_at_once(store, TEXT, LAST)
    take(store)
    settle(store, TEXT, "accepted", wamid="wamid.out")

    assert take(store) == ["last"]
    assert row(store, TEXT).keys().isdisjoint({"delivery_wait", "rest_began", "rest_until"})


def test_the_row_tells_from_when_to_when_its_lane_rested(posted: Store) -> None:
    settle(posted, FILE, "accepted", wamid="wamid.out")
    tell(posted, "delivered", FILE)

    moments = [int(row(posted, FILE)[name]) for name in ("rest_began", "rest_ended", "rest_until")]

    assert moments == sorted(moments)
    assert abs(moments[2] - moments[0] - REST_S * 1000) < 5_000


Step = Literal["accepted", "unconfirmed", "late", "later still", "sent", "delivered", "read"]
STEPS: tuple[Step, ...] = get_args(Step)
PASSED_S: dict[Step, int] = {"late": 31, "later still": 45}  # the first is beyond a lease


@given(st.lists(st.sampled_from(STEPS), unique=True))
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
def test_in_any_order_the_text_goes_once_and_not_before_the_delivery_or_a_minute(
    store: Store, steps: list[Step]
) -> None:
    raw(store).flushall()
    queue_at_once(store, FILE, TEXT)
    taken, passed_s = take(store), 0
    for at, step in enumerate(steps):
        do(store, step)
        passed_s += PASSED_S.get(step, 0)
        is_free = passed_s >= REST_S or not {"delivered", "read"}.isdisjoint(steps[: at + 1])
        taken += take(store)
        assert is_free or taken == ["file"]
    for _ in range(2):  # the first may find only that the file's worker died
        pass_time(store, 100)
        taken += take(store)

    assert taken == ["file", "text"]


def do(store: Store, step: Step) -> None:
    match step:
        case "accepted":
            settle(store, FILE, "accepted", wamid="wamid.out")
        case "unconfirmed":
            doubt(store)
        case "late" | "later still":
            pass_time(store, PASSED_S[step])
        case _:
            tell(store, step, FILE)


def test_a_cancelled_message_does_not_end_the_rest_of_its_lane(posted: Store) -> None:
    queue(posted, LAST)
    settle(posted, FILE, "accepted", wamid="wamid.out")

    assert sent_messages.cancel(posted, NUMBER, TEXT.id) == ""

    assert take(posted) == []
    assert REST_S - 5 < (ready_in_s(posted) or 0) <= REST_S
    tell(posted, "delivered", FILE)
    assert take(posted) == ["last"]


def test_a_lane_whose_last_message_is_cancelled_is_not_ready(store: Store) -> None:
    queue(store, TEXT)

    sent_messages.cancel(store, NUMBER, TEXT.id)

    assert ready_in_s(store) is None
