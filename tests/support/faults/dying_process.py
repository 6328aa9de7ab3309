"""Runs a program of ours that dies by signal 9 at a named step, once it is told which.

    python -m tests.support.faults.dying_process FOLDER KIND -m celery -A tasks worker ...

What follows KIND is what Python would be given. Every boundary between two steps of the way through
(ARCHITECTURE.md) looks into FOLDER; where a file `KIND.<step>` stands, the first process that gets
there takes it away and kills itself and its whole group. Nothing of this is in the programs.

`KIND.reached` lists the steps to which the threads of a worker's pool came, and those of its posts.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import celery.beat

import tasks.context
import tasks.outbound
import tasks.outgoing.calls
import tasks.outgoing.forwards
import tasks.wakeup
from gateway.graph.messages import Graph
from gateway.http_out.outgoing import OutgoingClient, OutgoingRequest
from gateway.store.api import send_writer
from gateway.store.inbox import inbox
from gateway.store.inbox.lease import RELEASE
from gateway.store.inbox.writer import InboxWriter
from gateway.store.redis.client import Call, Store
from tests.support.fork_server import run_as_python

TAKEN, REACHED = ".taken", "reached"
CURSOR, LEASE_OUTCOMES, MOST = 7, 5, 1  # where among the arguments of `next` and `pump`
# Scripts that lease something: a death after them is one of a worker that has it in hand.
LEASING = ("lease", "take", "take_calls", "take_forwards")
# Threads that do what a worker was woken for; others look after the worker itself.
WORKING = ("ThreadPoolExecutor", "call", "forward")


class Halting:
    """The steps of one process, at each of which it may have to die."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._start = f"{folder}/{kind}."
        self._reached = set[str]()

    def at(self, step: str) -> None:
        """Die here, if that is asked for and nobody did already."""
        if self._claims(step):
            die()

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with a step before it and one after."""

        def halting(*args: Any, **kwargs: Any) -> Any:
            self.at(f"{name}.before")
            result = function(*args, **kwargs)
            self.at(f"{name}.after")
            return result

        return halting

    def scripts(self, run: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        """Return `Store.call_many` with steps before, in the middle of, and after its scripts."""

        def halting(store: Store, calls: Sequence[Call]) -> list[Any]:
            step = named(calls)
            self.at(f"{step}.before")
            # Claimed before it runs, so that no two processes run a half and only one of them dies.
            if len(calls) > 1 and self._claims(f"{step}.half"):
                run(store, calls[: len(calls) // 2])
                die()
            results = run(store, calls)
            if step not in LEASING or got_something(step, results):
                self.at(f"{step}.after")
            return results

        return halting

    def keeps(self, append: Callable[..., Any]) -> Callable[..., Any]:
        """Return `Keeper._append` with steps before, in the middle of, and after its scripts."""

        async def halting(keeper: InboxWriter, groups: dict[int, Any], *, by_hash: bool) -> Any:
            self.at("keep.before")
            if len(groups) > 1 and self._claims("keep.half"):
                half = dict(islice(groups.items(), len(groups) // 2))
                await append(keeper, half, by_hash=by_hash)
                die()
            replies = await append(keeper, groups, by_hash=by_hash)
            self.at("keep.after")
            return replies

        return halting

    def requests(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """Return `run_calls` of the send writer with steps before and after its scripts."""

        async def halting(client: Any, calls: Sequence[Call], *args: Any) -> Any:
            step = named(calls)
            self.at(f"{step}.before")
            results = await run(client, calls, *args)
            self.at(f"{step}.after")
            return results

        return halting

    def exchanges(self, send: Callable[..., Any]) -> Callable[..., Any]:
        """Return `OutgoingClient.send` with steps before and after a call, or a forward's post."""

        def halting(client: OutgoingClient, request: OutgoingRequest) -> Any:
            step = "call" if "Idempotency-Key" in request.headers else "forward"
            return self.around(step, send)(client, request)

        return halting

    def _claims(self, step: str) -> bool:
        """Say whether this process is the one to die at a step: nobody else is from now on."""
        self._note(step)
        asked = self._start + step
        try:
            os.rename(asked, asked + TAKEN)
        except FileNotFoundError:
            return False
        return True

    def _note(self, step: str) -> None:
        """List a step the first time that a thread which works comes to it."""
        is_new = step not in self._reached and not step.endswith(".half")
        if is_new and threading.current_thread().name.startswith(WORKING):
            self._reached.add(step)
            with Path(self._start + REACHED).open("a") as reached:
                reached.write(f"{step}\n")

    def install(self) -> None:
        """Put the steps around everything that reaches outside the process."""
        changed: Sequence[tuple[Any, str, Callable[..., Any]]] = (
            (Store, "call_many", self.scripts),
            (InboxWriter, "_append", self.keeps),
            (send_writer, "run_calls", self.requests),
            (Graph, "post_message", lambda one: self.around("post", one)),
            (inbox, "clear_wakeup", lambda one: self.around("bell", one)),
            (tasks.outbound, "clear_wakeup", lambda one: self.around("bell", one)),
            (tasks.outgoing.calls, "clear_wakeup", lambda one: self.around("bell", one)),
            (tasks.outgoing.forwards, "clear_wakeup", lambda one: self.around("bell", one)),
            (OutgoingClient, "send", self.exchanges),
            (tasks.context, "add_number", lambda one: self.around("list", one)),
            (tasks.wakeup, "_ring", lambda one: self.around("ring", one)),
            (celery.beat.Scheduler, "apply_async", lambda one: self.around("ring", one)),
        )
        for owner, name, wrapped in changed:
            setattr(owner, name, wrapped(getattr(owner, name)))
        # Each wake-up looks at how long forwards wait: all of a test may come within one second.
        tasks.outgoing.forwards.LOOKS_EACH_S = 0.0


def die() -> None:
    """End at once, with all that this process started."""
    os.killpg(0, signal.SIGKILL)


def named(calls: Sequence[Call]) -> str:
    """Return the step that some scripts are; those of leases and of lanes are several."""
    if not calls:
        return "nothing"
    script, args = calls[0].script, calls[0].args
    if script == "take":
        if any(len(call.args) > CURSOR and call.args[CURSOR] for call in calls):
            return "pass"
        return "release" if args[RELEASE] else "lease"
    if script == "pump":
        if any(len(call.args) > LEASE_OUTCOMES for call in calls):
            return "settle"
        return "take" if any(call.args[MOST] for call in calls) else "ask"
    return script


def got_something(step: str, results: Sequence[Any]) -> bool:
    """Say whether scripts that lease or take have done so."""
    if step == "lease":
        return any(result is not None for result in results)
    return any(isinstance(result, list) and result[-1] for result in results)


def main() -> None:
    folder, kind, how, what, *args = sys.argv[1:]
    Halting(Path(folder), kind).install()
    run_as_python(how, what, *args)


if __name__ == "__main__":
    main()
