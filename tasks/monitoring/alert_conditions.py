"""What is the matter, read from how everything stands: pure functions from a reading to alerts.

A new cause is a function here and in `CAUSES`, and a line in docs/operations.md.
"""

from collections.abc import Callable, Iterator

from gateway.core.alerts import Alert, Cause, Severity
from gateway.core.sending.canary import OVERDUE_S
from gateway.core.sending.dead_letter import advice, needs_operator
from gateway.core.sending.error_codes import error_policy
from gateway.store.monitoring.snapshot import Snapshot
from gateway.store.planning.rulebooks import problem_sentences
from gateway.store.server.health import EVICTS, NO_DISK, NO_FILE
from tasks.monitoring.alerts import partition_damaged

MOST_WAIT_S = 60.0
SILENT_S = 60.0
_SERVER_ALERTS = {
    NO_FILE: (
        "no_append_only_file",
        "Redis has no append-only file, so what was acknowledged is lost when it stops.",
        "Set appendonly yes and appendfsync always.",
    ),
    NO_DISK: (
        "disk_not_written",
        "Redis cannot write to its disk, so deliveries are refused.",
        "See in the log of Redis whether its disk is full; Meta delivers again.",
    ),
    EVICTS: (
        "may_evict",
        "Redis may throw away what waits when its memory is full.",
        "Set maxmemory-policy noeviction.",
    ),
}


def find_alerts(snapshot: Snapshot) -> dict[str, Alert]:
    """Return everything that is the matter, by the key of its cause."""
    return {alert.cause.key: alert for find in ALERT_CONDITIONS for alert in find(snapshot)}


def check_workers(snapshot: Snapshot) -> Iterator[Alert]:
    """Tell that workers are silent, which only who stands in for them can see."""
    ago_s = snapshot.ago_s.get("watch")
    if ago_s is None or ago_s > SILENT_S:
        yield _critical(
            "workers_silent",
            "No worker has looked after things for a minute.",
            "Start beat and the workers of worker-default, or see in their logs why they hang.",
        )


def check_planning(snapshot: Snapshot) -> Iterator[Alert]:
    """Tell that events wait because a release or its rules are wrong."""
    if snapshot.stopped_release:
        yield _critical(
            "planning_stopped",
            "Planning has stopped, for too many events raised an error; deliveries are kept.",
            "Roll back the release or the rules, and look at the dead letters.",
        )


def check_rules(snapshot: Snapshot) -> Iterator[Alert]:
    """Tell that the files of rules were changed to something that cannot be used."""
    if problems := problem_sentences(snapshot.rulebooks):
        yield _warning(
            "rules_broken",
            "The rules were changed and cannot be used; those from before stay in force.",
            f"Mend {problems[0].partition(': ')[2]} (gateway rules check tells all.)",
        )


def check_deliveries(snapshot: Snapshot) -> Iterator[Alert]:
    """Tell of deliveries that wait for long, or were set aside."""
    # While planning is stopped they wait for that, which is told already.
    if snapshot.oldest_s > MOST_WAIT_S and not snapshot.stopped_release:
        yield _critical(
            "deliveries_wait",
            "A delivery has waited for more than a minute to be worked off.",
            "Start more of worker-default, or see in its log what holds it up.",
        )
    if any(one.deferred for one in snapshot.partitions):
        yield _warning(
            "deliveries_aside",
            "Deliveries cannot be committed now and are set aside.",
            "See gateway dead-letters list --cause aside; they are tried again by themselves.",
        )


def partitions(reading: Snapshot) -> Iterator[Alert]:
    """Tell of partitions that cannot be read."""
    return (partition_damaged(one.index) for one in reading.partitions if one.damaged)


def check_pauses(snapshot: Snapshot) -> Iterator[Alert]:
    """Tell that Meta takes nothing of a number, or of all that belong to its account."""
    for one in snapshot.numbers:
        if pause := one.pauses.pause:
            code = pause.error.get("code")
            whole_account = code is not None and error_policy(code, 400).scope != "number"
            yield _critical(
                "paused",
                f"Meta takes no sends {'of the account' if whole_account else 'of this number'} any"
                " more.",
                f"{pause.error.get('reason', '')} Sends wait, and go on by themselves.".strip(),
                detail="" if code is None else str(code),
                number="" if whole_account else one.number,
            )


def check_replies(snapshot: Snapshot) -> Iterator[Alert]:
    """Tell of replies that nobody sends; broadcasts may wait for their turn."""
    for one in snapshot.numbers:
        # While the number is stopped they wait for that, which is known already.
        stopped = one.pauses.pause or any(not held.rule for held in one.pauses.holds)
        if one.lanes["reply"].overdue_s > MOST_WAIT_S and not stopped:
            yield _critical(
                "replies_wait",
                "A reply has been due for more than a minute and was not sent.",
                "Start more of worker-critical, or see in its log what Meta answers.",
                number=one.number,
            )


def check_canary(snapshot: Snapshot) -> Iterator[Alert]:
    """Tell that an event of our own does not go the whole way any more."""
    if snapshot.canary.missing_s > OVERDUE_S:
        yield _critical(
            "canary_overdue",
            "No canary has gone the whole way in time for more than two minutes.",
            "See with gateway status where things wait, and whether worker-default and "
            "worker-critical run.",
        )


def check_memory(snapshot: Snapshot) -> Iterator[Alert]:
    """Tell that the store fills up, and that it is full."""
    if snapshot.health.is_short:
        yield _warning(
            "memory_short",
            "Redis has used more than 60 % of its memory limit, so history goes before its time.",
            "Give Redis more memory, or keep history for less time (GATEWAY_RETENTION).",
        )
    if snapshot.health.is_full:
        yield _critical(
            "memory_full",
            "Redis has used more than 75 % of its memory limit, so deliveries are refused.",
            "Give Redis more memory, and start more workers if much waits; Meta delivers again.",
        )


def check_server(snapshot: Snapshot) -> Iterator[Alert]:
    """Tell that the server may lose what was acknowledged."""
    for warning, alert in _SERVER_ALERTS.items():
        if warning in snapshot.health.warnings:
            yield _critical(*alert)


def check_dead_letters(snapshot: Snapshot) -> Iterator[Alert]:
    """Tell of dead letters that ask for a person, once for all that share a cause and a code."""
    for group in snapshot.letters:
        if needs_operator(group.cause, group.code):
            code = "" if group.code is None else f" {group.code}"
            yield _warning(
                "dead_letters",
                f"There are dead letters: {group.cause}{code}.",
                f"{advice(group.cause, group.code)} See gateway dead-letters list.",
                detail=f"{group.cause}{code}",
                number=group.number,
            )


ALERT_CONDITIONS: tuple[Callable[[Snapshot], Iterator[Alert]], ...] = (
    check_workers,
    check_planning,
    check_rules,
    check_deliveries,
    partitions,
    check_pauses,
    check_replies,
    check_canary,
    check_memory,
    check_server,
    check_dead_letters,
)


def _critical(kind: str, title: str, advice: str, *, detail: str = "", number: str = "") -> Alert:
    return _alert("critical", kind, title, advice, detail, number)


def _warning(kind: str, title: str, advice: str, *, detail: str = "", number: str = "") -> Alert:
    return _alert("warning", kind, title, advice, detail, number)


def _alert(
    severity: Severity, kind: str, title: str, advice: str, detail: str, number: str
) -> Alert:
    return Alert(Cause(kind, detail, number), severity, title, advice)
