"""Schedules of recurring sends: each that is due makes one send, and names its next moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from gateway.core.api.message_request import MessageRequest, plan_request
from gateway.core.api.schedules.firing import (
    FiringDecision,
    decide_firing,
    note_firing,
    read_firing_request,
)
from gateway.core.api.schedules.schedule import firing_id
from gateway.core.contacts.contact import Contact
from gateway.core.sending.send import Send
from gateway.store.api.schedules.rows import (
    KEPT_FOR,
    ScheduleChange,
    StoredSchedule,
    postpone,
    read_due,
    remove_schedule,
    write_schedules,
)
from gateway.store.maintenance.retention import memory_health
from gateway.store.planning.contacts import find_contacts
from gateway.store.sending.lanes import Damage
from tasks.context import StoreAccess
from tasks.monitoring.noted_alerts import note_damage, note_failing_schedules

log = structlog.get_logger(__name__)

# A look works off so many of all numbers, within a part of a second; the rest is due at the next.
MOST_AT_ONCE = 200
IN_ONE_SCRIPT = 25
# What cannot be worked on is looked at again after so long: more than once within the minute after
# which a moment was missed, for another process may be able to.
RESTS = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class DueFiring:
    """A decision about one schedule, and the request of the send that it makes now, if any."""

    stored: StoredSchedule
    decision: FiringDecision
    request: MessageRequest | None = None


def fire_schedules(ctx: StoreAccess, number: str, most: int) -> list[str]:
    """Let schedules of a number that are due make their sends; return the priority of each.

    A schedule that cannot be read or planned stops no other. Raises StoreUnavailableError or
    ScriptError; what was not done then is due at the next look.
    """
    due = read_due(ctx.store, ctx.bodies, number, most)
    _postpone_unreadable(ctx, number, due.unreadable, due.now)
    if due.found and (obstacle := _find_obstacle(ctx, number)):
        # Once it is gone, each schedule decides about what was missed.
        postpone(ctx.store, number, [one.id for one in due.found], due.now + RESTS)
        log.warning("schedule_failed", number=number, why=obstacle)
        note_failing_schedules(ctx.store, number)
        return []
    priorities: list[str] = []
    for i in range(0, len(due.found), IN_ONE_SCRIPT):
        priorities += _fire(ctx, number, due.found[i : i + IN_ONE_SCRIPT], due.now)
    return priorities


def _find_obstacle(ctx: StoreAccess, number: str) -> str:
    """Return why no schedule of a number may make a send now, "" if they may."""
    if not ctx.may_send(number):
        return "no account has the number"
    # As clients are refused then: what is stored has to be worked off first.
    is_full = memory_health(ctx.store, ctx.settings.gateway_store_bytes).is_full
    return "the memory is full" if is_full else ""


def _fire(
    ctx: StoreAccess, number: str, schedules: Sequence[StoredSchedule], now: datetime
) -> list[str]:
    firings = [one for stored in schedules if (one := _decide(ctx, stored, now))]
    names = [one.request.recipient.name for one in firings if one.request]
    contacts = find_contacts(ctx.store, number, names)
    changes = [_plan(ctx, one, contacts, now) for one in firings]
    outcomes = write_schedules(ctx.store, ctx.bodies, number, changes)
    pairs = list(zip(changes, outcomes, strict=True))
    damaged = {one.id: "its keys" for one, outcome in pairs if outcome == "damaged"}
    _postpone_unreadable(ctx, number, damaged, now)
    # What another process changed meanwhile is no longer due, or is read again.
    return [one.send.priority for one, outcome in pairs if one.send and outcome == "written"]


def _decide(ctx: StoreAccess, stored: StoredSchedule, now: datetime) -> DueFiring | None:
    """Decide about one schedule; None where nothing is to be written."""
    progress = stored.progress
    if progress.ended_at and progress.ended_at + KEPT_FOR <= now:
        remove_schedule(ctx.store, stored.number, stored.id)
        return None
    if progress.next_at is None:
        # Its place in the list is older than its row, and is written anew.
        return DueFiring(stored, FiringDecision(None, 0, None))
    try:
        decision = decide_firing(stored.schedule, progress.next_at, now)
    except Exception as error:  # any error in it must cost this schedule only
        why = f"its moments raise {type(error).__name__}"
        _postpone_unreadable(ctx, stored.number, {stored.id: why}, now)
        return None
    return DueFiring(stored, decision, _read_request(ctx, stored) if decision.at else None)


def _read_request(ctx: StoreAccess, stored: StoredSchedule) -> MessageRequest | None:
    request = read_firing_request(stored.schedule, stored.id)
    if isinstance(request, MessageRequest):
        return request
    _report_failure(ctx, stored, ", ".join(one.pointer for one in request))
    return None


def _plan(
    ctx: StoreAccess, firing: DueFiring, contacts: Mapping[str, Contact], now: datetime
) -> ScheduleChange:
    """Return what is written of a schedule: its send, if it makes one, and how far it got then."""
    stored, at, request = firing.stored, firing.decision.at, firing.request
    send: Send | None = None
    if at and request:
        contact = contacts[request.recipient.name]
        planned = plan_request(request, firing_id(stored.id, at), contact, now)
        if isinstance(planned, Send):
            send = planned
        else:
            _report_failure(ctx, stored, ", ".join(one.pointer for one in planned))
    if stored.progress.next_at is None:
        return ScheduleChange(stored.id, stored.version, stored.progress)
    made = send.id if send else ""
    progress = note_firing(stored.schedule, stored.progress, firing.decision, made, now)
    return ScheduleChange(stored.id, stored.version, progress, send=send)


def _report_failure(ctx: StoreAccess, stored: StoredSchedule, why: str) -> None:
    log.warning("schedule_failed", schedule=stored.id, number=stored.number, why=why)
    note_failing_schedules(ctx.store, stored.number)


def _postpone_unreadable(
    ctx: StoreAccess, number: str, why: Mapping[str, str], now: datetime
) -> None:
    note_damage(ctx.store, number, [Damage("schedule", id_, one) for id_, one in why.items()])
    postpone(ctx.store, number, list(why), now + RESTS)
