"""Problems: everything that can be wrong, found in one snapshot by pure functions.

Alerts, `gateway status`, /readyz and `gateway doctor` choose from this list, so that they never
contradict each other. A new problem is a function here and in `find_problems`.
"""

from collections.abc import Iterator
from dataclasses import replace

from gateway.core.alerts import HealthProblem
from gateway.core.dead_letters.dead_letter import advice, needs_operator
from gateway.core.sending.canary import OVERDUE_S
from gateway.core.sending.send import NOTICE, REPLY
from gateway.store.monitoring.account_problems import (
    find_account_problems,
    find_stopped_rules,
    find_unassigned_numbers,
)
from gateway.store.monitoring.forward_problems import find_forward_problems
from gateway.store.monitoring.number_state import NumberState
from gateway.store.monitoring.pause_problems import find_pause_problems
from gateway.store.monitoring.rule_problems import find_rule_problems
from gateway.store.monitoring.snapshot import Snapshot
from gateway.store.monitoring.too_old import find_too_old
from gateway.store.server.health import (
    EVICTS,
    NO_DISK,
    NO_FILE,
    PLANNING_STOPPED,
    REFUSE_FROM,
    YIELD_FROM,
    ServerHealth,
)
from gateway.store.server.ownership import find_emptied

# A delivery or a reply that waits for longer is blocked.
MOST_WAIT_S = 60.0
# A crowd of notices that are due at once may wait for their number's pace.
MOST_NOTICE_WAIT_S = 600.0
# Within this time a receiver that was down for a moment has been tried four times.
MOST_NOTIFICATION_WAIT_S = 300.0
# The watch runs every five seconds, and the tick every second.
SILENT_S = 60.0
TICK_LATE_S = 10.0

# While one of these lasts, a delivery would not be stored.
UNREADY = frozenset({"store_unfit", "memory_full", "write_refused"})

SENDS_DOUBLED = HealthProblem(
    "sends_doubled",
    "Meta took a send twice.",
    "Find it by gateway trace, and report it; GATEWAY_UNCONFIRMED=never rules it out.",
)
REPLIES_WAIT = HealthProblem(
    "replies_wait",
    "A reply has been due for more than a minute and was not sent.",
    "Start more of worker-critical, or see in its log what Meta answers.",
)
NOTICES_WAIT = HealthProblem(
    "notices_wait",
    "A notice has been due for more than ten minutes and was not sent.",
    "See whether worker-critical runs in this release, and whether more is sent than the number's "
    "pace allows.",
)
BROADCASTS_WAIT = HealthProblem(
    "broadcasts_wait",
    "A bulk send has been due for more than a minute and was not sent.",
    "Start more of worker-bulk, or see in its log what Meta answers.",
    severity="warning",
)
NOTIFICATIONS_WAIT = HealthProblem(
    "notifications_wait",
    "A notification has waited for more than five minutes to be received.",
    "See why with gateway trace; start worker-outgoing, or look at GATEWAY_NOTIFY_URL.",
)
ANY_DEAD_LETTERS = HealthProblem(
    "any_dead_letters",
    "There are dead letters.",
    "See gateway dead-letters list.",
    severity="warning",
)
EVENTS_UNREADABLE = HealthProblem(
    "events_unreadable",
    "There are events that could not be read.",
    "See gateway dead-letters list --cause unreadable.",
    severity="warning",
)


def find_problems(snapshot: Snapshot) -> Iterator[HealthProblem]:
    """Find everything that is wrong."""
    yield from find_server_problems(snapshot.health)
    yield from filter(None, [find_emptied(snapshot.owner, snapshot.now_ms)])
    yield from _find_schedule_problems(snapshot)
    yield from find_account_problems(snapshot.rulebooks)
    yield from find_rule_problems(snapshot.rulebooks)
    yield from find_stopped_rules(snapshot.stopped_rules)
    yield from _find_delivery_problems(snapshot)
    yield from _find_canary_problems(snapshot)
    yield from find_unassigned_numbers(snapshot.numbers, snapshot.unassigned)
    yield from _find_lane_problems(snapshot)
    yield from _find_notification_problems(snapshot)
    limit_bytes, names = snapshot.health.limit_bytes, snapshot.accounts_by_number
    yield from find_forward_problems(snapshot.receivers, snapshot.now_ms, limit_bytes, names)
    pauses = {one.number: one.pauses for one in snapshot.numbers}
    yield from find_pause_problems(pauses, snapshot.accounts_by_number)
    yield from _find_damaged_numbers(snapshot)
    yield from _find_counted_problems(snapshot)
    yield from _find_dead_letter_problems(snapshot)
    too_old = (one.too_old for one in snapshot.numbers)
    yield from find_too_old(too_old, snapshot.now_ms, snapshot.ahead_s)


def find_server_problems(health: ServerHealth) -> Iterator[HealthProblem]:
    """Find what prevents the server from storing, or may lose acknowledged deliveries."""
    for sentence in health.fatal:
        yield HealthProblem("store_unfit", sentence, "")
    yield from find_memory_problems(health)
    if health.refusal and not health.fatal and not health.is_full:
        yield HealthProblem(
            "write_refused",
            "Redis refuses to write, so deliveries are refused.",
            "See in its log what it lacks; Meta delivers again.",
            observed=health.refusal,
        )
    yield from (one for one in (NO_FILE, NO_DISK, EVICTS) if str(one) in health.warnings)


def find_memory_problems(health: ServerHealth) -> Iterator[HealthProblem]:
    """Find that the server is full, or fills up."""
    percent = f"{health.used_bytes * 100 // (health.limit_bytes or 1)} %"
    if health.is_full:
        yield HealthProblem(
            "memory_full",
            f"Redis has used more than {REFUSE_FROM * 100:.0f} % of its memory limit, "
            "so deliveries are refused.",
            "Give Redis more memory, and start more workers if much waits; Meta delivers again.",
            observed=percent,
        )
    if health.is_short:
        yield HealthProblem(
            "memory_short",
            f"Redis has used more than {YIELD_FROM * 100:.0f} % of its memory limit, "
            "so history goes before its time.",
            "Give Redis more memory, or keep history for less time (GATEWAY_RETENTION).",
            observed=percent,
            severity="warning",
        )


def partition_damaged(index: int, why: str = "") -> HealthProblem:
    """Return the problem of a damaged partition: its deliveries wait, others do not."""
    return HealthProblem(
        "partition_damaged",
        f"Partition {index} of the inbox cannot be read in the store, and its deliveries wait.",
        "See partition_damaged in the workers' logs, and fix the key of the partition.",
        detail=str(index),
        observed=why,
    )


def _find_schedule_problems(snapshot: Snapshot) -> Iterator[HealthProblem]:
    watch_s, tick_s = snapshot.ago_s.get("watch"), snapshot.ago_s.get("tick")
    if watch_s is None or watch_s > SILENT_S:
        yield HealthProblem(
            "workers_silent",
            "No worker has looked after things for a minute.",
            "Start beat and the workers of worker-default, or see in their logs why they hang.",
        )
    if tick_s is None or tick_s > TICK_LATE_S:
        yield HealthProblem(
            "tick_late",
            "There was no tick for more than ten seconds.",
            "Start beat and the workers of worker-default, or see in their logs why they hang.",
            observed="none within a day" if tick_s is None else f"{tick_s:.0f} s",
        )


def _find_delivery_problems(snapshot: Snapshot) -> Iterator[HealthProblem]:
    for one in snapshot.partitions:
        if one.damaged:
            yield partition_damaged(one.index, one.damaged)
    if snapshot.stopped_release:
        yield PLANNING_STOPPED  # which is why deliveries wait, however long
    elif snapshot.oldest_s > MOST_WAIT_S:
        yield HealthProblem(
            "deliveries_wait",
            "A delivery has waited for more than a minute to be worked off.",
            "Start more of worker-default, or see in its log what holds it up.",
            observed=f"{snapshot.oldest_s:.0f} s",
        )
    if deferred := sum(one.deferred for one in snapshot.partitions):
        yield HealthProblem(
            "deliveries_aside",
            "Deliveries cannot be committed now and are set aside.",
            "See gateway dead-letters list --cause aside; they are tried again by themselves.",
            observed=f"{deferred:,}",
            severity="warning",
        )


def _find_canary_problems(snapshot: Snapshot) -> Iterator[HealthProblem]:
    if snapshot.canary.missing_s > OVERDUE_S:
        yield HealthProblem(
            "canary_overdue",
            "No canary has gone the whole way in time for more than two minutes.",
            "See with gateway status where things wait, and whether worker-default and "
            "worker-critical run.",
            observed=f"{snapshot.canary.missing_s:.0f} s",
        )


def _find_lane_problems(snapshot: Snapshot) -> Iterator[HealthProblem]:
    for one in snapshot.numbers:
        if one.number in snapshot.unassigned:
            continue  # which is why its sends wait
        for priority, lanes in one.lanes.items():
            if problem := _lane_problem(one, priority, lanes.overdue_s):
                yield replace(problem, number=one.number, observed=f"{lanes.overdue_s:.0f} s")


def _find_notification_problems(snapshot: Snapshot) -> Iterator[HealthProblem]:
    for one in snapshot.numbers:
        if one.oldest_notification_s > MOST_NOTIFICATION_WAIT_S:
            observed = (
                f"{one.notifications:,} wait, the first for {one.oldest_notification_s:.0f} s"
            )
            yield replace(NOTIFICATIONS_WAIT, number=one.number, observed=observed)


def _lane_problem(number: NumberState, priority: str, overdue_s: float) -> HealthProblem | None:
    """Return why sends wait; where the number is stopped, another problem has the reason."""
    if overdue_s <= (MOST_NOTICE_WAIT_S if priority == NOTICE else MOST_WAIT_S):
        return None
    is_stopped = number.pauses.pause or any(not held.rule for held in number.pauses.holds)
    if priority == REPLY and is_stopped:
        return replace(REPLIES_WAIT, kind="replies_stopped", advice="It goes on with its number.")
    if priority == NOTICE:
        return None if is_stopped else NOTICES_WAIT
    return REPLIES_WAIT if priority == REPLY else BROADCASTS_WAIT


def _find_damaged_numbers(snapshot: Snapshot) -> Iterator[HealthProblem]:
    for one in snapshot.numbers:
        if one.damaged:
            yield HealthProblem(
                "number_damaged",
                f"What number {one.number} has to send cannot be read in the store.",
                "Start the release that wrote it, or fix the key.",
                observed=one.damaged,
            )


def _find_counted_problems(snapshot: Snapshot) -> Iterator[HealthProblem]:
    """Find what is only counted, however long ago it happened."""
    if dead := sum(one.dead for one in snapshot.numbers):
        yield replace(ANY_DEAD_LETTERS, observed=f"{dead:,}")
    if unread := sum(one.unreadable for one in snapshot.numbers):
        yield replace(EVENTS_UNREADABLE, observed=f"{unread:,}")
    if doubled := snapshot.total("sends.doubled"):
        ever = replace(SENDS_DOUBLED, kind="sends_ever_doubled", severity="warning")
        yield replace(ever, observed=f"{doubled:,} in all")


def _find_dead_letter_problems(snapshot: Snapshot) -> Iterator[HealthProblem]:
    """Find dead letters that need an operator, one problem for each cause and code."""
    for group in snapshot.letters:
        if needs_operator(group.cause, group.code):
            name = group.cause if group.code is None else f"{group.cause} {group.code}"
            yield HealthProblem(
                "dead_letters",
                f"There are dead letters: {name}.",
                f"{advice(group.cause, group.code)} See gateway dead-letters list.",
                group.number,
                name,
                severity="warning",
            )
