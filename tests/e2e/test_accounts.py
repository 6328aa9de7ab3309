"""Three accounts in one gateway: whichever way one is broken, the others stay as they were."""

import statistics
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from gateway.store.monitoring.number_state import NumberState
from gateway.store.sending import pauses
from tests.support.accounts_stack import (
    ALL,
    CLINIC,
    HOTEL,
    SHOP,
    AccountsStack,
    Letter,
    accounts_file,
    put_file,
)
from tests.support.factories import delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.tasks.operator_address import Receiver, a_receiver

pytestmark = pytest.mark.e2e

OTHERS = (SHOP, HOTEL)
EACH = 8  # letters to each number in a round
(OWN,) = CLINIC.numbers
UNKNOWN = "9001"
# Stages that a status skips if it is faster than the answer to the post.
SKIPPED = {"sends.accepted", "sends.sent"}
# The slowest quarter under a fault may take this many times as long as without one.
SLOWER = 10


@pytest.fixture(scope="module")
def alerts() -> Iterator[Receiver]:
    with a_receiver() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, alerts: Receiver) -> Iterator[AccountsStack]:
    folder = tmp_path_factory.mktemp("accounts")
    server = Server(folder / "valkey").start()
    made = AccountsStack(folder, server, GATEWAY_ALERT_URL=alerts.url)
    made.alerts = alerts.told
    yield made.start()
    made.stop()
    server.kill()


@pytest.fixture(scope="module")
def usual(gateway: AccountsStack) -> "Round":
    """What a round does while nothing is broken; the first one warms up."""
    play_round(gateway)
    return play_round(gateway)[0]


Breakage = Callable[[AccountsStack], AbstractContextManager[None]]


@dataclass(frozen=True)
class Round:
    """What a round of letters did to the other accounts."""

    counts: dict[str, Counter[str]]  # by number, how much each counter grew
    states: dict[str, NumberState]  # by number, everything but the counters
    problems: list[str]
    alerts: list[str]
    delays: dict[str, float] = field(compare=False)  # by account, where the slowest quarter begins


def play_round(gateway: AccountsStack) -> tuple[Round, list[Letter]]:
    """Let customers write to all accounts at once; return what came of it at the others.

    The letters to the clinic are returned as they are: it may be broken.
    """
    before = counters(gateway)
    numbers = {number: EACH for one in OTHERS for number in one.numbers}
    letters = gateway.write(numbers | {OWN: EACH})
    others = [one for one in letters if one.number != OWN]
    gateway.wait_for_answers(others)
    wait_until(lambda: are_delivered(grown(gateway, before)), "all statuses are counted")
    assert set(gateway.answers(others).values()) == {1}
    return (
        Round(
            grown(gateway, before),
            {number: replace(one, counts={}) for number, one in states(gateway).items()},
            [str(one) for one in gateway.problems() if is_of_others(one.number, one.account)],
            [
                one["title"]
                for one in gateway.alerts
                if is_of_others(one["number"], account_of(one))
            ],
            {one.name: slowest_quarter(gateway, one.numbers, others) for one in OTHERS},
        ),
        [one for one in letters if one.number == OWN],
    )


def states(gateway: AccountsStack) -> dict[str, NumberState]:
    return {number: state for one in OTHERS for number, state in gateway.figures(one).items()}


def counters(gateway: AccountsStack) -> dict[str, Counter[str]]:
    return {
        number: Counter({name: n for name, n in one.counts.items() if name not in SKIPPED})
        for number, one in states(gateway).items()
    }


def grown(gateway: AccountsStack, before: dict[str, Counter[str]]) -> dict[str, Counter[str]]:
    return {
        number: now - before.get(number, Counter()) for number, now in counters(gateway).items()
    }


def are_delivered(counts: dict[str, Counter[str]]) -> bool:
    return all(one["sends.delivered"] >= EACH for one in counts.values())


def is_of_others(number: str, account: str) -> bool:
    return any(number in one.numbers or account == one.name for one in OTHERS)


def account_of(alert: Mapping[str, Any]) -> str:
    return str(alert.get("account", ""))


def slowest_quarter(
    gateway: AccountsStack, numbers: Sequence[str], letters: Sequence[Letter]
) -> float:
    delays = gateway.delays([one for one in letters if one.number in numbers])
    return statistics.quantiles(delays, n=4)[2]


# The ways in which one account is broken: each begins, shows at the clinic, and ends.


@contextmanager
def token_revoked(gateway: AccountsStack) -> Iterator[None]:
    gateway.set_token(CLINIC, revoked=True)
    yield
    wait_until(lambda: gateway.is_paused(OWN), "the clinic is paused")
    wait_until(lambda: "clinic" in map(account_of, gateway.alerts), "an alert names the clinic")
    gateway.set_token(CLINIC, revoked=False)


@contextmanager
def token_of_another_app(gateway: AccountsStack) -> Iterator[None]:
    with gateway.reloads():
        gateway.set_value(CLINIC, "token", SHOP.token)
    yield
    wait_until(lambda: gateway.is_paused(OWN), "the clinic is paused")
    with gateway.reloads():
        gateway.set_value(CLINIC, "token", CLINIC.token)


def refused_by_meta(code: int) -> Breakage:
    @contextmanager
    def breakage(gateway: AccountsStack) -> Iterator[None]:
        gateway.arm(code={"code": code, "times": 1000, "number": OWN})
        yield
        wait_until(lambda: gateway.is_paused(OWN), "the clinic is paused")
        gateway.disarm()

    return breakage


by_status = refused_by_meta(131042)


def slowed_by_meta(code: int) -> Breakage:
    @contextmanager
    def breakage(gateway: AccountsStack) -> Iterator[None]:
        before = gateway.refused()[code]
        gateway.arm(code={"code": code, "times": 1000, "number": OWN})
        yield
        wait_until(lambda: gateway.refused()[code] > before, "Meta has refused the clinic")
        gateway.disarm()

    return breakage


@contextmanager
def graph_hangs(gateway: AccountsStack) -> Iterator[None]:
    gateway.arm(slow={"seconds": 15, "times": 1000, "number": OWN})
    yield
    assert gateway.faults()["slow"]["times"] < 1000
    gateway.disarm()


@contextmanager
def number_held(gateway: AccountsStack) -> Iterator[None]:
    pauses.hold(gateway.store, [OWN], "", "a test")
    yield
    wait_until(lambda: waiting_sends(gateway) == EACH, "sends wait")
    pauses.release(gateway.store, [OWN], "")


@contextmanager
def secret_wrong(gateway: AccountsStack) -> Iterator[None]:
    """Refuse the clinic's webhooks, and let Meta refuse its sends, since the proof is wrong too."""
    waiting = write_to_held_number(gateway)
    with gateway.reloads():
        gateway.set_value(CLINIC, "secret", "another secret")
    pauses.release(gateway.store, [OWN], "")
    gateway.recover(CLINIC)
    yield
    wait_until(lambda: gateway.is_paused(OWN), "the clinic is paused")
    body = delivery_body(message_item("wamid.secret"), number=OWN)
    assert gateway.deliver(CLINIC, body).status_code == 401
    with gateway.reloads():
        gateway.set_value(CLINIC, "secret", CLINIC.secret)
    gateway.recover(CLINIC)
    gateway.wait_for_answers(waiting)


def write_to_held_number(gateway: AccountsStack) -> list[Letter]:
    """Let customers write to the clinic whose answers wait because it is held."""
    pauses.hold(gateway.store, [OWN], "", "a test")
    letters = gateway.write({OWN: EACH})
    wait_until(lambda: waiting_sends(gateway) == EACH, "sends wait")
    return letters


def waiting_sends(gateway: AccountsStack) -> int:
    return gateway.figures(CLINIC)[OWN].lanes["reply"].ready


@contextmanager
def removed_while_sends_wait(gateway: AccountsStack) -> Iterator[None]:
    waiting = write_to_held_number(gateway)
    with gateway.reloads():
        gateway.write_file(SHOP, HOTEL)
    pauses.release(gateway.store, [OWN], "")
    yield
    assert not gateway.answers(waiting)
    assert gateway.deliver(CLINIC, b"{}").status_code == 404
    with gateway.reloads():
        gateway.write_file(*ALL)
    gateway.wait_for_answers(waiting)


@contextmanager
def file_half_written(gateway: AccountsStack) -> Iterator[None]:
    written = accounts_file(ALL, {})
    gateway.file.write_text(written[: len(written) // 2])
    wait_until(lambda: "accounts_broken" in kinds(gateway), "it is told")
    yield
    put_file(gateway.file, written)
    wait_until(lambda: "accounts_broken" not in kinds(gateway), "it is over")


@contextmanager
def rules_broken(gateway: AccountsStack) -> Iterator[None]:
    file = gateway.stack.folder / "clinic.yaml"
    before = file.read_text()
    put_file(file, "version: 1\nrules: [nonsense]\n")
    wait_until(lambda: "rules_broken" in kinds(gateway), "it is told")
    yield
    put_file(file, before)
    wait_until(lambda: "rules_broken" not in kinds(gateway), "it is over")


@contextmanager
def rules_unusable(gateway: AccountsStack) -> Iterator[None]:
    with gateway.reloads():
        gateway.write_file(*ALL, rules={"clinic": "nowhere.yaml"})
    yield
    wait_until(lambda: "deliveries_aside" in kinds(gateway), "deliveries are set aside")
    with gateway.reloads():
        gateway.write_file(*ALL)


@contextmanager
def webhooks_flood(gateway: AccountsStack) -> Iterator[None]:
    over = threading.Event()

    def flood(thread: int) -> None:
        count = 0
        while not over.is_set():
            customer = f"3517{thread}{count:07d}"
            body = delivery_body(message_item(f"wamid.f{customer}", "hi", customer), number=OWN)
            gateway.deliver(CLINIC, body, secret=CLINIC.secret if count % 2 else "nobody's")
            count += 1

    threads = [threading.Thread(target=flood, args=(one,)) for one in range(2)]
    for one in threads:
        one.start()
    try:
        yield
    finally:
        over.set()
        for one in threads:
            one.join()


@contextmanager
def number_unknown(gateway: AccountsStack) -> Iterator[None]:
    for count in range(EACH):
        body = delivery_body(message_item(f"wamid.u{count}"), number=UNKNOWN)
        assert gateway.deliver(CLINIC, body).status_code == 200
    yield
    wait_until(lambda: UNKNOWN in {one.number for one in gateway.snapshot().numbers}, "it is known")


def kinds(gateway: AccountsStack) -> set[str]:
    return {one.kind for one in gateway.problems()}


BREAKAGES: Mapping[str, Breakage] = {
    "token revoked": token_revoked,
    "account locked": refused_by_meta(131031),
    "account rate": slowed_by_meta(80007),
    "held": number_held,
    "unknown number": number_unknown,
    "flood": webhooks_flood,
    "Graph hangs": graph_hangs,
    "secret wrong": secret_wrong,
    "removed": removed_while_sends_wait,
    "half-written": file_half_written,
    "rules broken": rules_broken,
}
MORE: Mapping[str, Breakage] = {
    "token of another app": token_of_another_app,
    "policy": refused_by_meta(368),
    "payment, by a status": by_status,
    "app rate": slowed_by_meta(4),
    "throughput": slowed_by_meta(130429),
    "rules unusable": rules_unusable,
}


def check_breakage(gateway: AccountsStack, usual: Round, breakage: Breakage) -> list[Letter]:
    """Break the clinic, compare what came of the others, and return the clinic's letters."""
    with breakage(gateway):
        played, own = play_round(gateway)
    gateway.recover(CLINIC)
    gateway.wait_for_answers(own)

    assert played == usual
    for account, delay in played.delays.items():
        assert delay <= SLOWER * usual.delays[account]
    return own


@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES)
def test_others_stay_as_they_were(gateway: AccountsStack, usual: Round, breakage: Breakage) -> None:
    own = check_breakage(gateway, usual, breakage)

    assert set(gateway.answers(own).values()) == {1}


@pytest.mark.long
@pytest.mark.parametrize("breakage", MORE.values(), ids=MORE)
def test_others_stay_as_they_were_with_more(
    gateway: AccountsStack, usual: Round, breakage: Breakage
) -> None:
    own = check_breakage(gateway, usual, breakage)

    # Messages that Meta took and then failed, by a status, are sent again.
    assert set(gateway.answers(own).values()) <= ({1, 2, 3} if breakage is by_status else {1})


def test_a_token_is_rotated_under_load(gateway: AccountsStack, usual: Round) -> None:
    refused = gateway.refused()
    numbers = {number: 1 for one in ALL for number in one.numbers}
    with writing(gateway, numbers) as letters:
        gateway.set_token(CLINIC, access_token="EAAnew", keeps_old=True)
        with gateway.reloads():
            gateway.set_value(CLINIC, "token", "EAAnew")
        answer_more(gateway, letters)  # so that no post with the token before is on its way
        gateway.set_token(CLINIC, access_token="EAAnew")
        answer_more(gateway, letters)
    gateway.wait_for_answers(letters)

    assert set(gateway.answers(letters).values()) == {1}
    assert gateway.refused() == refused
    for one in OTHERS:
        assert slowest_quarter(gateway, one.numbers, letters) <= SLOWER * usual.delays[one.name]


def answer_more(gateway: AccountsStack, letters: list[Letter]) -> None:
    """Wait until customers have written again, and all letters up to then are answered."""
    count = len(letters) + 20
    wait_until(lambda: len(letters) >= count, "customers go on writing")
    gateway.wait_for_answers(letters[:count])


@contextmanager
def writing(gateway: AccountsStack, numbers: Mapping[str, int]) -> Iterator[list[Letter]]:
    """Let new customers write again and again until the block is left."""
    letters: list[Letter] = []
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            letters.extend(gateway.write(numbers))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield letters
    finally:
        over.set()
        thread.join()
