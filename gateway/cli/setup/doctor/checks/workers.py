"""Checks of the processes: which ones run, and whether pending work is processed; pure.

The problems are those of `gateway status`, so that the two never contradict each other.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.cli.setup.doctor.checks.store import Redis
from gateway.cli.setup.doctor.findings import Check, Finding, Unseen, broken, fine, warning
from gateway.core.formats import pluralize
from gateway.store.monitoring.problems import SILENT_S, TICK_LATE_S, find_problems
from gateway.store.monitoring.snapshot import Snapshot
from tasks.celery_setup.config import QUEUES
from tasks.monitoring.worker_ping import WORKERS

MOST_SILENT_S = 10.0
SWEEP_EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class Broker:
    """Broker of Celery's messages."""

    apart: bool = False
    away: str = ""  # the kind of error, "" if it answered


def broker(state: Broker) -> Iterator[Finding]:
    """Check that wake-ups can be sent."""
    where = "one of its own (CELERY_BROKER_URL)" if state.apart else "the store's server"
    if state.away:
        yield broken(f"The broker, {where}, does not answer ({state.away}).")
    else:
        yield fine(f"The broker, {where}, answered.")


def check_queue(queue: str) -> Callable[[Mapping[str, int]], Iterator[Finding]]:
    """Return the check that workers listen to a queue."""

    def judge(workers: Mapping[str, int]) -> Iterator[Finding]:
        if there := workers.get(queue, 0):
            yield fine(f"{pluralize(there, 'worker')} answered.")
        else:
            yield broken(f"No worker that listens to the queue {queue} answered.")

    return judge


def problem_check(group: str, name: str, *kinds: str, well: str) -> Check[Snapshot]:
    """Return the check for problems of some kinds."""

    def judge(reading: Snapshot) -> Iterator[Finding]:
        problems = [one for one in find_problems(reading) if one.kind in kinds]
        yield from map(Finding.of_problem, problems)
        if not problems:
            yield fine(well)

    return Check(group, name, _reading, judge)


def beat(reading: Snapshot) -> Iterator[Finding]:
    """Check that beat runs, and that workers receive its wake-ups."""
    ago_s = reading.ago_s.get("tick")
    if not reading.has_beat_leader:
        yield broken("No beat is running: workers do its most urgent work, and no canary flies.")
    elif ago_s is None:
        yield warning("Beat is running, and nobody has heard it yet.")
    elif ago_s > TICK_LATE_S:
        yield broken(f"Beat is running, and nobody has heard it for {ago_s:,.0f} s.")
    else:
        yield fine(f"Beat is running; the last tick was {ago_s:.1f} s ago.")


def schedule(reading: Snapshot) -> Iterator[Finding]:
    """Check that the sweep and the watch run in time."""
    limits = {"sweep": SWEEP_EVERY_S, "watch": SILENT_S}
    for what, limit_s in limits.items():
        ago_s = reading.ago_s.get(what)
        if ago_s is None:
            yield warning(f"There was no {what} within a day, or since the start.")
        elif ago_s > limit_s:
            yield broken(f"The last {what} was {ago_s:,.0f} s ago.")
        else:
            yield fine("Sweep and watch run in time.")


def canary(reading: Snapshot) -> Iterator[Finding]:
    """Check that a canary goes the whole way."""
    overdue = (one for one in find_problems(reading) if one.kind == "canary_overdue")
    latest = reading.canary
    if problem := next(overdue, None):
        yield Finding.of_problem(problem)
    elif latest.took_s is None or latest.age_s is None:
        yield warning("None has arrived yet; beat rings for one each minute.")
    else:
        yield fine(f"The last one took {latest.took_s:.2f} s, {latest.age_s:.0f} s ago.")


def web(reading: Snapshot) -> Iterator[Finding]:
    """Check that a web process could store a delivery now."""
    ago_s = reading.ago_s.get("web")
    if ago_s is None or ago_s > MOST_SILENT_S:
        when = "within a day" if ago_s is None else f"for {ago_s:,.0f} s"
        yield broken(f"No web process could write to Redis {when}: nobody keeps what Meta posts.")
    else:
        yield fine(f"A web process wrote to Redis {ago_s:.1f} s ago.")


def _reading(facts: Any) -> Snapshot | Unseen:
    reading: Snapshot | Unseen = facts.reading
    return reading


def _broker(facts: Any) -> Broker | Unseen:
    state: Broker | Unseen = facts.broker
    store: Redis | Unseen = facts.redis
    if isinstance(state, Broker) and not state.apart and isinstance(store, Redis) and store.away:
        return Unseen("it is the store's server")
    return state


def _workers(facts: Any) -> Mapping[str, int] | Unseen:
    state: Broker | Unseen = facts.broker
    workers: Mapping[str, int] | Unseen = facts.workers
    if isinstance(state, Broker) and state.away:
        return Unseen("the broker does not answer")
    return workers


CHECKS: tuple[Check[Any], ...] = (
    Check(
        "broker", "broker", _broker, broker,
        "Start it, or mend CELERY_BROKER_URL; what waits is worked off once it is back.",
    ),
    *(
        Check(
            "workers", f"worker {queue}", _workers, check_queue(queue),
            f"Start {WORKERS[queue]}, or see in its log why it does not answer; gateway worker "
            "starts all.",
        )
        for queue in QUEUES
    ),
    problem_check(
        "workers", "deliveries", "deliveries_wait", "planning_stopped", "rules_stopped",
        "partition_damaged",
        well="What waits is worked off in time.",
    ),
    problem_check(
        "workers", "replies", "replies_wait", "replies_stopped", well="No reply is overdue."
    ),
    problem_check("workers", "notices", "notices_wait", well="No notice is overdue."),
    problem_check("workers", "bulk sends", "broadcasts_wait", well="No bulk send is overdue."),
    problem_check(
        "workers", "notifications", "notifications_wait", well="No notification waits for long."
    ),
    Check(
        "workers", "schedule", _reading, schedule,
        "Start beat and worker-default, or see in the log of worker-default what holds it up.",
    ),
    Check(
        "workers", "beat", _reading, beat,
        "Start beat (celery -A tasks beat); where it runs, see in its log why it cannot ring.",
    ),
    Check(
        "workers", "canary", _reading, canary,
        "See with gateway status where things wait, and whether beat and all workers run.",
    ),
    Check(
        "workers", "web", _reading, web,
        "Start gateway serve; where it runs, its /readyz says why it keeps nothing.",
    ),
    problem_check("sends", "paused", "paused", well="Meta takes the sends of every number."),
    problem_check("sends", "held", "held", well="No person holds a number or a rule."),
    problem_check("sends", "aside", "deliveries_aside", well="Nothing is set aside."),
    problem_check(
        "sends", "dead letters", "any_dead_letters", "events_unreadable", well="There are none."
    ),
    problem_check(
        "sends", "doubled", "sends_ever_doubled", well="No send reached Meta twice."
    ),
    problem_check(
        "sends", "too old", "too_old", "too_old_growing",
        well="No message of the last hour was too old to be answered.",
    ),
)  # fmt: skip
