"""Notifications are posted until they are received, by a real store to a real receiver."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from gateway.core.contacts.contact import Contact
from gateway.core.planning.batch import Plan
from gateway.core.sending.notifications.notification import Notification
from gateway.store import keys, number_list
from gateway.store.monitoring import alert_store
from gateway.store.outgoing.notifications import LEASE_MS, read_notifications
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Store
from tasks.app import _warn_of_missing_address
from tasks.context import WorkerContext
from tasks.monitoring.alert_watch import update_alerts
from tasks.monitoring.noted_alerts import NOTIFICATIONS_LOST, NOTIFY_REFUSED
from tasks.outgoing import notifications as outgoing
from tasks.outgoing.bounded_threads import BoundedThreads
from tasks.scheduled.jobs import move_due
from tests.support.factories import NUMBER, a_message, delivery_body, message_item
from tests.support.rules.rulebooks import book
from tests.support.servers import free_port, wait_until
from tests.support.store.raw import now_ms
from tests.support.store.sends import WEEK
from tests.support.tasks.operator_address import Receiver, a_receiver
from tests.support.tasks.worker_state import PREFIX, counted, keep, raw, rung, take_effect

pytestmark = pytest.mark.store
SECRETS = [b"n" * 24, b"o" * 32]
RULES = '- {name: person, when: {text: agent}, then: {notify: "{{ name }} waits."}}'


class Here:
    """In the place of threads: what is started ends before the task does."""

    def start(self, _: str, work: Callable[[], None]) -> bool:
        work()
        return True


@pytest.fixture(autouse=True)
def _without_threads(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "in_threads" not in request.fixturenames:
        monkeypatch.setattr(outgoing, "_threads", Here)


@pytest.fixture
def in_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = BoundedThreads("notify", 2, 2)
    monkeypatch.setattr(outgoing, "_threads", lambda: threads)
    yield
    threads.close()


@pytest.fixture
def receiver(at_work: WorkerContext) -> Iterator[Receiver]:
    with a_receiver() as running:
        secrets = tuple(SecretStr(f"whsec_{base64.b64encode(one).decode()}") for one in SECRETS)
        set_url(at_work, running.url, secrets)
        yield running


def set_url(at_work: WorkerContext, url: str, secrets: tuple[SecretStr, ...] = ()) -> None:
    set_to = {"gateway_notify_url": SecretStr(url), "gateway_notify_secret": secrets}
    at_work.settings = at_work.settings.model_copy(update=set_to)


def queue(store: Store, *names: str) -> None:
    for name in names:
        made = Notification(name, {"id": name, "text": f"text of {name}"})
        event = a_message(f"wamid.{name}")
        plan = Plan(NUMBER, Contact(""), changed=False, events=(event,), notifications=(made,))
        assert commit(store, [plan], WEEK) == [True]


def let_pause_end(store: Store, name: str) -> None:
    raw(store).zadd(f"{PREFIX}notifications_due", {name: 1})


def stage(store: Store, name: str) -> str:
    (found,) = read_notifications(store, NUMBER, [name])
    return found.stage


def reasons(store: Store, name: str) -> list[str]:
    (found,) = read_notifications(store, NUMBER, [name])
    return [one.outcome for one in found.attempts]


def test_the_receiver_gets_each_notification_once(store: Store, receiver: Receiver) -> None:
    queue(store, "one", "two")

    outgoing.notify(NUMBER)

    assert sorted(one["text"] for one in receiver.told) == ["text of one", "text of two"]
    assert [stage(store, name) for name in ("one", "two")] == ["delivered", "delivered"]


def test_a_post_is_signed_by_every_secret(store: Store, receiver: Receiver) -> None:
    queue(store, "one")

    outgoing.notify(NUMBER)

    (headers,) = receiver.headers
    body = json.dumps(receiver.told[0], separators=(",", ":"))
    signed = f"one.{headers['webhook-timestamp']}.{body}".encode()
    made = [base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()) for key in SECRETS]
    assert headers["webhook-id"] == "one"
    assert headers["webhook-signature"] == " ".join(f"v1,{one.decode()}" for one in made)
    assert abs(int(headers["webhook-timestamp"]) - now_ms(store) / 1000) < 5


def test_what_was_refused_is_posted_again_with_the_same_id_and_body(
    store: Store, receiver: Receiver
) -> None:
    receiver.status = 500
    queue(store, "one")
    outgoing.notify(NUMBER)
    outgoing.notify(NUMBER)
    receiver.status = 200
    let_pause_end(store, "one")
    outgoing.notify(NUMBER)

    assert [headers["webhook-id"] for headers in receiver.headers] == ["one", "one"]
    assert receiver.told[0] == receiver.told[1]
    assert reasons(store, "one") == ["HTTP 500", "HTTP 200"]


def test_a_receiver_that_asks_for_a_pause_gets_it(store: Store, receiver: Receiver) -> None:
    receiver.status, receiver.answers = 503, {"Retry-After": "900"}
    queue(store, "one")

    outgoing.notify(NUMBER)

    due_in_ms = raw(store).zscore(f"{PREFIX}notifications_due", "one") - now_ms(store)
    assert 890_000 < due_in_ms <= 900_000


def test_a_redirect_is_not_followed(store: Store, receiver: Receiver) -> None:
    receiver.status, receiver.answers = 307, {"Location": receiver.url}
    queue(store, "one")

    outgoing.notify(NUMBER)

    assert (len(receiver.told), stage(store, "one")) == (1, "waiting")


def test_a_receiver_that_is_down_is_tried_again(store: Store, at_work: WorkerContext) -> None:
    set_url(at_work, f"http://127.0.0.1:{free_port()}/hook?token=hush")
    queue(store, "one")

    outgoing.notify(NUMBER)

    (reason,) = reasons(store, "one")
    assert (stage(store, "one"), reason.partition(":")[0]) == ("waiting", "ConnectError")


@pytest.mark.usefixtures("in_threads")
def test_a_receiver_that_hangs_holds_no_task(store: Store, receiver: Receiver) -> None:
    receiver.status = None
    queue(store, "one", "two", "three")

    for _ in range(4):  # more than there are threads
        outgoing.notify(NUMBER)

    wait_until(lambda: len(receiver.told) == 2, "two are under way")
    receiver.over.set()


def test_a_receiver_that_is_too_slow_holds_a_thread_no_longer_than_its_deadline(
    store: Store, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "ANSWER_WITHIN_S", 0.3)
    receiver.status = None
    queue(store, "one")

    outgoing.notify(NUMBER)

    assert (stage(store, "one"), reasons(store, "one")) == ("waiting", ["ReadTimeout"])


@pytest.mark.parametrize(
    ("rules", "url", "events"),
    [
        pytest.param(RULES, "", ["notify_unset"], id="no address"),
        pytest.param(RULES, "http://x.test", [], id="an address"),
        pytest.param("- {name: it, then: Hi.}", "", [], id="no notification"),
    ],
)
def test_a_worker_says_at_its_start_that_an_address_is_missing(
    at_work: WorkerContext, rules: str, url: str, events: list[str]
) -> None:
    set_url(at_work, url)

    with capture_logs() as logged:
        _warn_of_missing_address(at_work.settings, [book(rules)])

    assert [one["event"] for one in logged] == events


def test_the_lease_outlasts_the_answer() -> None:
    assert outgoing.ANSWER_WITHIN_S * 1000 * 2 < LEASE_MS


def test_without_an_address_notifications_are_left_alone_and_logged_once(
    store: Store, at_work: WorkerContext
) -> None:
    outgoing._log_missing_address.cache_clear()
    queue(store, "one", "two")

    with capture_logs() as logged:
        outgoing.notify(NUMBER)
        outgoing.notify(NUMBER)

    assert [one["event"] for one in logged] == ["notify_unset"]
    assert (reasons(store, "one"), stage(store, "one")) == ([], "waiting")
    assert rung(store, "outgoing") == 0


def test_without_an_address_a_tick_does_not_ring_each_second(
    store: Store, at_work: WorkerContext
) -> None:
    queue(store, "one")
    for _ in range(3):
        move_due(at_work, [NUMBER])
        outgoing.notify(NUMBER)

    assert rung(store, "outgoing") == 1
    assert 0 < raw(store).pttl(keys.number_bell(NUMBER, "outgoing")) <= keys.BELL_MS


def test_without_an_address_the_three_days_end_all_the_same(
    store: Store, at_work: WorkerContext
) -> None:
    queue(store, "one", "two")
    raw(store).zadd(f"{PREFIX}notifications", {"one": 1})

    outgoing.notify(NUMBER)

    assert [stage(store, name) for name in ("one", "two")] == ["dead", "waiting"]


def test_once_the_address_is_set_what_waited_is_posted(
    store: Store, at_work: WorkerContext
) -> None:
    queue(store, "one", "two")
    outgoing.notify(NUMBER)

    with a_receiver() as running:
        set_url(at_work, running.url)
        outgoing.notify(NUMBER)

    assert sorted(one["text"] for one in running.told) == ["text of one", "text of two"]


def test_while_more_is_due_another_task_is_rung_for(store: Store, receiver: Receiver) -> None:
    receiver.status = None
    queue(store, "one", "two")
    hanging = threading.Thread(target=outgoing.notify, args=(NUMBER,))
    hanging.start()

    wait_until(lambda: rung(store, "outgoing") == 1, "the first task rings")
    receiver.over.set()
    hanging.join()


def test_a_worker_that_died_in_its_post_is_followed_by_another(
    store: Store, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> Any:
        raise KeyboardInterrupt

    queue(store, "one")
    with monkeypatch.context() as dying:
        dying.setattr(outgoing, "post_bytes", die)
        with pytest.raises(KeyboardInterrupt):
            outgoing.notify(NUMBER)
    outgoing.notify(NUMBER)
    early = list(receiver.told)
    let_pause_end(store, "one")
    outgoing.notify(NUMBER)

    assert (early, len(receiver.told)) == ([], 1)
    assert reasons(store, "one") == ["", "HTTP 204"]


def test_a_refusal_is_an_alert_and_a_server_error_is_none(store: Store, receiver: Receiver) -> None:
    queue(store, "one", "two")
    receiver.status = 500
    outgoing.notify(NUMBER)
    before = alert_store.active_alerts(store, now_ms(store))
    receiver.status = 401
    let_pause_end(store, "one")
    outgoing.notify(NUMBER)

    after = alert_store.active_alerts(store, now_ms(store))
    assert (before, list(after.values())) == ({}, [NOTIFY_REFUSED])


def test_what_was_given_up_is_an_alert(store: Store, at_work: WorkerContext) -> None:
    number_list.add_number(store, NUMBER)
    update_alerts(store, at_work.settings)
    raw(store).hincrby(f"{PREFIX}count", "notifications.dead", 1)

    update_alerts(store, at_work.settings)

    assert NOTIFICATIONS_LOST.cause.key in alert_store.read_rows(store)


def test_a_message_that_is_planned_rings_for_its_notification(
    store: Store, at_work: WorkerContext
) -> None:
    keep(store, delivery_body(message_item("wamid.1", "agent")))

    take_effect(at_work, book(RULES))

    assert counted(store, "notifications.planned") == 1
    wait_until(lambda: rung(store, "outgoing") == 1, "a thread of its own rings")


def test_a_tick_rings_for_what_is_due_and_for_nothing_else(
    store: Store, at_work: WorkerContext
) -> None:
    queue(store, "one")
    move_due(at_work, [NUMBER])
    first = rung(store, "outgoing")
    raw(store).delete(keys.number_bell(NUMBER, "outgoing"))
    raw(store).zadd(f"{PREFIX}notifications_due", {"one": now_ms(store) + 60_000})

    move_due(at_work, [NUMBER])

    assert (first, rung(store, "outgoing")) == (1, 1)
