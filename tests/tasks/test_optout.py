"""What a customer wants reaches their contact whichever way we hear of it, and a trace says how."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.core.contacts.consent import opt_out_delivery
from gateway.store.body_codec import Bodies
from gateway.store.planning.contacts import find_contact
from gateway.store.redis.client import Store
from gateway.store.tracing.traces import Traces
from tasks import inbound
from tasks.context import WorkerContext
from tests.support.factories import ANA, NUMBER, delivery_body, message_item, status_item
from tests.support.tasks.worker_state import keep

pytestmark = pytest.mark.store
USER = "PT.7301120458129930"
STOP = Path(__file__).parents[1].joinpath("deliveries", "user_preferences__stop.json").read_bytes()
FAILED = status_item("wamid.out", "failed") | {"errors": [{"code": 131050}]}
ANSWERED = opt_out_delivery(NUMBER, ANA, "a" * 24, 1, datetime.now(UTC))


def preference(at_work: WorkerContext) -> None:
    keep(at_work.store, STOP)


def status(at_work: WorkerContext) -> None:
    keep(at_work.store, delivery_body(statuses=[FAILED]))


def answer(at_work: WorkerContext) -> None:
    at_work.inbox.append_internal(ANSWERED)


@pytest.mark.parametrize(
    ("comes", "kind"),
    [(preference, "user_preferences"), (status, "status"), (answer, "returned")],
    ids=["preference", "status", "answer"],
)
@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
def test_a_word_against_marketing_is_heard_once_and_told(
    at_work: WorkerContext,
    store: Store,
    comes: Callable[[WorkerContext], None],
    kind: str,
    times: int,
) -> None:
    for _ in range(times):
        comes(at_work)
        inbound.drain()

    assert find_contact(store, NUMBER, ANA).opted_out_at
    (conversation,) = Traces(store, Bodies()).find_by_contact(ANA, 10).conversations
    assert [one.key.partition("|")[0] for one in conversation.traces] == [kind]


def test_a_preference_that_names_both_is_known_of_the_user_id_alone(
    at_work: WorkerContext, store: Store
) -> None:
    preference(at_work)
    inbound.drain()

    assert find_contact(store, NUMBER, USER).opted_out_at


def test_an_answer_that_comes_back_late_undoes_no_newer_resume(
    at_work: WorkerContext, store: Store
) -> None:
    resumed_at = datetime.now(UTC).replace(microsecond=0)
    said = STOP.replace(b'"stop"', b'"resume"')
    keep(store, said.replace(b"1795348057", str(int(resumed_at.timestamp())).encode()))
    inbound.drain()
    before = resumed_at - timedelta(seconds=1)
    at_work.inbox.append_internal(opt_out_delivery(NUMBER, ANA, "a" * 24, 1, before))
    inbound.drain()

    assert find_contact(store, NUMBER, ANA).opted_out_at is None


def test_what_was_said_before_does_not_stop_a_reply(at_work: WorkerContext, store: Store) -> None:
    status(at_work)
    keep(store, delivery_body(message_item("wamid.in", "which color?")))
    inbound.drain()

    (send,) = at_work.lanes(NUMBER).pump([], 9).attempts
    assert send.contact.opted_out_at
    assert send.body["text"]["body"] == "Yes: red, green and blue."
