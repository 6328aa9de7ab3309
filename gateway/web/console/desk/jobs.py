"""Job runner: does one act after another beside the requests, at a pace, until it is told to stop.

A job whose process ends stays where it is: each act is repeatable, and what is left can be chosen
again.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import structlog

from gateway.store.console.jobs import JobProgress, write_progress
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError

log = structlog.get_logger(__name__)

# So that live messages keep their share of a number's pace, and webhooks theirs of the process.
A_SECOND = 50
# So many acts, or seconds where the store is slow: a job that says nothing for long has ended.
STORED_EVERY, STORED_WITHIN_S = 10, 4.0


@dataclass(slots=True)
class JobRunner:
    """Runs the jobs of this process."""

    store: Store
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(
        self, what: str, user: str, items: Sequence[str], act: Callable[[str], Awaitable[str]]
    ) -> str:
        """Begin to act on items, and return the id of the job. Raises StoreUnavailableError."""
        now = datetime.now(UTC)
        job = JobProgress(secrets.token_hex(8), what, user, len(items), now, now)
        await asyncio.to_thread(write_progress, self.store, job)
        task = asyncio.create_task(self._run(job, items, act))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job.id

    def end(self) -> None:
        """End all jobs where they are."""
        for task in self._tasks:
            task.cancel()

    async def _run(
        self, job: JobProgress, items: Sequence[str], act: Callable[[str], Awaitable[str]]
    ) -> None:
        outcomes: Counter[str] = Counter()
        for nth, item in enumerate(items, 1):
            outcomes[await _outcome_of(act, item)] += 1
            is_last, now = nth == len(items), datetime.now(UTC)
            is_late = (now - job.seen_at).total_seconds() >= STORED_WITHIN_S
            if nth % STORED_EVERY == 0 or is_last or is_late:
                job = replace(job, outcomes=outcomes, seen_at=now, is_over=is_last)
                if await self._is_stopped(job):
                    await self._is_stopped(replace(job, is_over=True))
                    return
            await asyncio.sleep(1 / A_SECOND)

    async def _is_stopped(self, job: JobProgress) -> bool:
        """Store how far the job is, and say whether it is to stop."""
        try:
            return await asyncio.to_thread(write_progress, self.store, job)
        except (StoreUnavailableError, ScriptError):
            return False  # the next step stores it


async def _outcome_of(act: Callable[[str], Awaitable[str]], item: str) -> str:
    try:
        return await act(item)
    except (StoreUnavailableError, ScriptError):
        return "not done: the store did not answer"
    except Exception as error:  # one item must not end the job
        log.error("console_job_failed", error=type(error).__name__)
        return "not done: an error of the gateway"
