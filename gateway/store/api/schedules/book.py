"""Book of schedules: those of all numbers, for the API and for commands.

All of it may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.core.api.schedules.schedule import (
    MOST_SCHEDULES,
    Schedule,
    ScheduleProgress,
    begin,
    rebase,
)
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import number_list
from gateway.store.api.schedules.rows import (
    ScheduleChange,
    StoredSchedule,
    WriteOutcome,
    count_schedules,
    list_schedules,
    locate_schedule,
    read_schedules,
    remove_schedule,
    write_schedules,
)
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import Store
from gateway.store.sending.lookup import TracedSend, read_sends


@dataclass(frozen=True, slots=True)
class SchedulePage:
    """Schedules in the order of a list; `end` is the id of the last one if there are more."""

    schedules: Sequence[StoredSchedule]
    end: str | None


@dataclass(frozen=True, slots=True)
class ScheduleBook:
    """Schedules of the numbers that are named with each call."""

    store: Store
    bodies: Bodies
    most: int = MOST_SCHEDULES

    def now(self) -> datetime:
        """Return the server's time, by which moments are decided."""
        seconds, micros = self.store.run(lambda client: client.time())
        return datetime_from_ms(seconds * 1000 + micros // 1000)

    def create(
        self, numbers: Collection[str], number: str, id_: str, schedule: Schedule, now: datetime
    ) -> WriteOutcome:
        """Store a new schedule of a number, unless `numbers` have too many together.

        They are counted before and after, so that requests at the same moment do not exceed the
        limit. The answer is "changed" where the id is known.
        """
        everywhere = {*numbers, number}
        is_listed = number_list.add_number(self.store, number)
        is_full = count_schedules(self.store, everywhere) >= self.most
        if self.find([number], id_):
            return "changed"
        if not is_listed or is_full:
            return "full"
        change = ScheduleChange(id_, "", begin(schedule, ScheduleProgress(), now), schedule)
        (outcome,) = write_schedules(self.store, self.bodies, number, [change])
        if outcome == "written" and count_schedules(self.store, everywhere) > self.most:
            remove_schedule(self.store, number, id_)
            return "full"
        return outcome

    def find(self, numbers: Sequence[str], id_: str) -> StoredSchedule | None:
        """Return the schedule of an id; None where none of the numbers has it."""
        names = [(number, id_) for number in numbers]
        return next(iter(read_schedules(self.store, self.bodies, names)), None)

    def page(self, numbers: Sequence[str], after: str, limit: int) -> SchedulePage:
        """Return a page in the order of the ids, which no firing changes."""
        names = sorted((id_, number) for number, id_ in list_schedules(self.store, numbers))
        names = [one for one in names if one[0] > after]
        shown = [(number, id_) for id_, number in names[:limit]]
        found = read_schedules(self.store, self.bodies, shown)
        return SchedulePage(found, shown[-1][1] if len(names) > limit else None)

    def list_next(self, numbers: Sequence[str], limit: int) -> list[StoredSchedule]:
        """Return schedules by their next moment, the earliest first."""
        scores = list_schedules(self.store, numbers)
        names = sorted(scores, key=lambda name: (scores[name], name))[:limit]
        return read_schedules(self.store, self.bodies, names)

    def change(
        self, stored: StoredSchedule, schedule: Schedule, now: datetime
    ) -> StoredSchedule | None:
        """Change a schedule; None where it is not any more as it was read."""
        progress = rebase(stored.schedule, schedule, stored.progress, now)
        change = ScheduleChange(stored.id, stored.version, progress, schedule)
        (outcome,) = write_schedules(self.store, self.bodies, stored.number, [change])
        if outcome != "written":
            return None
        return replace(stored, schedule=schedule, progress=progress)

    def remove(self, numbers: Sequence[str], id_: str) -> bool:
        """Remove a schedule, also one that cannot be read; false where there is none.

        Sends that it made already stay.
        """
        number = locate_schedule(self.store, numbers, id_)
        return number is not None and remove_schedule(self.store, number, id_)

    def read_sends(self, stored: StoredSchedule) -> Mapping[str, TracedSend]:
        """Return the last sends of a schedule, by their ids."""
        ids = [one.send for one in stored.progress.firings if one.send]
        found = read_sends(self.store, self.bodies, stored.number, ids)
        return {send.id: send for send in found}
