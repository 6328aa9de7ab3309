"""Several accounts in one worker: each with its own rules, token, pace and pauses."""

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.accounts.account import AppSecret
from gateway.core.alerts import AlertState, alert_payload
from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.core.events import Delivery, Event, Notice
from gateway.core.planning.decision import Decision
from gateway.core.sending.pauses import parse_pauses
from gateway.core.sending.send import REPLY
from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import dead_letters
from gateway.store.inbox.partitions import partition_of
from gateway.store.inbox.record import pack_header
from gateway.store.monitoring import alert_store, snapshot
from gateway.store.monitoring.problems import find_problems
from gateway.store.redis.client import Store
from tasks import inbound, outbound
from tasks.context import WorkerContext
from tasks.inbound import PlanningStoppedError
from tasks.monitoring.noted_alerts import (
    MOST_NUMBERS_NOTED,
    MOST_RULE_ALERTS,
    find_alerts,
    unassigned_number_alert,
)
from tasks.receiving.account_routing import Routing
from tasks.scheduled import jobs
from tests.support.accounts import TestAccount, accounts_text, write_accounts
from tests.support.factories import NOW, bytes_of, delivery_body, message_item, status_item
from tests.support.servers import Server
from tests.support.tasks.fake_graph import Meta, Reply, a_meta, accept, refuse
from tests.support.tasks.worker_process import a_worker_process
from tests.support.tasks.worker_state import (
    Echo,
    counted,
    make_due,
    planned,
    raw,
    rung,
)

pytestmark = pytest.mark.store

SHOP = TestAccount("shop", ["1001", "1002"], "501", more="rules: shop.yaml\npace: 1000")
CLINIC = TestAccount("clinic", ["2001"], "502", more="rules: clinic.yaml\npace: 20")
HOTEL = TestAccount("hotel", ["3001"], "503", more="rules: shop.yaml\ndefault: yes")
ALL = (SHOP, CLINIC, HOTEL)
UNKNOWN = "9001"


def says(answer: str, event: str = "message") -> str:
    """Return rules that answer everything with one text."""
    return f"version: 1\nrules: [{{name: it, when: {{event: {event}}}, then: {answer}}}]\n"


@pytest.fixture
def meta() -> Iterator[Meta]:
    with a_meta() as running:
        yield running


@pytest.fixture
def ctx(
    server: Server, store: Store, meta: Meta, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkerContext]:
    """Hold what a worker of three accounts holds."""
    (tmp_path / "shop.yaml").write_text(says("from the shop"))
    (tmp_path / "clinic.yaml").write_text(says("from the clinic"))
    env = write_accounts(tmp_path, ALL) | {"REDIS_URL": server.url, "META_GRAPH_URL": meta.url}
    for name in ("META_APP_SECRET", "META_VERIFY_TOKEN", "META_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with a_worker_process(monkeypatch, env) as made:
        yield made


def keep(store: Store, account: str, *bodies: bytes, secret: str = "s1") -> None:
    """Keep deliveries as the door of an account would."""
    for body in bodies:
        prefix = keys.partition(partition_of(body))
        store.call("keep", prefix, pack_header("meta", secret, account), Bodies().pack(body))


def write_to(store: Store, account: str, number: str, *wamids: str, text: str = "hi") -> None:
    for wamid in wamids:
        item = message_item(f"wamid.{wamid}", text, f"3519{int(wamid):08}")
        keep(store, account, delivery_body(item, number=number))


def drain(ctx: WorkerContext) -> None:
    inbound.drain.run()
    assert not any(one.waiting for one in ctx.inbox.partition_states())


def drain_often() -> None:
    for _ in range(30):
        inbound.drain.run()


def remove(ctx: WorkerContext, *left: TestAccount) -> None:
    """Leave only some accounts in the file, and let this process take that up."""
    path = ctx.settings.gateway_accounts
    assert path
    path.write_text(accounts_text(left))
    assert ctx.accounts.reload_now()
    ctx.rules.reload_if_changed()


def causes(store: Store) -> set[tuple[str, str, str]]:
    now_ms = dead_letters.server_time(store).timestamp() * 1000
    active = alert_store.active_alerts(store, int(now_ms)).values()
    return {(one.cause.kind, one.cause.detail, one.cause.number) for one in active}


def paused(store: Store) -> set[str]:
    return {
        number
        for number in number_list.numbers(store)
        if parse_pauses(raw(store).hgetall(f"{keys.number(number)}stops")).pause
    }


def sent(meta: Meta) -> list[tuple[str, str, str]]:
    """Return the number, the token and the text of each post."""
    numbers = [path.split("/")[2] for path in meta.paths]
    return sorted(zip(numbers, meta.tokens, meta.texts(), strict=True))


def test_each_number_is_answered_by_the_rules_of_its_account(
    ctx: WorkerContext, store: Store
) -> None:
    write_to(store, "shop", "1001", "1")
    write_to(store, "clinic", "2001", "2")
    write_to(store, "hotel", "3001", "3")

    drain(ctx)

    answers = {number: planned(store, number) for number in ("1001", "2001", "3001")}
    assert answers == {
        "1001": ["from the shop"],
        "2001": ["from the clinic"],
        "3001": ["from the shop"],
    }


def test_accounts_that_share_a_file_share_a_rulebook(ctx: WorkerContext) -> None:
    assert len(ctx.rules.current().by_path) == 2


def test_each_number_sends_with_the_token_of_its_account(
    ctx: WorkerContext, store: Store, meta: Meta
) -> None:
    write_to(store, "shop", "1002", "1")
    write_to(store, "clinic", "2001", "2")
    drain(ctx)

    for number in ("1002", "2001"):
        outbound.pump(number, REPLY)

    assert sent(meta) == [
        ("1002", "Bearer EAA-shop", "from the shop"),
        ("2001", "Bearer EAA-clinic", "from the clinic"),
    ]


def test_each_number_has_the_pace_of_its_account(ctx: WorkerContext) -> None:
    assert [ctx.pace_of(number) for number in ("1001", "2001", "3001")] == [1000, 20, 80]


def test_a_changed_pace_counts_from_the_next_call_on(ctx: WorkerContext, store: Store) -> None:
    write_to(store, "clinic", "2001", "1")
    drain(ctx)
    lanes = ctx.lanes("2001")
    remove(ctx, SHOP, TestAccount("clinic", ["2001"], "502", more="pace: 500"))

    ctx.lanes("2001").pump([], 1)

    assert float(raw(store).hget(f"{keys.number('2001')}tokens", "rate")) == 500
    assert ctx.lanes("2001") is lanes


def test_a_refused_token_pauses_the_numbers_that_send_with_it(
    ctx: WorkerContext, store: Store, meta: Meta
) -> None:
    meta.answers_by_token["Bearer EAA-shop"] = refuse(190, 401)
    for number, wamid in (("1001", "1"), ("1002", "2"), ("2001", "3")):
        write_to(store, "", number, wamid)
    drain(ctx)

    for number in ("1001", "2001"):
        outbound.pump(number, REPLY)

    assert paused(store) == {"1001", "1002"}
    assert [one[2] for one in sent(meta) if one[0] == "2001"] == ["from the clinic"]


@pytest.mark.parametrize(
    ("code", "status", "concerned"),
    [
        pytest.param(368, 403, {"1001", "1002"}, id="policy"),
        pytest.param(131031, 403, {"1001", "1002"}, id="locked"),
    ],
)
def test_a_refusal_of_an_account_pauses_no_other(
    ctx: WorkerContext, store: Store, meta: Meta, code: int, status: int, concerned: set[str]
) -> None:
    meta.answers_by_token["Bearer EAA-shop"] = refuse(code, status)
    for number, wamid in (("1001", "1"), ("1002", "2"), ("2001", "3")):
        write_to(store, "", number, wamid)
    drain(ctx)

    outbound.pump("1001", REPLY)

    assert "1001" in paused(store) <= concerned


def test_a_number_that_no_account_has_is_kept_told_and_answered_by_no_rule(
    ctx: WorkerContext, store: Store
) -> None:
    write_to(store, "shop", UNKNOWN, "1")

    drain(ctx)

    assert planned(store, UNKNOWN) == []
    assert counted(store, "events.message", UNKNOWN) == 1
    assert causes(store) == {("number_unassigned", "", UNKNOWN)}


def test_alerts_of_many_unknown_numbers_leave_room_for_those_of_other_accounts(
    ctx: WorkerContext, store: Store
) -> None:
    for number in range(9001, 9001 + MOST_NUMBERS_NOTED + 5):
        write_to(store, "shop", str(number), "1")

    drain(ctx)

    assert len(causes(store)) == MOST_NUMBERS_NOTED < MOST_RULE_ALERTS


def test_a_number_that_an_account_gets_later_answers_from_then_on(
    ctx: WorkerContext, store: Store
) -> None:
    write_to(store, "shop", UNKNOWN, "1")
    drain(ctx)
    remove(ctx, TestAccount("shop", ["1001", UNKNOWN], "501", more="rules: shop.yaml"))

    write_to(store, "shop", UNKNOWN, "2")
    drain(ctx)

    assert planned(store, UNKNOWN) == ["from the shop"]


def test_a_delivery_of_one_account_has_no_effect_on_anothers_number(
    ctx: WorkerContext, store: Store
) -> None:
    write_to(store, "shop", "2001", "1")

    drain(ctx)

    assert planned(store, "2001") == []
    assert counted(store, "events.message", "2001") == 0
    assert counted(store, "events.foreign", "2001") == 1
    assert causes(store) == {("number_foreign", "shop", "2001")}


def test_of_a_delivery_with_entries_of_several_accounts_only_the_signers_own_are_answered(
    ctx: WorkerContext, store: Store
) -> None:
    numbers = ("1001", "2001", UNKNOWN)
    bodies = [delivery_body(message_item(f"wamid.{one}"), number=one) for one in numbers]
    entries = [entry for body in bodies for entry in orjson.loads(body)["entry"]]
    together = orjson.dumps(orjson.loads(bodies[0]) | {"entry": entries})
    keep(store, "shop", together, together)
    drain(ctx)

    assert [planned(store, one) for one in numbers] == [["from the shop"], [], []]

    keep(store, "clinic", bodies[1])
    drain(ctx)

    assert planned(store, "2001") == ["from the clinic"]


def test_a_copy_that_came_through_another_account_makes_nothing_known(
    ctx: WorkerContext, store: Store
) -> None:
    write_to(store, "shop", "2001", "1")
    drain(ctx)

    write_to(store, "clinic", "2001", "1")
    drain(ctx)

    assert planned(store, "2001") == ["from the clinic"]


def test_a_proof_that_meta_refuses_pauses_the_account_and_burns_nothing(
    ctx: WorkerContext, store: Store, meta: Meta
) -> None:
    error = {"code": 100, "message": "Invalid appsecret_proof provided in the API argument"}
    meta.answers_by_token["Bearer EAA-shop"] = lambda _: (400, {"error": error})
    for number, wamid in (("1001", "1"), ("1002", "2"), ("2001", "3")):
        write_to(store, "", number, wamid)
    drain(ctx)

    outbound.pump("1001", REPLY)

    assert paused(store) == {"1001", "1002"}
    assert planned(store, "1001") == ["from the shop"]
    assert raw(store).zcard(f"{keys.number('1001')}dead") == 0


def test_a_number_that_moved_to_another_account_is_not_foreign_until_this_process_has_looked(
    ctx: WorkerContext, store: Store
) -> None:
    path = ctx.settings.gateway_accounts
    assert path
    clinic = TestAccount("clinic", ["2001", "3001"], "502", more="rules: clinic.yaml")
    path.write_text(accounts_text((SHOP, clinic)))
    write_to(store, "clinic", "3001", "1")
    inbound.drain.run()

    assert counted(store, "events.foreign", "3001") == 0
    assert sum(one.deferred for one in ctx.inbox.partition_states()) == 1

    ctx.rules.reload_if_changed()
    make_due(store)
    drain(ctx)

    assert planned(store, "3001") == ["from the clinic"]


def test_what_was_kept_before_its_number_moved_has_its_effect_once_it_is_replayed(
    ctx: WorkerContext, store: Store
) -> None:
    body = delivery_body(message_item("wamid.before"), number="2001")
    keep(store, "shop", body)
    drain(ctx)
    assert planned(store, "2001") == []

    ctx.inbox.replay([body, body])
    drain(ctx)

    assert planned(store, "2001") == ["from the clinic"]


def test_an_accounts_notice_is_answered_by_its_own_rules(
    ctx: WorkerContext, store: Store, tmp_path: Path
) -> None:
    notified = "{notify: A notice., to: '+351900000099', template: {name: note, language: en}}"
    (tmp_path / "clinic.yaml").write_text(says(notified, "notice"))
    remove(ctx, CLINIC, SHOP)
    rules = ctx.rules.current()

    asked: list[str] = []

    class Asked(Echo):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.version = name

        def decide(self, event: Event, *_: object) -> Decision:
            asked.append(self.version)
            return Decision()

    paths: Mapping[Path, Asked] = {path: Asked(path.stem) for path in rules.by_path}
    change = {"field": "account_update", "value": {"event": "VERIFIED_ACCOUNT"}}
    keep(store, "clinic", bytes_of(change))
    with ctx.inbox.lease() as held:
        batch = held.next_batch()
        in_force = type(rules)(rules.accounts, paths)
        held.close(inbound.process_batch(ctx, held, batch, in_force))

    assert asked == ["clinic"]


def test_sends_of_a_removed_account_wait_until_it_comes_back(
    ctx: WorkerContext, store: Store, meta: Meta
) -> None:
    write_to(store, "clinic", "2001", "1")
    drain(ctx)
    ctx.ring_pool.submit(lambda: None).result(180)  # what the commit rang for is rung
    remove(ctx, SHOP)
    before = rung(store, "critical")

    jobs.run_tick(ctx)
    jobs.run_sweep(ctx)
    outbound.pump("2001", REPLY)

    assert (meta.posted, planned(store, "2001")) == ([], ["from the clinic"])
    assert rung(store, "critical") == before

    remove(ctx, SHOP, CLINIC)
    outbound.pump("2001", REPLY)

    assert sent(meta) == [("2001", "Bearer EAA-clinic", "from the clinic")]


def test_sends_go_on_from_the_account_to_which_their_number_moves(
    ctx: WorkerContext, store: Store, meta: Meta
) -> None:
    write_to(store, "clinic", "2001", "1")
    drain(ctx)
    remove(ctx, TestAccount("shop", ["1001", "2001"], "501", more="rules: shop.yaml"))

    outbound.pump("2001", REPLY)

    assert sent(meta) == [("2001", "Bearer EAA-shop", "from the clinic")]


def test_sends_that_expired_while_their_account_was_gone_become_dead_letters(
    ctx: WorkerContext, store: Store, meta: Meta
) -> None:
    write_to(store, "clinic", "2001", "1")
    drain(ctx)
    remove(ctx, SHOP)
    (row,) = raw(store).keys(f"{keys.number('2001')}send:*")
    raw(store).hset(row, "expires", 1)

    outbound.pump("2001", REPLY)
    assert list(dead_letters.iter_dead_letters(store, DeadLetterFilter())) == []

    remove(ctx, SHOP, CLINIC)
    outbound.pump("2001", REPLY)

    (letter,) = dead_letters.iter_dead_letters(store, DeadLetterFilter())
    assert (letter.number, letter.cause, meta.posted) == ("2001", "expired", [])


def test_a_dead_letter_that_is_redriven_while_its_account_is_gone_waits(
    ctx: WorkerContext, store: Store, meta: Meta
) -> None:
    meta.answers_by_token["Bearer EAA-clinic"] = refuse(131009)
    write_to(store, "clinic", "2001", "1")
    drain(ctx)
    outbound.pump("2001", REPLY)
    del meta.answers_by_token["Bearer EAA-clinic"]
    remove(ctx, SHOP)

    (letter,) = dead_letters.iter_dead_letters(store, DeadLetterFilter())
    assert dead_letters.redrive(store, letter) == "redriven"
    outbound.pump("2001", REPLY)
    assert len(meta.posted) == 1

    remove(ctx, SHOP, CLINIC)
    outbound.pump("2001", REPLY)
    assert len(meta.posted) == 2


class Broken(Echo):
    """A rulebook with a bug that every event meets."""

    version = "broken"

    def decide(self, event: Event, *_: object) -> Decision:
        raise RuntimeError(event.kind)


def test_rules_that_fail_for_every_event_stop_their_own_accounts_only(
    ctx: WorkerContext, store: Store
) -> None:
    rules = ctx.rules.current()
    (clinic_path,) = {one.rules for one in rules.accounts if one.name == "clinic"}
    in_force = type(rules)(rules.accounts, {**rules.by_path, clinic_path: Broken()})
    ctx.rules._in_force = in_force
    write_to(store, "clinic", "2001", *map(str, range(30)))
    with pytest.raises(PlanningStoppedError):
        drain_often()

    write_to(store, "shop", "1001", "99")
    inbound.drain.run()

    assert not raw(store).exists(keys.STOPPED_RELEASE)
    assert raw(store).exists(keys.STOPPED_RULES)
    assert planned(store, "1001") == ["from the shop"]
    aside = sum(one.deferred for one in ctx.inbox.partition_states())
    dead = raw(store).zcard(f"{keys.number('2001')}dead")
    assert aside > 0
    assert aside + dead == 30

    ctx.rules._in_force = rules  # the release before, whose rules are right
    make_due(store)
    while any(one.waiting for one in ctx.inbox.partition_states()):
        inbound.drain.run()

    assert len(planned(store, "2001")) == aside


def test_rules_that_cannot_be_used_stop_no_other_account(
    ctx: WorkerContext, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "spa.yaml").write_text("version: 2\n")
    spa = TestAccount("spa", ["4001"], "504", more="rules: spa.yaml")
    path = ctx.settings.gateway_accounts
    assert path
    with pytest.MonkeyPatch.context() as patch:
        for name, value in spa.variables.items():
            patch.setenv(name, value)
        remove(ctx, *ALL, spa)
        write_to(store, "spa", "4001", "1")
        write_to(store, "shop", "1001", "2")
        inbound.drain.run()

        assert planned(store, "1001") == ["from the shop"]
        assert sum(one.deferred for one in ctx.inbox.partition_states()) == 1
        assert "spa.yaml" in str(ctx.rules.problems)

        (tmp_path / "spa.yaml").write_text(says("from the spa"))
        ctx.rules.reload_if_changed()
        make_due(store)
        drain(ctx)

        assert planned(store, "4001") == ["from the spa"]


def test_more_throughput_is_granted_to_the_number_that_the_notice_names(
    ctx: WorkerContext, store: Store
) -> None:
    value = {"event": "THROUGHPUT_UPGRADE", "display_phone_number": "15550001111"}
    change = {"field": "phone_number_quality_update", "value": value}
    body = bytes_of(change).replace(b'"id": "1"', b'"id": "5020"')
    keep(store, "clinic", body)

    drain(ctx)

    granted = {
        number: raw(store).hget(f"{keys.number(number)}tokens", "granted")
        for number in ("1001", "2001", "3001")
    }
    assert granted == {"1001": None, "2001": b"1000", "3001": None}


def test_no_more_throughput_is_granted_to_a_number_of_another_account(
    ctx: WorkerContext, store: Store
) -> None:
    value = {"event": "THROUGHPUT_UPGRADE", "display_phone_number": "15550001111"}
    change = {"field": "phone_number_quality_update", "value": value}
    keep(store, "shop", bytes_of(change).replace(b'"id": "1"', b'"id": "5020"'))

    drain(ctx)

    assert raw(store).hget(f"{keys.number('2001')}tokens", "granted") is None


def test_statuses_of_a_number_without_account_are_recorded(
    ctx: WorkerContext, store: Store
) -> None:
    keep(store, "shop", delivery_body(statuses=[status_item("wamid.x", "sent")], number=UNKNOWN))

    drain(ctx)

    assert counted(store, "events.status", UNKNOWN) == 1


def test_a_store_of_one_account_needs_no_migration(
    ctx: WorkerContext, store: Store, meta: Meta
) -> None:
    keep(store, "", delivery_body(message_item("wamid.old"), number="1001"))
    older = delivery_body(message_item("wamid.older", sender="351900000077"), number="2001")
    # As releases before wrote it: with the place of the secret in its list.
    store.call("keep", keys.partition(0), "meta|0|", Bodies().pack(older))

    drain(ctx)
    for number in ("1001", "2001"):
        outbound.pump(number, REPLY)

    assert [one[:2] for one in sent(meta)] == [
        ("1001", "Bearer EAA-shop"),
        ("2001", "Bearer EAA-clinic"),
    ]


def test_sends_of_a_number_without_account_are_told(ctx: WorkerContext, store: Store) -> None:
    write_to(store, "clinic", "2001", "1")
    drain(ctx)
    remove(ctx, SHOP)

    found = find_problems(snapshot.read(store, 0, ctx.accounts.current()))

    told = [str(one) for one in found if one.number == "2001"]
    assert [one.partition(" (")[0] for one in told] == [
        "Number 2001: No account has this number, so no rule answers its customers, "
        "and its sends wait"
    ]
    assert "(1 wait)" in told[0]


def test_an_alert_names_the_account_of_its_number(ctx: WorkerContext) -> None:
    alert = AlertState("id", unassigned_number_alert("2001"), 1)

    assert alert_payload(alert, ctx.accounts.current().name_of("2001"))["account"] == "clinic"
    assert "account" not in alert_payload(alert, ctx.accounts.current().name_of(UNKNOWN))


def test_two_accounts_that_are_paused_are_two_alerts(
    ctx: WorkerContext, store: Store, meta: Meta
) -> None:
    for name, number, wamid in (("shop", "1001", "1"), ("clinic", "2001", "2")):
        meta.answers_by_token[f"Bearer EAA-{name}"] = refuse(190, 401)
        write_to(store, name, number, wamid)
    drain(ctx)
    for number in ("1001", "2001"):
        outbound.pump(number, REPLY)

    found = find_alerts(snapshot.read(store, 0, ctx.accounts.current())).values()

    paused_accounts = {one.cause.account: one.title for one in found if one.cause.kind == "paused"}
    assert paused_accounts == {
        "shop": "Meta takes no sends of the account shop any more.",
        "clinic": "Meta takes no sends of the account clinic any more.",
    }


def test_deliveries_of_a_removed_account_wait_until_it_comes_back(
    ctx: WorkerContext, store: Store
) -> None:
    write_to(store, "clinic", "2001", "1")
    write_to(store, "shop", "1001", "2")
    remove(ctx, SHOP)

    inbound.drain.run()

    (aside,) = [one for one in ctx.inbox.partition_states() if one.deferred]
    assert (aside.deferred, planned(store, "1001")) == (1, ["from the shop"])

    remove(ctx, SHOP, CLINIC)
    make_due(store)
    drain(ctx)

    assert planned(store, "2001") == ["from the clinic"]


def test_a_renamed_account_keeps_its_deliveries(ctx: WorkerContext, store: Store) -> None:
    secret = AppSecret.of(b"secret of clinic").id
    item = message_item("wamid.1")
    keep(store, "clinic", delivery_body(item, number="2001"), secret=secret)
    path = ctx.settings.gateway_accounts
    assert path
    path.write_text(accounts_text(ALL).replace("name: clinic", "name: practice"))
    assert ctx.accounts.reload_now()
    ctx.rules.reload_if_changed()

    drain(ctx)

    assert planned(store, "2001") == ["from the clinic"]


def test_a_worker_that_is_behind_answers_a_new_number_with_the_next_try(
    ctx: WorkerContext, store: Store
) -> None:
    path = ctx.settings.gateway_accounts
    assert path
    grown = TestAccount("shop", ["1001", UNKNOWN], "501", more="rules: shop.yaml")
    path.write_text(accounts_text([grown]))
    write_to(store, "shop", UNKNOWN, "1")

    inbound.drain.run()

    assert sum(one.deferred for one in ctx.inbox.partition_states()) == 1
    ctx.rules.reload_if_changed()
    make_due(store)
    drain(ctx)
    assert planned(store, UNKNOWN) == ["from the shop"]


def test_a_notice_of_a_renamed_account_is_answered_by_its_rules(ctx: WorkerContext) -> None:
    (clinic,) = [one for one in ctx.accounts.current() if one.name == "clinic"]
    delivery = Delivery("0:1-0", NOW, b"", "practice", clinic.secrets[0].id)
    routing = Routing.of(ctx.rules.current(), [delivery])
    event = Notice(
        key="k", delivery="0:1-0", item=0, number="", contact="", at=NOW, raw={}, field="x", waba=""
    )

    assert routing.account_of(event) == clinic


def test_a_notification_names_its_account(ctx: WorkerContext, store: Store, tmp_path: Path) -> None:
    (tmp_path / "practice.yaml").write_text(says("{notify: Somebody wrote.}"))
    remove(ctx, TestAccount("clinic", ["2001"], "502", more="rules: practice.yaml"))
    write_to(store, "clinic", "2001", "1")

    drain(ctx)

    (key,) = raw(store).keys(f"{keys.number('2001')}notification:*")
    assert any(b'"account":"clinic"' in value for value in raw(store).hvals(key))


def test_a_token_rotated_under_load_loses_nothing_and_pauses_no_other_account(
    ctx: WorkerContext, store: Store, meta: Meta, tmp_path: Path
) -> None:
    token, renewed, accepted = tmp_path / "token", tmp_path / "renewed", Counter[str]()
    token.write_text("EAA-shop")
    renewed.write_text("EAA-new")
    path = ctx.settings.gateway_accounts
    assert path
    path.write_text(path.read_text().replace("{env: SHOP_TOKEN}", "{file: token}"))
    ctx.accounts.reload_now()
    write_to(store, "shop", "1001", *map(str, range(60)))
    write_to(store, "hotel", "3001", *map(str, range(60, 120)))

    def take(body: Any) -> Reply:
        accepted[body["to"]] += 1
        return accept(body)

    def take_until_rotated(body: Any) -> Reply:
        if renewed.exists() and len(accepted) < 20:
            return take(body)
        with suppress(FileNotFoundError):  # another post was faster
            renewed.replace(token)
        return refuse(190, 401)(body)

    meta.answer = take
    meta.answers_by_token["Bearer EAA-shop"] = take_until_rotated
    drain(ctx)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(outbound.pump, ["1001", "3001"], [REPLY, REPLY]))

    figures = [counted(store, "sends.accepted", number) for number in ("1001", "3001")]
    assert (figures, paused(store)) == ([60, 60], set())
    assert (len(accepted), set(accepted.values())) == (120, {1})
    assert {"Bearer EAA-shop", "Bearer EAA-new", "Bearer EAA-hotel"} == {*meta.tokens}
