"""What kills workers is found in three deaths at most, and its partition goes on."""

from collections.abc import Iterator

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.dead_letters.deferred_delivery import DeferReason
from gateway.core.events import Event, Message
from gateway.core.planning.decision import Decision
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.inbox.lease import LeasedPartitions
from gateway.store.inbox.partitions import partition_of
from gateway.store.redis.client import Store
from tasks import inbound
from tasks.context import WorkerContext, release_id
from tasks.inbound import PlanningStoppedError, process_batch
from tasks.receiving.poison import give_up_event
from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.tasks.worker_state import Echo, for_all, keep, make_due, planned, raw

pytestmark = pytest.mark.store


PROCESS = "a worker/1"


class DeathError(BaseException):
    """Stands for a kill: nothing of ours catches it, and the lease is not given back."""


class Deadly(Echo):
    """Dies over one text."""

    def __init__(self) -> None:
        super().__init__()
        self.deaths = 0

    def decide(self, event: Event, contact: Contact, now: object) -> Decision:
        if isinstance(event, Message) and event.text == "poison":
            self.deaths += 1
            raise DeathError
        return super().decide(event, contact, now)


def drained(at_work: WorkerContext, rulebook: Deadly) -> bool:
    """Drain until nothing waits, as one process; False where it died on the way."""
    held = LeasedPartitions(at_work.store, Bodies(), PROCESS)
    try:
        batch = held.next_batch()
        while not batch.is_empty:
            batch = held.next_batch(process_batch(at_work, held, batch, for_all(at_work, rulebook)))
    except DeathError:
        return False
    held.close()
    return True


def lives(at_work: WorkerContext, rulebook: Deadly) -> Iterator[bool]:
    """Start a process again and again, until one lives to the end."""
    for _ in range(9):
        lived = drained(at_work, rulebook)
        yield lived
        if lived:
            return
        at_work.inbox.report_death(PROCESS)


def same_contact(*texts: str) -> list[bytes]:
    return [delivery_body(message_item(f"wamid.p{i}", text)) for i, text in enumerate(texts)]


def test_poison_is_a_dead_letter_after_three_deaths_and_its_neighbours_have_their_effect(
    at_work: WorkerContext, store: Store
) -> None:
    keep(store, *same_contact("one", "poison", "three"))
    keep(store, delivery_body(*(message_item(f"wamid.b{t}", t) for t in ("a", "poison", "c"))))
    rulebook = Deadly()

    told = list(lives(at_work, rulebook))

    assert told[-1]
    assert rulebook.deaths <= 6  # three for each
    assert sorted(planned(store)) == ["a", "c", "one", "three"]
    prefix = keys.number(NUMBER)
    assert raw(store).zcard(f"{prefix}dead") == 2
    assert not any(one.has_work for one in at_work.inbox.partition_states())


def test_poison_that_was_set_aside_before_is_found_in_three_deaths_as_well(
    at_work: WorkerContext, store: Store
) -> None:
    keep(store, *same_contact("poison"))
    with at_work.inbox.lease() as held:
        held.close({one.id: DeferReason("failed") for one in held.next_batch().deliveries})
    make_due(store)
    rulebook = Deadly()

    for _ in range(4):
        if drained(at_work, rulebook):
            break
        at_work.inbox.report_death(PROCESS)
        make_due(store)

    assert rulebook.deaths == 3
    assert raw(store).zcard(f"{keys.number(NUMBER)}dead") == 1
    assert sum(one.waiting for one in at_work.inbox.partition_states()) == 0


def test_a_single_death_makes_nothing_a_dead_letter(at_work: WorkerContext, store: Store) -> None:
    keep(store, *same_contact("one", "two"))
    assert not LeasedPartitions(store, Bodies(), PROCESS).next_batch().is_empty
    assert at_work.inbox.report_death(PROCESS)

    assert drained(at_work, Deadly())

    assert planned(store) == ["one", "two"]
    partition = keys.partition(partition_of(same_contact("one")[0]))
    assert raw(store).hget(f"{partition}cursor", "careful") == b"0"
    assert not raw(store).exists(f"{partition}suspects")


def test_what_a_dead_worker_had_committed_is_passed_in_one_call_and_never_a_dead_letter(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(store, delivery_body(*(message_item(f"wamid.c{i}", f"{i}") for i in range(200))))
    dead = LeasedPartitions(store, Bodies(), PROCESS)
    process_batch(
        at_work, dead, dead.next_batch(), for_all(at_work, Deadly())
    )  # and then it dies, unpassed
    at_work.inbox.report_death(PROCESS)
    LeasedPartitions(store, Bodies(), PROCESS).next_batch()
    at_work.inbox.report_death(PROCESS)
    calls: list[str] = []
    monkeypatch.setattr(LeasedPartitions, "hold_in_hand", lambda *_: calls.append("in hand"))

    assert drained(at_work, Deadly())

    assert calls == []
    assert len(planned(store)) == 200
    assert raw(store).keys("*}dead") == []


def test_care_makes_progress_in_a_slice_of_no_time_at_all(
    at_work: WorkerContext, store: Store
) -> None:
    keep(store, delivery_body(*(message_item(f"wamid.t{i}", f"{i}") for i in range(20))))
    LeasedPartitions(store, Bodies(), PROCESS).next_batch()
    at_work.inbox.report_death(PROCESS)

    for slices in range(1, 21):
        with at_work.inbox.lease() as held:
            held.close(
                process_batch(
                    at_work, held, held.next_batch(), for_all(at_work, Deadly()), deadline=0.0
                )
            )
        assert len(planned(store)) == slices
    assert not any(one.waiting for one in at_work.inbox.partition_states())


def test_an_event_that_another_worker_committed_meanwhile_becomes_no_dead_letter(
    at_work: WorkerContext, store: Store
) -> None:
    keep(store, *same_contact("one"))
    with at_work.inbox.lease() as held:
        batch = held.next_batch()
        process_batch(at_work, held, batch, for_all(at_work, Deadly()))

        give_up_event(at_work, batch.events[0])

    assert raw(store).zcard(f"{keys.number(NUMBER)}dead") == 0


class Broken(Echo):
    """A release in which planning raises for every message."""

    def decide(self, event: Event, contact: Contact, now: object) -> Decision:
        raise KeyError(event.kind)


def take_all(at_work: WorkerContext, rulebook: Echo) -> None:
    with at_work.inbox.lease() as held:
        batch = held.next_batch()
        while not batch.is_empty:
            batch = held.next_batch(process_batch(at_work, held, batch, for_all(at_work, rulebook)))


def test_a_bad_release_stops_planning_and_empties_nothing_into_dead_letters(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Broken()
    monkeypatch.setattr(at_work.rules, "current", lambda: for_all(at_work, broken))
    items = [message_item(f"wamid.{i}", "hi", f"3519{i:08d}") for i in range(90)]
    keep(store, *(delivery_body(item) for item in items))

    with pytest.raises(PlanningStoppedError):
        take_all(at_work, broken)

    assert raw(store).get(keys.STOPPED_RELEASE).decode() == release_id(broken.version)
    assert raw(store).zcard(f"{keys.number(NUMBER)}dead") < 20
    inbound.drain.run()
    assert sum(one.waiting for one in at_work.inbox.partition_states()) > 70


def test_rules_that_were_taken_up_meanwhile_are_not_stopped_with_those_before(
    at_work: WorkerContext, store: Store
) -> None:
    items = [message_item(f"wamid.{i}", "color", f"3519{i:08d}") for i in range(90)]
    keep(store, *(delivery_body(item) for item in items))
    with pytest.raises(PlanningStoppedError):
        take_all(at_work, Broken())

    while any(one.waiting for one in at_work.inbox.partition_states()):
        inbound.drain.run()

    assert len(planned(store)) > 70


def test_a_rollback_goes_on_where_planning_stopped(at_work: WorkerContext, store: Store) -> None:
    keep(store, *same_contact("one"))
    raw(store).set(keys.STOPPED_RELEASE, "another release/another rulebook")

    assert drained(at_work, Deadly())

    assert planned(store) == ["one"]
