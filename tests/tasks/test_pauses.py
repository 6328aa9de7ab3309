"""A refused token stops the house and not the sends; a renewed one lets it go on."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from gateway.config.settings import Settings
from gateway.core.sending import canary
from gateway.core.sending.pauses import NumberPauses, parse_pauses
from gateway.core.sending.send import REPLY
from gateway.store import keys, number_list
from gateway.store.coordination import run_ages
from gateway.store.monitoring import alert_store
from gateway.store.redis.client import Store
from gateway.store.sending import pauses
from tasks import outbound
from tasks.context import WorkerContext, build_context
from tasks.monitoring.alert_watch import update_alerts
from tasks.sending import send_rounds
from tests.support.factories import NUMBER, delivery_body, message_item, status_item
from tests.support.tasks.fake_graph import Meta, Reply, a_meta, accept, refuse
from tests.support.tasks.operator_address import a_receiver
from tests.support.tasks.worker_state import (
    PREFIX,
    Echo,
    counted,
    keep,
    pass_time,
    raw,
    take_effect,
)

pytestmark = pytest.mark.store
OTHER = "106540352242923"
OTHERS_PREFIX = PREFIX.replace(NUMBER, OTHER)


@pytest.fixture
def meta() -> Iterator[Meta]:
    with a_meta() as running:
        yield running


@pytest.fixture
def token_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the token in a file, as a mounted secret."""
    file = tmp_path / "token"
    file.write_text("EAAold")
    monkeypatch.setenv("META_ACCESS_TOKEN_FILE", str(file))
    return file


@pytest.fixture
def sender(
    at_work: WorkerContext, meta: Meta, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkerContext]:
    """Hold what a worker holds, with Meta there and the token of the file."""
    reached = build_context(Settings.from_env().model_copy(update={"meta_graph_url": meta.url}))
    monkeypatch.setattr(at_work, "graph", reached.graph)
    monkeypatch.setattr(at_work, "accounts", reached.accounts)
    yield at_work
    reached.graph.close()
    reached.post_pool.shutdown()
    reached.store.close()


def owe(at_work: WorkerContext, messages: int, number: str = NUMBER) -> None:
    """Let the gateway owe replies to as many customers."""
    number_list.add_number(at_work.store, number)
    for i in range(messages):
        item = message_item(f"wamid.{number}.{i}", str(i), f"35190000{i:04}")
        keep(at_work.store, delivery_body(item, number=number))
    while at_work.inbox.partition_states() and sum(
        one.waiting for one in at_work.inbox.partition_states()
    ):
        take_effect(at_work, Echo())


def standing(store: Store, prefix: str = PREFIX) -> NumberPauses:
    return parse_pauses(raw(store).hgetall(f"{prefix}stops"))


def test_a_dead_token_costs_no_send(sender: WorkerContext, meta: Meta) -> None:
    meta.answer = refuse(190, 401)
    owe(sender, 100)

    outbound.pump(NUMBER, REPLY)

    assert len(meta.posted) <= send_rounds.AT_ONCE
    assert counted(sender.store, "sends.dead") == 0
    pause = standing(sender.store).pause
    assert pause
    assert pause.error["code"] == 190


def test_a_dead_token_pauses_the_other_numbers_of_the_account_too(
    sender: WorkerContext, meta: Meta
) -> None:
    meta.answer = refuse(190, 401)
    number_list.add_number(sender.store, OTHER)
    owe(sender, 1)

    outbound.pump(NUMBER, REPLY)

    assert standing(sender.store, OTHERS_PREFIX).pause


def test_what_is_wrong_with_one_number_leaves_the_others_alone(
    sender: WorkerContext, meta: Meta
) -> None:
    meta.answer = refuse(133010)
    number_list.add_number(sender.store, OTHER)
    owe(sender, 1)

    outbound.pump(NUMBER, REPLY)

    assert standing(sender.store).pause
    assert standing(sender.store, OTHERS_PREFIX).pause is None


def test_a_limit_of_the_account_lets_all_its_numbers_rest(
    sender: WorkerContext, meta: Meta
) -> None:
    meta.answer = refuse(80007)
    number_list.add_number(sender.store, OTHER)
    owe(sender, 1)

    outbound.pump(NUMBER, REPLY)

    rests = [raw(sender.store).hget(f"{one}tokens", "rest") for one in (PREFIX, OTHERS_PREFIX)]
    assert None not in rests


def test_a_token_that_was_renewed_in_its_file_is_used_at_once(
    sender: WorkerContext, meta: Meta, token_file: Path
) -> None:
    def until_renewed(body: Any) -> Reply:
        if meta.tokens[-1] == "Bearer EAAold":
            # Another thread may read it meanwhile, so it changes at once, as a mounted secret does.
            renewed = token_file.with_suffix(f".{threading.get_ident()}")
            renewed.write_text("EAAnew")
            renewed.replace(token_file)
            return refuse(190, 401)(body)
        return accept(body)

    meta.answer = until_renewed
    owe(sender, 3)

    outbound.pump(NUMBER, REPLY)

    assert counted(sender.store, "sends.accepted") == 3
    assert standing(sender.store).pause is None


def test_a_probe_looks_into_the_file_first(
    sender: WorkerContext, meta: Meta, token_file: Path
) -> None:
    pauses.pause(sender.store, [NUMBER], '{"code":190}', 0)
    owe(sender, 1)
    token_file.write_text("EAAnew")

    outbound.pump(NUMBER, REPLY)

    assert meta.tokens == ["Bearer EAAnew"]
    assert standing(sender.store).pause is None


@pytest.mark.parametrize("written", ["", "a b", "\n"])
def test_a_file_that_is_being_written_changes_nothing(
    sender: WorkerContext, meta: Meta, token_file: Path, written: str
) -> None:
    token_file.write_text(written)

    assert not sender.accounts.reload_now()


def test_an_account_that_goes_on_lets_its_other_numbers_look_at_once(
    sender: WorkerContext, meta: Meta
) -> None:
    number_list.add_number(sender.store, OTHER)
    pauses.pause(sender.store, [NUMBER], '{"code":190}', 0)
    pauses.pause(sender.store, [OTHER], '{"code":190}', 300_000)
    owe(sender, 1)
    owe(sender, 1, OTHER)

    outbound.pump(NUMBER, REPLY)

    pause = standing(sender.store, OTHERS_PREFIX).pause
    assert pause
    assert pause.probe_at.timestamp() - pause.since.timestamp() < 60


@pytest.mark.parametrize(("code", "paused"), [(190, False), (131045, True)])
def test_a_number_that_has_nothing_to_send_goes_on_with_its_account(
    sender: WorkerContext, meta: Meta, code: int, paused: bool
) -> None:
    number_list.add_number(sender.store, OTHER)
    pauses.pause(sender.store, [NUMBER, OTHER], f'{{"code":{code}}}', 0)
    owe(sender, 1)

    outbound.pump(NUMBER, REPLY)

    assert (standing(sender.store, OTHERS_PREFIX).pause is not None) == paused


def test_a_customer_who_was_silent_for_a_day_is_not_written_to(
    sender: WorkerContext, meta: Meta
) -> None:
    owe(sender, 1)
    (contact,) = raw(sender.store).keys(f"{PREFIX}contact:*")
    state = orjson.loads(raw(sender.store).hget(contact, "state"))
    state["last_inbound_at"] -= 24 * 3_600_000
    raw(sender.store).hset(contact, "state", orjson.dumps(state))

    outbound.pump(NUMBER, REPLY)

    assert meta.posted == []
    assert counted(sender.store, "sends.dead") == 1


def test_a_thousand_sends_before_a_dead_token_are_one_alert_and_its_end_another(
    sender: WorkerContext, meta: Meta
) -> None:
    meta.answer = refuse(190, 401)
    owe(sender, 1_000)
    run_ages.record_run(sender.store, "watch")

    with a_receiver() as receiver:
        url = SecretStr(receiver.url)
        settings = sender.settings.model_copy(update={"gateway_alert_url": url})
        for _ in range(3):
            outbound.pump(NUMBER, REPLY)
            update_alerts(sender.store, settings)
        raw(sender.store).delete(f"{PREFIX}stops")
        update_alerts(sender.store, settings)
        pass_time(sender.store, 61)
        update_alerts(sender.store, settings)

    told = [(one["state"], one["cause"], one["detail"]) for one in receiver.told]
    assert told == [("begun", "paused", "190"), ("ended", "paused", "190")]


def test_the_canary_is_stopped_by_nothing_that_stops_an_account(
    sender: WorkerContext, meta: Meta
) -> None:
    meta.answer = refuse(190, 401)
    number_list.add_number(sender.store, canary.NUMBER)
    owe(sender, 1)

    outbound.pump(NUMBER, REPLY)

    assert number_list.numbers_at_meta(sender.store) == [NUMBER]
    assert standing(sender.store, keys.number(canary.NUMBER)).pause is None


@pytest.mark.parametrize(("code", "noted"), [(131048, ["refused"]), (131056, [])])
def test_a_refusal_that_passes_is_told_of_where_the_table_says_so(
    sender: WorkerContext, meta: Meta, code: int, noted: list[str]
) -> None:
    meta.answer = refuse(code)
    owe(sender, 1)

    outbound.pump(NUMBER, REPLY)

    assert [one.cause.kind for one in alert_store.active_alerts(sender.store, 0).values()] == noted


def test_metas_word_that_a_customer_wants_no_marketing_is_remembered(
    sender: WorkerContext, meta: Meta
) -> None:
    meta.answer = refuse(131050)
    owe(sender, 1)

    outbound.pump(NUMBER, REPLY)
    take_effect(sender, Echo())

    (contact,) = raw(sender.store).keys(f"{PREFIX}contact:*")
    assert b"opted_out" in raw(sender.store).hget(contact, "state")


def fail(at_work: WorkerContext, code: int, ago_s: int = 0, *, replayed: bool = False) -> None:
    """Let a status tell of a message of the number that Meta could not deliver."""
    item = status_item("wamid.out", "failed")
    item |= {"errors": [{"code": code}], "timestamp": str(int(item["timestamp"]) - ago_s)}
    body = delivery_body(statuses=[item])
    if replayed:
        at_work.inbox.replay([body])
    else:
        keep(at_work.store, body)
    take_effect(at_work, Echo())


def test_a_failure_that_reaches_further_pauses_the_other_numbers_too(
    sender: WorkerContext, meta: Meta
) -> None:
    number_list.add_number(sender.store, OTHER)

    fail(sender, 131042)

    assert standing(sender.store, OTHERS_PREFIX).pause
    owe(sender, 2, OTHER)
    raw(sender.store).hset(f"{OTHERS_PREFIX}stops", "probe_at", 0)
    outbound.pump(OTHER, REPLY)
    assert len(meta.posted) == 1
    assert standing(sender.store, OTHERS_PREFIX).pause


@pytest.mark.parametrize("replayed", [False, True])
@pytest.mark.parametrize("code", [131042, 80007])
def test_old_news_of_a_failure_stops_nobody(
    sender: WorkerContext, code: int, replayed: bool
) -> None:
    number_list.add_number(sender.store, OTHER)

    fail(sender, code, ago_s=3_600, replayed=replayed)

    assert standing(sender.store, OTHERS_PREFIX).pause is None
    assert raw(sender.store).hget(f"{OTHERS_PREFIX}tokens", "rest") is None
