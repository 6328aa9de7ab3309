"""Answers to campaigns: found by the message that they quote or the newest, and counted once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.events import Event, Notice
from gateway.core.planning.campaign_answers import CampaignAnswers
from gateway.core.sending.outcome import Outcome
from gateway.core.sending.send import StatusUpdate
from gateway.store.campaigns import control
from gateway.store.campaigns.campaigns import Campaign, campaign_key
from gateway.store.campaigns.expansion import expand
from gateway.store.campaigns.recipients.export import iter_export
from gateway.store.planning.commit import commit, commit_call
from gateway.store.planning.contacts import load
from gateway.store.redis.client import Store
from tests.support.factories import NUMBER, a_message
from tests.support.store.campaigns import BODIES, a_campaign, phone, read
from tests.support.store.compacted_sends import compact
from tests.support.store.failing_scripts import dump, each_write, restore
from tests.support.store.plans import planned
from tests.support.store.raw import raw
from tests.support.store.sends import PREFIX, WEEK, commit_statuses, lanes

pytestmark = pytest.mark.store


def sent(store: Store, count: int = 3, **others: Any) -> Campaign:
    """Make a campaign that Meta accepted for all its recipients; a wamid is that of its send."""
    campaign = a_campaign(store, count, **others)
    assert control.start(store, campaign, "test", datetime.now(UTC)) == ""
    expand(store, BODIES, read(store, campaign))
    post(store)
    return read(store, campaign)


def post(store: Store, most: int = 99) -> list[str]:
    attempts = lanes(store).pump([], most).attempts
    settled = [Outcome(one.send, one.ordinal, "accepted", wamid=one.send) for one in attempts]
    lanes(store).pump(settled, 0)
    return [one.send for one in attempts]


def said(i: int, wamid: str = "", quotes: str = "", **others: Any) -> Event:
    """Make a message of a recipient, who may quote one."""
    raw_message = {"context": {"id": quotes}} if quotes else {}
    name = wamid or f"wamid.{i}.{others.get('text', '')}.{quotes}"
    return a_message(name, phone(i), at=datetime.now(UTC), raw=raw_message, **others)


def tapped(i: int, title: str, quotes: str) -> Event:
    return said(i, quotes=quotes, type="button", text=title, tapped=title)


def stopped(i: int) -> Event:
    """Make Meta's notice that a recipient wants no marketing."""
    preference = {"category": "marketing_messages", "value": "stop"}
    return Notice(
        key=f"stop {i}", delivery="0:1-0", item=0, number=NUMBER, contact=phone(i), wa_id=phone(i),
        at=datetime.now(UTC), raw=preference, field="user_preferences",
    )  # fmt: skip


def answer(store: Store, *events: Event) -> None:
    assert commit(store, planned(store, *events), WEEK) == [True] * len(
        {one.contact for one in events}
    )


def send_of(campaign: Campaign, i: int) -> str:
    return f"1{campaign.id}{i:011d}"


def test_recipients_are_counted_once_in_each_way_in_which_they_answer(store: Store) -> None:
    campaign = sent(store)

    answer(store, said(0), said(0, text="again"), tapped(1, "Yes", send_of(campaign, 1)))
    answer(store, tapped(1, "No", send_of(campaign, 1)), stopped(2))

    assert read(store, campaign).answers == CampaignAnswers(2, 1, 1, {"Yes": 1})
    assert "".join(iter_export(store, BODIES, campaign)).splitlines()[1:] == [
        f"{phone(0)},+{phone(0)},accepted,,,yes,,,",
        f"{phone(1)},+{phone(1)},accepted,,,yes,yes,,",
        f"{phone(2)},+{phone(2)},accepted,,,,,yes,",
    ]


def test_only_who_was_written_to_answers(store: Store) -> None:
    campaign = a_campaign(store, 3)
    answer(store, said(0))
    control.start(store, campaign, "test", datetime.now(UTC))
    expand(store, BODIES, read(store, campaign), 2)
    answer(store, said(0, text="more"), said(1), said(2), said(9))
    assert read(store, campaign).answers == CampaignAnswers()
    post(store)

    answer(store, said(1, text="more"), said(2, text="more"), said(9, text="more"))
    answer(store, said(0, text="in a group", group="1"), said(0, text="", type="reaction"))

    assert read(store, campaign).answers == CampaignAnswers(replied=1)


def test_of_two_campaigns_the_quoted_one_is_answered_or_else_the_newest(store: Store) -> None:
    spring = sent(store)
    summer = sent(store, name="summer")

    answer(store, tapped(0, "Yes", send_of(spring, 0)), said(1), tapped(2, "Yes", "wamid.other"))

    assert read(store, spring).answers == CampaignAnswers(1, 1, 0, {"Yes": 1})
    # A tap on another message is an answer, and no tap on the campaign's.
    assert read(store, summer).answers == CampaignAnswers(replied=2)


def test_a_tap_is_known_once_the_row_of_the_send_is_compacted(store: Store) -> None:
    spring = sent(store, 1)
    sent(store, 1, name="summer")
    now = datetime.now(UTC)
    commit_statuses(store, StatusUpdate(send_of(spring, 0), "1", send_of(spring, 0), "read", now))
    compact(store)
    assert not raw(store).exists(f"{PREFIX}send:{send_of(spring, 0)}")

    answer(store, tapped(0, "Yes", send_of(spring, 0)))

    assert read(store, spring).answers.tapped == 1


def test_an_old_message_and_one_of_before_answer_nothing(store: Store) -> None:
    campaign = sent(store)
    early = datetime.now(UTC) - timedelta(minutes=1)
    late = datetime.now(UTC) + timedelta(days=8)

    answer(store, a_message("wamid.early", phone(0), at=early))
    answer(store, a_message("wamid.late", phone(1), at=late))

    assert read(store, campaign).answers == CampaignAnswers()
    (view,) = load(store, {NUMBER: [a_message("wamid.later", phone(1), at=late)]})
    assert [one.name for one in view.campaigns.values()] == ["spring"]


def test_titles_are_bounded_and_a_forgotten_campaign_is_not_made_anew(store: Store) -> None:
    campaign = sent(store, 12)
    for i in range(12):
        answer(store, tapped(i, f"Button {i}", send_of(campaign, i)))
    assert read(store, campaign).answers.tapped == 12
    assert len(read(store, campaign).answers.buttons) == 10

    plans = planned(store, said(0, text="late"))
    raw(store).delete(*raw(store).keys(f"{PREFIX}campaign:*"))
    assert commit(store, plans, WEEK) == [True]
    assert not raw(store).keys(f"{PREFIX}campaign:*")


def test_damaged_keys_of_campaigns_stop_no_message(store: Store) -> None:
    campaign = sent(store)
    key = campaign_key(NUMBER, campaign.id)
    raw(store).delete(f"{key}:recipients")
    raw(store).hset(f"{key}:recipients", "a", "b")
    answer(store, said(0))
    raw(store).delete(f"{PREFIX}campaigned")
    raw(store).hset(f"{PREFIX}campaigned", "a", "b")
    answer(store, said(1))


@pytest.mark.parametrize("part", ["", ":recipients", ":by_contact:0"])
def test_a_campaign_with_a_damaged_key_hides_no_answer_to_another(store: Store, part: str) -> None:
    other, damaged = sent(store), sent(store)
    key = f"{campaign_key(NUMBER, damaged.id)}{part}"
    raw(store).delete(key)
    raw(store).lpush(key, "of another type")

    answer(store, said(0))

    assert read(store, other).answers.replied == 1


def test_each_write_of_an_answer_may_fail(store: Store) -> None:
    campaign = sent(store)
    (contact_plan,) = planned(store, tapped(0, "Yes", send_of(campaign, 0)))
    begin = dump(store)
    for _ in each_write(store, commit_call(contact_plan, WEEK)):
        answers = read(store, campaign).answers
        assert max(answers.replied, answers.tapped, sum(answers.buttons.values())) <= 1
        # The worker plans what was not committed once more.
        commit(store, planned(store, tapped(0, "Yes", send_of(campaign, 0))), WEEK)
        healed = read(store, campaign).answers
        assert (healed.replied, healed.tapped) == (1, 1)
        restore(store, begin)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["expand", "post", "said", "tapped", "stopped", "read", "pause"]),
            st.integers(0, 5),
        ),
        max_size=30,
    )
)
def test_the_figures_are_never_above_those_whom_the_campaign_reached(
    store: Store, steps: list[tuple[str, int]]
) -> None:
    store.redis.flushdb()
    campaign = a_campaign(store, 5)
    control.start(store, campaign, "test", datetime.now(UTC))
    for at, (step, i) in enumerate(steps):
        now = datetime.now(UTC)
        match step:
            case "expand":
                expand(store, BODIES, read(store, campaign), i)
            case "post":
                post(store, i)
            case "read":
                status = StatusUpdate(send_of(campaign, i), "1", send_of(campaign, i), "read", now)
                commit_statuses(store, status)
            case "pause":
                control.pause(store, campaign, "ana", "why")
                control.resume(store, read(store, campaign), "ana", now)
            case "tapped":
                answer(store, tapped(i, str(at), send_of(campaign, i)))
            case "stopped":
                answer(store, stopped(i)) if planned(store, stopped(i)) else None
            case _:
                answer(store, said(i, text=str(at)))
        found = read(store, campaign)
        reached = found.funnel.attempted
        assert found.funnel.total == 5
        assert found.answers.tapped <= found.answers.replied <= reached
        assert found.answers.opted_out <= reached
        assert sum(found.answers.buttons.values()) == found.answers.tapped
