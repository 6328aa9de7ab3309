"""Stop codes at work: one pauses a campaign at once, however it came, and once for each episode."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from gateway.core.campaigns.recipient_state import campaign_send_id
from gateway.core.campaigns.stop_rules import STOP_CODES
from gateway.core.sending.outcome import Attempt, decide_outcome
from gateway.core.sending.preflight import preflight_refusal
from gateway.core.sending.response import (
    Accepted,
    Responded,
    Verdict,
    classify_response,
)
from gateway.core.sending.send import callback_data
from gateway.store.campaigns import control
from gateway.store.campaigns.campaigns import Campaign, campaign_key
from gateway.store.redis.client import Store
from tasks.campaigns import process
from tasks.context import WorkerContext
from tests.support.factories import NUMBER, delivery_body, status_item
from tests.support.store.campaigns import a_campaign, cells, read
from tests.support.store.raw import raw
from tests.support.store.sends import PREFIX, lanes
from tests.support.tasks.worker_state import Echo, keep, take_effect

pytestmark = [pytest.mark.store, pytest.mark.usefixtures("at_work")]


def at_work_on(store: Store, **others: Any) -> tuple[Campaign, list[Attempt]]:
    """Start a campaign of which all four messages are in hand."""
    campaign = a_campaign(store, 4, **others)
    assert control.start(store, campaign, "ana", datetime.now(UTC)) == ""
    process.process_broadcast_campaign(campaign.id)
    return campaign, list(lanes(store).pump([], 99).attempts)


def answer(store: Store, verdict: Verdict, attempts: Sequence[Attempt]) -> None:
    """Settle attempts to which Meta has answered that."""
    outcomes = [decide_outcome(one, verdict, one.began_at, 0.5) for one in attempts]
    lanes(store).pump(outcomes, 0)


def refused(code: int) -> Verdict:
    return classify_response(Responded(400, orjson.dumps({"error": {"code": code}})))


def hear_failure(ctx: WorkerContext, attempt: Attempt, code: int) -> None:
    """Let the status come that Meta could not deliver what it had accepted."""
    answer(ctx.store, Accepted(f"wamid.{attempt.send}", ""), [attempt])
    status = status_item(
        f"wamid.{attempt.send}", "failed", callback_data(attempt.send, attempt.ordinal)
    )
    keep(ctx.store, delivery_body(statuses=[status | {"errors": [{"code": code}]}]))
    assert take_effect(ctx, Echo()) == {}


def after_work(store: Store, campaign: Campaign) -> tuple[str, str, str]:
    """Let the campaign take a step; return its phase, by whom and why."""
    process.process_broadcast_campaign(campaign.id)
    found = read(store, campaign)
    return found.phase, found.by, found.why


def paused_by(code: int) -> tuple[str, str, str]:
    return "paused", "stop_rule", f"{STOP_CODES[code]} (Meta's code {code})"


def resume(store: Store, campaign: Campaign) -> None:
    assert control.resume(store, read(store, campaign), "ana", datetime.now(UTC)) == ""


@pytest.mark.parametrize("code", STOP_CODES)
def test_a_stop_code_in_an_answer_pauses_a_campaign(store: Store, code: int) -> None:
    campaign, (first, *_) = at_work_on(store)

    answer(store, refused(code), [first])

    assert after_work(store, campaign) == paused_by(code)


@pytest.mark.parametrize("code", STOP_CODES)
def test_a_stop_code_in_a_status_pauses_a_campaign(
    at_work: WorkerContext, store: Store, code: int
) -> None:
    campaign, (first, *_) = at_work_on(store)

    hear_failure(at_work, first, code)

    assert after_work(store, campaign) == paused_by(code)


@pytest.mark.parametrize("code", [130429, 131042, 131056])
def test_a_code_that_only_lets_sends_wait_pauses_no_campaign(store: Store, code: int) -> None:
    campaign, (first, *_) = at_work_on(store)

    answer(store, refused(code), [first])

    assert after_work(store, campaign)[0] == "running"


def test_a_campaign_may_go_on_whatever_codes_come(store: Store) -> None:
    campaign, (first, second, *_) = at_work_on(store, stop={"codes": False})

    answer(store, refused(131048), [first])
    answer(store, refused(132001), [second])

    assert after_work(store, campaign)[0] == "running"


def test_what_was_posted_before_a_resume_pauses_nothing_after_it_and_what_comes_then_does(
    at_work: WorkerContext, store: Store
) -> None:
    campaign, (first, second, third, fourth) = at_work_on(store)
    answer(store, refused(131048), [first])
    assert after_work(store, campaign) == paused_by(131048)

    resume(store, campaign)
    answer(store, refused(131048), [second])  # it was in hand all the while
    hear_failure(at_work, third, 132001)

    assert after_work(store, campaign)[0] == "running"
    assert cells(store, campaign) == {"attempting": 1, "queued": 2, "failed": 1}
    raw(store).hset(f"{PREFIX}tokens", "rest", 0)  # an hour later
    again = [one for one in lanes(store).pump([], 99).attempts if one.send == first.send]
    answer(store, refused(131048), again)
    assert after_work(store, campaign) == paused_by(131048)
    answer(store, refused(131048), [fourth])
    assert read(store, campaign).phase == "paused"


def test_an_answer_that_is_settled_twice_is_noted_once(store: Store) -> None:
    campaign, (first, *_) = at_work_on(store)
    answer(store, refused(132015), [first])
    assert after_work(store, campaign) == paused_by(132015)
    resume(store, campaign)

    answer(store, refused(132015), [first])  # as after an answer of the store that was lost

    assert after_work(store, campaign)[0] == "running"


def test_a_template_that_the_gateway_knows_to_be_stopped_pauses_nothing(store: Store) -> None:
    campaign, attempts = at_work_on(store)
    known = preflight_refusal(attempts[0], attempts[0].began_at, is_stopped=True)
    assert known

    answer(store, known, attempts)

    assert after_work(store, campaign)[0] == "running"


def test_a_stop_code_of_one_campaign_pauses_no_other(store: Store) -> None:
    campaign, (first, *_) = at_work_on(store)
    other, _ = at_work_on(store)

    answer(store, refused(368), [first])

    assert after_work(store, campaign) == paused_by(368)
    assert after_work(store, other)[0] == "running"


def test_a_campaign_that_is_gone_is_not_written_again_by_a_code(store: Store) -> None:
    campaign, (first, *_) = at_work_on(store)
    key = campaign_key(NUMBER, campaign.id)
    raw(store).delete(key, f"{key}:recipients")

    answer(store, refused(131031), [first])

    assert not raw(store).exists(key)


def test_damage_to_a_campaign_keeps_no_send_from_being_settled(store: Store) -> None:
    campaign, (first, *_) = at_work_on(store)
    raw(store).hset(campaign_key(NUMBER, campaign.id), "stop_code:131031", "soon")

    answer(store, refused(131031), [first])

    assert raw(store).hget(f"{PREFIX}send:{campaign_send_id(campaign.id, 0)}", "stage") == b"queued"
