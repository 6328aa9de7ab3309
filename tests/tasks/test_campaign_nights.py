"""What a campaign has queued is not posted at night, whatever held it up until then."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from gateway.core.campaigns.recipient_state import campaign_send_id
from gateway.core.messages.price_list import PriceList
from gateway.core.sending.send import BULK
from gateway.store import keys, number_list
from gateway.store.api.sent_messages import find_message
from gateway.store.campaigns import control
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.campaigns.view import view_campaign
from gateway.store.redis.client import Store
from gateway.web.api.messages.view import view_message
from tasks import outbound
from tasks.campaigns import process
from tasks.context import WorkerContext
from tasks.scheduled import jobs
from tests.support.factories import NUMBER
from tests.support.store.campaigns import BODIES, a_campaign, cells, give_audience, phone, read
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX
from tests.support.tasks.fake_graph import Meta, Reply

pytestmark = pytest.mark.store
HOUR_MS = 3_600_000


@pytest.fixture
def sender(sender: WorkerContext, meta: Meta) -> WorkerContext:
    """Hold what a worker holds, with a Meta that accepts all."""

    def accept(body: Any) -> Reply:
        return 200, {"messages": [{"id": f"wamid.{body['to']}"}]}

    meta.answer = accept
    number_list.add_number(sender.store, NUMBER)
    return sender


def queued(store: Store, count: int) -> Campaign:
    """Start a campaign by day, two hours before its quiet hours, and queue its recipients."""
    local = datetime.now(UTC).astimezone(ZoneInfo("Etc/GMT-1"))
    hours = [f"{local + timedelta(hours=ahead):%H:%M}" for ahead in (2, 12)]
    campaign = a_campaign(store, 0, quiet_hours={"from": hours[0], "to": hours[1]})
    rows = [f"+{phone(i)},Ana,Etc/GMT-1" for i in range(count)]
    give_audience(store, campaign, "\n".join(["phone,first,zone", *rows]).encode())
    assert control.start(store, read(store, campaign), "ana", datetime.now(UTC)) == ""
    process.process_broadcast_campaign(campaign.id)
    assert cells(store, campaign) == {"queued": count}
    return read(store, campaign)


def move_night(store: Store, begins_ms: int) -> None:
    """Let so much time pass that the quiet hours of all sends begin in so many milliseconds."""
    for name in raw(store).keys(f"{PREFIX}send:*"):
        row: Any = orjson.loads(raw(store).hget(name, "row") or b"")
        begins, ends = row["quiet"]
        row["quiet"] = [now_ms(store) + begins_ms, now_ms(store) + begins_ms + ends - begins]
        raw(store).hset(name, "row", orjson.dumps(row))


def end_waits(store: Store) -> None:
    for send, _ in raw(store).zrange(f"{PREFIX}due", 0, -1, withscores=True):
        raw(store).zadd(f"{PREFIX}due", {send: 1})


def pump_and_tick(sender: WorkerContext) -> None:
    raw(sender.store).delete("gw:ticked", keys.number_bell(NUMBER, BULK))
    jobs.run_tick(sender)
    outbound.pump(NUMBER, BULK)


def test_what_a_pause_held_until_the_night_waits_for_the_morning(
    sender: WorkerContext, meta: Meta
) -> None:
    store = sender.store
    campaign = queued(store, 5)
    control.pause(store, campaign, "ana", "a look")
    pump_and_tick(sender)
    move_night(store, -HOUR_MS)
    control.resume(store, read(store, campaign), "ana", datetime.now(UTC))

    pump_and_tick(sender)

    assert meta.posted == []
    assert cells(store, campaign) == {"queued": 5}
    waits = raw(store).zrange(f"{PREFIX}due", 0, -1, withscores=True)
    assert len(waits) == 5
    assert all(abs(at - now_ms(store) - 9 * HOUR_MS) < HOUR_MS / 2 for _, at in waits)

    move_night(store, HOUR_MS)
    end_waits(store)
    pump_and_tick(sender)

    assert sorted(one["to"] for one in meta.posted) == [f"+{phone(i)}" for i in range(5)]
    assert cells(store, campaign) == {"accepted": 5}


def test_what_waits_for_the_morning_is_named_and_cancelled_with_its_campaign(
    sender: WorkerContext, meta: Meta
) -> None:
    store = sender.store
    campaign = queued(store, 3)
    move_night(store, -HOUR_MS)
    pump_and_tick(sender)
    by_night = datetime.now(UTC) + timedelta(hours=3)

    waiting = view_campaign(read(store, campaign), by_night)["waiting_for"]

    assert waiting["reason"] == "quiet_hours"
    assert timedelta(hours=8) < waiting["until"] - by_night < timedelta(hours=10)
    message = find_message(store, BODIES, [NUMBER], campaign_send_id(campaign.id, 0))
    assert message
    shown = view_message(message, by_night, PriceList())
    assert shown["waiting_for"]["reason"] == "quiet_hours"
    control.cancel(store, read(store, campaign), "ana", "the wrong list")
    process.process_broadcast_campaign(campaign.id)
    assert cells(store, campaign) == {"cancelled": 3}
    assert meta.posted == []


def test_a_night_that_was_waited_for_costs_no_try(sender: WorkerContext, meta: Meta) -> None:
    store = sender.store
    campaign = queued(store, 1)
    for _ in range(9):  # more than a send has tries
        move_night(store, -HOUR_MS)
        pump_and_tick(sender)
        end_waits(store)
    move_night(store, HOUR_MS)
    meta.answer = lambda _: (500, {"error": {"code": 131000}})  # to be tried again
    pump_and_tick(sender)

    assert len(meta.posted) == 1
    assert cells(store, campaign) == {"queued": 1}
