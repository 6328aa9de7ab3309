"""A script of campaigns that fails half-way keeps its first half; running it again heals each."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from gateway.core.campaigns.recipient_state import campaign_send_id
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.store.campaigns import control
from gateway.store.campaigns.campaigns import LIVES_MS, Campaign
from gateway.store.campaigns.uploads.lease import hold_upload
from gateway.store.redis.client import Call, Store
from tests.support.factories import NUMBER
from tests.support.store.campaigns import a_campaign, cells, phone, read
from tests.support.store.failing_scripts import dump, each_write, everything, restore
from tests.support.store.sends import PREFIX

pytestmark = pytest.mark.store
RECIPIENTS = 3
# Moments, and counts: these may miss one where a script breaks, but their sum is the total.
UNTOLD = (b"at", b"ready_at", b"tokens", b"changed", b"started", b"finish_by", b"cell:", b"code:",
          b"unposted:")  # fmt: skip


def heals(store: Store, campaign: Campaign, broken: Call) -> int:
    """Hold a call after each of its failing writes against the same alone; return how many."""
    begin = dump(store)
    run(store, broken)
    wanted = stored(store)
    restore(store, begin)
    at = 0
    for at in each_write(store, broken):
        assert sum(cells(store, campaign).values()) in (0, RECIPIENTS), f"after write {at}"
        run(store, broken)
        assert sum(cells(store, campaign).values()) == RECIPIENTS, f"after write {at}"
        assert stored(store) == wanted, f"after write {at}"
    return at


def run(store: Store, call: Call) -> None:
    store.call(call.script, call.prefix, *call.args)


def stored(store: Store) -> dict[bytes, Any]:
    """Return all that is stored, without moments, and of the log of phases only the phases."""
    return {
        key: _timeless(key, content) for key, (content, _) in cast(Any, everything(store)).items()
    }


def _timeless(key: bytes, content: Any) -> Any:
    if key.endswith(b":log"):
        return [row.partition(b"|")[2] for row in content]
    if key.endswith(b"}:campaigned"):
        return None
    if b":by_contact:" in key:
        return {name: value[:3] for name, value in content.items()}
    if key.endswith(b"}:stops"):
        return {name: value.partition(b"|")[2] for name, value in content.items()}
    if b"}:campaign:" in key and isinstance(content, dict):
        return {name: v for name, v in content.items() if not name.startswith(UNTOLD)}
    return content


def phase_call(campaign: Campaign, within: str, to: str, rest: str = "") -> Call:
    args = [campaign.id, within, to, "ana", "why", rest, LIVES_MS, campaign.audience, ""]
    return Call("campaign_phase", PREFIX, args)


def running(store: Store) -> Campaign:
    campaign = a_campaign(store, RECIPIENTS)
    assert control.start(store, campaign, "test", datetime.now(UTC)) == ""
    return read(store, campaign)


def test_each_write_of_an_adopted_audience_may_fail(store: Store) -> None:
    campaign = a_campaign(store, RECIPIENTS)
    fields = ["skipped", "{}", "problems", "[]"]
    with hold_upload(store, NUMBER) as lease:
        args = [campaign.id, "token", RECIPIENTS, LIVES_MS, lease.name, 0, *fields]
        assert heals(store, campaign, Call("adopt_audience", PREFIX, args)) == 7


def test_a_draft_whose_audience_was_half_adopted_cannot_start(store: Store) -> None:
    campaign = a_campaign(store, RECIPIENTS)
    with hold_upload(store, NUMBER) as lease:
        args = [campaign.id, "token", RECIPIENTS, LIVES_MS, lease.name, 0, "skipped", "{}"]
        for at in each_write(store, Call("adopt_audience", PREFIX, args)):
            assert (read(store, campaign).recipients == 0) == (at > 1)


@pytest.mark.parametrize(
    ("to", "rest"), [("paused", ""), ("cancelled", "cancelled"), ("completed", "")]
)
def test_each_write_of_a_phase_may_fail(store: Store, to: str, rest: str) -> None:
    campaign = running(store)

    assert heals(store, campaign, phase_call(campaign, "running", to, rest)) == 10


def test_each_write_of_a_resume_may_fail(store: Store) -> None:
    campaign = running(store)
    control.pause(store, campaign, "ana", "a typo")

    assert heals(store, campaign, phase_call(campaign, "paused,running", "running")) == 10


def test_each_write_of_an_expansion_may_fail(store: Store) -> None:
    campaign = running(store)
    expires = ms_from_datetime(datetime.now(UTC) + timedelta(hours=1))
    args: list[Any] = [campaign.id, 0, 1_000, 1_000, "next", "spring", 0]
    for i in range(RECIPIENTS - 1):
        id_ = campaign_send_id(campaign.id, i)
        args += [id_, phone(i), expires, "", campaign.rule, '{"rule":""}']
    args += [campaign_send_id(campaign.id, RECIPIENTS - 1), "", 0, "failed", "", ""]

    assert heals(store, campaign, Call("expand_campaign", PREFIX, args)) > 15
