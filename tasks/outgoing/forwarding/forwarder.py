"""Forwarder of a process: a thread that takes what is due, while a pool of threads posts it.

No Celery task waits for a receiver. A receiver that fails has few posts under way, and then none
but one at a time, so it holds no threads that others need. What was taken by a process that dies is
due again after its lease, under the same id.
"""

import os
import queue
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from gateway.accounts.receivers import receivers_of
from gateway.config.receiver_secrets import ReceiverSecretError, ReceiverSecrets
from gateway.core.forwards.receiver import Receiver
from gateway.core.forwards.receiver_health import FIRST_WINDOW, next_window
from gateway.http_out.exchange import Exchange
from gateway.http_out.outgoing import OutgoingClient
from gateway.http_out.receiver_posts import ANSWER_WITHIN_S, check_secret, post_request
from gateway.store.outgoing.forwards import FAILURES_IN_A_ROW, list_receivers
from gateway.store.redis.client import ScriptError, StoreUnavailableError
from tasks.context import WorkerContext
from tasks.outgoing.forwarding.preparation import PreparedPost
from tasks.outgoing.forwarding.rounds import EndedPost, ForwardRounds, Taken, Wish
from tasks.processes.ending import finish_at_end, is_stopping

log = structlog.get_logger(__name__)

# Of a process at once, and of them to one address: one that hangs for all numbers leaves room.
MOST_POSTS, MOST_OF_RECEIVER = 256, 64
# Outcomes that the store did not take are offered again after so long.
PAUSE_S = 1.0
# A worker that ends waits so long for its posts and their outcomes; then they are due again.
END_WITHIN_S = ANSWER_WITHIN_S + 15.0
Line = tuple[str, str]  # a number and a receiver


@dataclass(slots=True)
class _LineState:
    """What this process has under way to one receiver."""

    url: str = field(default="", repr=False)  # of the receiver, "" until it is looked up
    window: int = FIRST_WINDOW
    under_way: int = 0
    is_woken: bool = False  # something may be due

    @property
    def room(self) -> int:
        """Return how many more posts may begin."""
        return max(0, self.window - self.under_way)


class Forwarder:
    """Posts forwards of this process; `wake` may be called from any thread."""

    def __init__(self, ctx: WorkerContext) -> None:
        """Start no thread yet."""
        self._ctx = ctx
        self._rounds = ForwardRounds(ctx)
        self._client, self._secrets = OutgoingClient(), ReceiverSecrets()
        self._inbox: queue.SimpleQueue[str | EndedPost | None] = queue.SimpleQueue()
        self._pool = ThreadPoolExecutor(MOST_POSTS, thread_name_prefix="forward")
        self._lines: dict[Line, _LineState] = {}
        self._failures = Counter[str]()  # of each address in a row, whoever posted there
        self._unsettled: list[EndedPost] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_ending = False

    def wake(self, number: str) -> None:
        """Look for what a number's receivers are due to get."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="forwarder", daemon=True)
                self._thread.start()
        self._inbox.put(number)

    def finish(self) -> None:
        """Wait until the outcome of each post under way is recorded; none begins any more."""
        with self._lock:
            thread = self._thread
        if thread:
            self._inbox.put(None)
            thread.join(END_WITHIN_S)

    def _run(self) -> None:
        while not self._is_over():
            try:
                self._run_round(self._receive())
            except StoreUnavailableError:
                log.warning("store_away")
                time.sleep(PAUSE_S)
            except Exception:  # a bug of ours must not end what every receiver waits for
                log.exception("forwarding_failed")
                self._unsettled = []  # they are due again after their lease
                time.sleep(PAUSE_S)

    def _receive(self) -> set[str]:
        """Wait for posts that ended or numbers that woke; return these numbers."""
        numbers = set[str]()
        waits = not self._has_work()
        while True:
            try:
                item = self._inbox.get(waits)
            except queue.Empty:
                return numbers
            waits = False
            if isinstance(item, str):
                numbers.add(item)
            elif item is not None:
                self._note_end(item)
            else:
                self._is_ending = True

    def _is_over(self) -> bool:
        """Say whether this process ends, and has no post whose outcome is not recorded."""
        under_way = any(line.under_way for line in self._lines.values())
        return self._is_ending and not (under_way or self._unsettled)

    def _has_work(self) -> bool:
        """Say whether a round could do anything before a post ends."""
        return bool(self._unsettled or self._rooms())

    def _rooms(self) -> dict[Line, int]:
        """Return how many posts may begin now, of those that may have something due."""
        if self._is_ending or is_stopping():
            return {}
        left = MOST_POSTS - sum(line.under_way for line in self._lines.values())
        at_receiver = self._under_way_at_receivers()
        rooms = {}
        for key, line in self._lines.items():
            own = self._most_at(line.url) - at_receiver[line.url] if line.url else MOST_OF_RECEIVER
            room = min(line.room, own, left)
            if line.is_woken and room > 0:
                rooms[key] = room
                left -= room
                at_receiver[line.url] += room
        return rooms

    def _most_at(self, url: str) -> int:
        """Return how many posts to an address may be under way: one at a time while it is down."""
        return 1 if self._failures[url] >= FAILURES_IN_A_ROW else MOST_OF_RECEIVER

    def _under_way_at_receivers(self) -> Counter[str]:
        under_way = Counter[str]()
        for line in self._lines.values():
            under_way[line.url] += line.under_way
        return under_way

    def _note_end(self, ended: EndedPost) -> None:
        post = ended.post
        line = self._lines[post.number, post.receiver.name]
        line.under_way -= 1
        line.is_woken = True
        if not ended.exchange.is_local:
            line.window = next_window(line.window, down=ended.is_down)
            self._note_health(post.receiver.url, down=ended.is_down)
        self._unsettled.append(ended)

    def _note_health(self, url: str, *, down: bool) -> None:
        if down:
            self._failures[url] += 1
        else:
            del self._failures[url]

    def _run_round(self, numbers: set[str]) -> None:
        for number in numbers:
            self._wake_lines(number)
        if self._unsettled:
            self._rounds.settle(self._unsettled)
            self._unsettled = []
        wishes = self._wishes()
        for wish, taken in zip(wishes, self._rounds.take(wishes), strict=True):
            self._begin(wish, taken)

    def _wake_lines(self, number: str) -> None:
        try:
            listed = list_receivers(self._ctx.store, number)
        except ScriptError as error:
            log.error("forwards_not_taken", number=number, error=str(error))
            return
        for name, at in listed.items():
            if at is not None:
                self._lines.setdefault((number, name), _LineState()).is_woken = True

    def _wishes(self) -> list[Wish]:
        """Return the receivers that may get something, each with how much."""
        for number, name in self._rooms():
            receiver = receivers_of(self._ctx.rules.current(), number).get(name)
            self._lines[number, name].url = receiver.url if receiver else ""
        wishes = []
        for (number, name), room in self._rooms().items():
            self._lines[number, name].is_woken = False
            receiver = self._usable_receiver(number, name)
            wishes.append(Wish(number, name, receiver, room if receiver else 0))
        return wishes

    def _usable_receiver(self, number: str, name: str) -> Receiver | None:
        """Return a receiver, None if the rules have it no more or its secret is missing."""
        receiver = receivers_of(self._ctx.rules.current(), number).get(name)
        try:
            if receiver:
                check_secret(receiver, self._secrets)
        except ReceiverSecretError as error:
            log.warning("forward_unset", receiver=name, error=str(error))
            return None
        return receiver

    def _begin(self, wish: Wish, taken: Taken | None) -> None:
        line = self._lines[wish.number, wish.name]
        if taken and wish.most:
            # As much as was wanted, or some have no post and are over: more may be due.
            line.is_woken = taken.count >= wish.most or taken.has_unposted
            line.under_way += len(taken.posts)
            for post in taken.posts:
                self._pool.submit(self._post, post, taken)
        if not line.under_way and not line.is_woken:
            del self._lines[wish.number, wish.name]

    def _post(self, post: PreparedPost, taken: Taken) -> None:
        began = time.monotonic()
        try:
            forward, secrets = post.forwards[0].id, self._secrets
            request = post_request(post.receiver, forward, post.body, secrets, taken.now)
            exchange = self._client.send(request)
        except ReceiverSecretError as error:
            exchange = Exchange(None, error=str(error), is_sent=False, is_local=True)
        except Exception as error:  # a bug must cost this attempt only
            log.exception("forward_not_posted", receiver=post.receiver.name)
            exchange = Exchange(None, error=type(error).__name__, is_sent=False, is_local=True)
        took_ms = int((time.monotonic() - began) * 1000)
        self._inbox.put(EndedPost(post, exchange, taken.now, took_ms, taken.failures))


_forwarders: dict[int, tuple[WorkerContext, Forwarder]] = {}
_making = threading.Lock()


def forwarder_of(ctx: WorkerContext) -> Forwarder:
    """Return the forwarder of this process; one from before a fork has no thread here."""
    with _making:
        made_for, forwarder = _forwarders.get(os.getpid(), (None, None))
        if forwarder is None or made_for is not ctx:
            forwarder = Forwarder(ctx)
            finish_at_end(forwarder.finish)
            _forwarders[os.getpid()] = ctx, forwarder
        return forwarder
