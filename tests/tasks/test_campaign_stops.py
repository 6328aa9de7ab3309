"""Stop rules at work: opt-outs and falls of quality pause a campaign, and a resume forgets them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from gateway.core.campaigns.stop_rules import Window
from gateway.store.campaigns import control
from gateway.store.campaigns.campaigns import Campaign, campaign_key
from gateway.store.campaigns.view import read_log
from gateway.store.redis.client import Store
from gateway.store.sending.quality import note_flag, read_flag
from tasks.campaigns import process
from tasks.context import WorkerContext
from tests.support.factories import NUMBER, bytes_of
from tests.support.store.campaigns import a_campaign, read
from tests.support.store.raw import raw
from tests.support.tasks.worker_state import Echo, keep, take_effect

pytestmark = [pytest.mark.store, pytest.mark.usefixtures("at_work")]
OURS = "15550001111"


def started(store: Store, **others: Any) -> Campaign:
    campaign = a_campaign(store, 4, **others)
    assert control.start(store, campaign, "ana", datetime.now(UTC)) == ""
    return read(store, campaign)


def after_work(store: Store, campaign: Campaign) -> tuple[str, str, str]:
    """Let the campaign take a step; return its phase, by whom and why."""
    process.process_broadcast_campaign(campaign.id)
    found = read(store, campaign)
    return found.phase, found.by, found.why


def resume(store: Store, campaign: Campaign) -> None:
    assert control.resume(store, read(store, campaign), "ana", datetime.now(UTC)) == ""


def hear(
    ctx: WorkerContext, field: str, ago: timedelta | None, replayed: bool, **value: Any
) -> None:
    """Let a webhook of Meta's come, perhaps some time after its moment, and have its effect."""
    webhook = orjson.loads(bytes_of({"field": field, "value": value}))
    if ago is not None:
        webhook["entry"][0]["time"] = int((datetime.now(UTC) - ago).timestamp())
    if replayed:
        ctx.inbox.replay([orjson.dumps(webhook)])
    else:
        keep(ctx.store, orjson.dumps(webhook))
    assert take_effect(ctx, Echo()) == {}


def flag(
    ctx: WorkerContext,
    event: str = "FLAGGED",
    ago: timedelta | None = None,
    replayed: bool = False,
    **more: Any,
) -> None:
    field = "phone_number_quality_update"
    hear(ctx, field, ago, replayed, display_phone_number=OURS, event=event, **more)


def fall(
    ctx: WorkerContext,
    after: str,
    before: str,
    name: str = "spring",
    ago: timedelta | None = None,
    replayed: bool = False,
) -> None:
    hear(
        ctx,
        "message_template_quality_update",
        ago,
        replayed,
        message_template_id=1,
        message_template_name=name,
        message_template_language="en",
        previous_quality_score=before,
        new_quality_score=after,
    )


def test_a_number_that_meta_flags_pauses_a_campaign_until_it_is_resumed(
    at_work: WorkerContext, store: Store
) -> None:
    campaign = started(store)
    assert after_work(store, campaign)[0] == "running"

    flag(at_work)

    phase, by, why = after_work(store, campaign)
    assert (phase, by) == ("paused", "stop_rule")
    assert "Meta flagged the quality of its number (FLAGGED" in why
    resume(store, campaign)
    assert after_work(store, campaign)[0] == "running"
    flag(at_work, current_limit="TIER_1K")
    assert after_work(store, campaign)[0] == "paused"


def test_a_number_that_was_flagged_before_the_start_pauses_nothing(
    at_work: WorkerContext, store: Store
) -> None:
    flag(at_work)
    assert read_flag(store, NUMBER)

    assert after_work(store, started(store))[0] == "running"

    flag(at_work, "UNFLAGGED")
    assert read_flag(store, NUMBER) is None


def test_a_template_whose_quality_falls_pauses_its_campaigns_and_no_others(
    at_work: WorkerContext, store: Store
) -> None:
    campaign = started(store)
    fall(at_work, "RED", "GREEN", "summer")
    fall(at_work, "GREEN", "YELLOW")
    assert after_work(store, campaign)[0] == "running"

    fall(at_work, "YELLOW", "GREEN")

    phase, by, why = after_work(store, campaign)
    assert (phase, by) == ("paused", "stop_rule")
    assert "the quality of its template fell to YELLOW" in why
    resume(store, campaign)
    assert after_work(store, campaign)[0] == "running"
    fall(at_work, "RED", "YELLOW")
    assert "fell to RED" in after_work(store, campaign)[2]


def stop_template(
    ctx: WorkerContext, event: str, name: str = "spring", ago: timedelta | None = None
) -> None:
    hear(
        ctx,
        "message_template_status_update",
        ago,
        replayed=False,
        event=event,
        message_template_id=1,
        message_template_name=name,
        message_template_language="en",
    )


@pytest.mark.parametrize("event", ["PAUSED", "DISABLED"])
def test_a_template_that_meta_stops_pauses_its_campaigns_until_they_are_resumed(
    at_work: WorkerContext, store: Store, event: str
) -> None:
    campaign, goes_on = started(store), started(store, stop={"codes": False})
    stop_template(at_work, event, "summer")
    stop_template(at_work, "REJECTED")
    assert after_work(store, campaign)[0] == "running"

    stop_template(at_work, event)

    phase, by, why = after_work(store, campaign)
    assert (phase, by) == ("paused", "stop_rule")
    assert f"Meta has stopped its template ({event}, reported at" in why
    assert after_work(store, goes_on)[0] == "running"
    resume(store, campaign)
    assert after_work(store, campaign)[0] == "running"


def test_a_campaign_may_go_on_whatever_becomes_of_quality(
    at_work: WorkerContext, store: Store
) -> None:
    campaign = started(store, stop={"quality": False})

    flag(at_work)
    fall(at_work, "RED", "GREEN")

    assert after_work(store, campaign)[0] == "running"


def test_opt_outs_pause_a_campaign_and_after_a_resume_only_later_ones_count(store: Store) -> None:
    campaign = started(store)
    key = campaign_key(NUMBER, campaign.id)
    counts: Any = {"cell:waiting": 4, "cell:delivered": 200, "answers:opted_out": 7}
    raw(store).hset(key, mapping=counts)

    assert after_work(store, campaign) == (
        "paused", "stop_rule", "7 of 200 whom it reached opted out, more than 3 %"
    )  # fmt: skip
    resume(store, campaign)
    assert after_work(store, campaign)[0] == "running"
    raw(store).hset(key, mapping={"cell:delivered": 900, "answers:opted_out": 29})
    # Those whom it reached are more than a stretch of attempts, and all of them count.
    assert after_work(store, campaign)[2].startswith("22 of 700 whom it reached")


def test_a_repeated_resume_moves_no_mark_and_adds_nothing_to_the_log(store: Store) -> None:
    campaign = started(store)
    control.pause(store, campaign, "ana", "a look")
    resume(store, campaign)
    before, its_log = read(store, campaign), read_log(store, campaign)
    counts: Any = {"cell:accepted": 20, "cell:failed": 40, "code:131051": 40}
    raw(store).hset(campaign_key(NUMBER, campaign.id), mapping=counts)

    resume(store, campaign)

    after = read(store, campaign)
    assert (after.mark, after.changed_at) == (before.mark, before.changed_at)
    assert read_log(store, campaign) == its_log
    assert after_work(store, campaign)[2].startswith("40 of 60 failed")


def test_a_release_that_marks_four_counts_reads_a_mark_and_moves_it(store: Store) -> None:
    campaign = started(store)
    key = campaign_key(NUMBER, campaign.id)
    raw(store).hset(key, mapping={"cell:failed": 2, "code:131048": 2, "answers:opted_out": 1})
    control.pause(store, read(store, campaign), "ana", "why")
    resume(store, campaign)
    mark = read(store, campaign).mark
    assert mark == Window(2, 2, 0, 2, 0, 1)
    four: Any = orjson.loads(raw(store).hget(key, "mark") or b"")
    assert four == {"attempted": 2, "failed": 2, "unconfirmed": 0, "fatal": 2}

    raw(store).hset(key, "mark", orjson.dumps(four | {"attempted": 9, "fatal": 3}))

    assert read(store, campaign).mark == Window(9, 2, 0, 3, 0, 1)


def test_a_fall_is_not_forgotten_with_the_news_that_a_list_replaces(
    at_work: WorkerContext, store: Store
) -> None:
    campaign = started(store)
    fall(at_work, "RED", "GREEN")
    (news,) = raw(store).keys("*}:news")
    raw(store).delete(news)

    assert after_work(store, campaign)[0] == "paused"


def test_a_fall_of_an_earlier_moment_than_the_resume_pauses_nothing(
    at_work: WorkerContext, store: Store
) -> None:
    campaign = started(store)
    control.pause(store, campaign, "ana", "a look")
    fall(at_work, "RED", "GREEN")
    flag(at_work)

    resume(store, campaign)

    assert read(store, campaign).changed_at >= datetime.now(UTC) - timedelta(hours=1)
    assert after_work(store, campaign)[0] == "running"


HOUR = timedelta(hours=1)


def begun_ago(store: Store, ago: timedelta) -> Campaign:
    """Return a running campaign that was started some time ago."""
    campaign = started(store)
    at_ms = int((datetime.now(UTC) - ago).timestamp() * 1000)
    raw(store).hset(campaign_key(NUMBER, campaign.id), "changed", at_ms)
    return read(store, campaign)


def test_a_stop_of_a_template_that_is_over_by_now_pauses_nothing(
    at_work: WorkerContext, store: Store
) -> None:
    campaign = begun_ago(store, 3 * HOUR)

    stop_template(at_work, "APPROVED", ago=HOUR)
    stop_template(at_work, "PAUSED", ago=2 * HOUR)

    assert after_work(store, campaign)[0] == "running"
    stop_template(at_work, "PAUSED")
    assert after_work(store, campaign)[0] == "paused"


@pytest.mark.parametrize("replayed", [True, False])
def test_a_notice_of_before_the_start_pauses_nothing_whenever_it_comes(
    at_work: WorkerContext, store: Store, replayed: bool
) -> None:
    campaign = begun_ago(store, HOUR)

    flag(at_work, ago=2 * HOUR, replayed=replayed)
    fall(at_work, "RED", "GREEN", ago=2 * HOUR, replayed=replayed)

    assert after_work(store, campaign)[0] == "running"
    assert read_flag(store, NUMBER)


@pytest.mark.parametrize("what", ["number", "template"])
def test_a_late_notice_of_while_it_ran_pauses_a_campaign(
    at_work: WorkerContext, store: Store, what: str
) -> None:
    campaign = begun_ago(store, 3 * HOUR)

    if what == "number":
        flag(at_work, ago=2 * HOUR)
    else:
        fall(at_work, "RED", "GREEN", ago=2 * HOUR)

    assert after_work(store, campaign)[0] == "paused"


def test_a_replay_of_a_notice_of_just_now_counts_from_its_moment(
    at_work: WorkerContext, store: Store
) -> None:
    campaign = begun_ago(store, timedelta(seconds=5))

    flag(at_work, ago=timedelta(seconds=20), replayed=True)
    fall(at_work, "RED", "GREEN", ago=timedelta(seconds=20), replayed=True)

    assert after_work(store, campaign)[0] == "running"


def test_an_older_notice_overrides_no_newer_one(at_work: WorkerContext, store: Store) -> None:
    flag(at_work, "UNFLAGGED", ago=HOUR)
    flag(at_work, ago=2 * HOUR)
    assert read_flag(store, NUMBER) is None

    flag(at_work)
    flag(at_work, "UNFLAGGED", ago=HOUR, replayed=True)
    assert read_flag(store, NUMBER)


def test_the_same_notice_again_moves_no_moment(at_work: WorkerContext, store: Store) -> None:
    """A worker that dies before its commit is followed by one that notes the notice again."""
    at = datetime.now(UTC) - timedelta(seconds=5)
    assert note_flag(store, NUMBER, at, is_flagged=True)
    before = read_flag(store, NUMBER)

    assert not note_flag(store, NUMBER, at, is_flagged=True)

    assert read_flag(store, NUMBER) == before


def test_a_flag_of_a_release_before_is_read_and_ended(store: Store) -> None:
    raw(store).set(f"gw:{{n{NUMBER}}}:flagged", int(datetime.now(UTC).timestamp() * 1000))
    assert read_flag(store, NUMBER)

    assert note_flag(store, NUMBER, datetime.now(UTC), is_flagged=False)

    assert read_flag(store, NUMBER) is None


def test_damage_to_what_is_known_of_a_flag_stops_no_delivery(
    at_work: WorkerContext, store: Store
) -> None:
    raw(store).hset(f"gw:{{n{NUMBER}}}:flag_news", "of", "another type")

    flag(at_work)

    assert read_flag(store, NUMBER) is None


def test_damage_to_what_is_known_of_a_quality_stops_no_campaign(
    at_work: WorkerContext, store: Store
) -> None:
    campaign = started(store)
    fall(at_work, "RED", "GREEN")
    (falls,) = raw(store).scan_iter("*falls")
    raw(store).delete(falls)
    raw(store).set(falls, "of another type")

    assert after_work(store, campaign)[0] == "running"
