"""Replay over HTTP: posts as Meta would, many conversations at once and each in its order."""

import re
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from queue import Queue
from types import TracebackType
from typing import Self

import httpx
import typer
from rich.markup import escape

from gateway.cli.common import errors
from gateway.cli.common.accounts import choose_one_account, load_or_end
from gateway.cli.common.delivery_source import Item
from gateway.cli.common.output import open_console, print_json, progress_bar
from gateway.cli.develop.replay.pacing import ReplayPace, ReplayTally
from gateway.cli.develop.replay.selection import DeliverySelection
from gateway.cli.local import workspace
from gateway.core.formats import pluralize
from gateway.core.webhook.event_keys import conversation_key
from gateway.core.webhook.signature import HEADER, sign

# Longer than the gateway ever takes: Meta itself would have given up before.
TIMEOUT_S = 30.0
WAITING = 2  # deliveries queued for each lane, so that no lane waits for the reading thread

OnAnswer = Callable[[Item, int, int], None]  # with the status, and how many ms it took


@dataclass(frozen=True, slots=True)
class FailedPost:
    """First delivery without an answer, and the reason."""

    item: Item
    error: Exception


class PostLanes:
    """Posts on several connections; deliveries of one customer share a connection."""

    def __init__(self, url: str, secret: bytes, count: int, on_answer: OnAnswer) -> None:
        """Take the URL, the signing secret, and the callback for answers, called one at a time."""
        self._url = url
        self._secret = secret
        self._on_answer = on_answer
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._queues: list[Queue[Item | None]] = [Queue(WAITING) for _ in range(count)]
        self._threads = [
            threading.Thread(target=self._work, args=[queue], daemon=True) for queue in self._queues
        ]
        self.failure: FailedPost | None = None

    def __enter__(self) -> Self:
        """Start the posting threads."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Wait for posts in flight; after an error, queued deliveries are not posted."""
        if error:
            self._over.set()
        for queue in self._queues:
            queue.put(None)
        for thread in self._threads:
            thread.join()

    def wait(self, due: float) -> bool:
        """Wait for a moment of the monotonic clock; false if posting has failed."""
        return not self._over.wait(max(0.0, due - time.monotonic()))

    def post(self, item: Item) -> None:
        """Queue a delivery for its lane; waits while that is full."""
        body = item.delivery.body
        lane = zlib.crc32(conversation_key(body) or body[:4096]) % len(self._queues)
        self._queues[lane].put(item)

    def _work(self, queue: Queue[Item | None]) -> None:
        with httpx.Client(trust_env=False, timeout=TIMEOUT_S) as client:
            while (item := queue.get()) is not None:
                # After another lane's failure, queued deliveries are discarded to free the queue.
                if not self._over.is_set():
                    self._post_item(client, item)

    def _post_item(self, client: httpx.Client, item: Item) -> None:
        body = item.delivery.body
        started = time.monotonic()
        try:
            headers = {"content-type": "application/json", HEADER: sign(body, self._secret)}
            status = client.post(self._url, content=body, headers=headers).status_code
        except Exception as error:  # any error: nothing may wait forever for this lane
            with self._lock:
                self.failure = self.failure or FailedPost(item, error)
            self._over.set()
            return
        took_ms = round((time.monotonic() - started) * 1000)
        with self._lock:
            self._on_answer(item, status, took_ms)


ADVICE = {
    401: "It does not believe this secret: set META_APP_SECRET to that of its app, or name its "
    "account with --account.",
    404: "It has no such path: a gateway takes deliveries at /webhook, and those of an account at "
    "/webhook/NAME.",
    413: "It takes no body as large as that.",
    503: "It keeps nothing at the moment: run it again, for what it kept is known.",
}
HERE = "http://127.0.0.1:8000"
_ADDRESS = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[^/\s:\[\]]+)(:\d{1,5})?(/\S*)?")


def receiver_of(to: str, account: str = "") -> tuple[str, bytes]:
    """Return the URL to post to, and the secret of the account that its gateway accepts there."""
    if to and not _ADDRESS.fullmatch(to):
        raise errors.fail(f"{to} is no web address: write http://host:port/webhook.")
    running = workspace.find_running()
    if running and running.app_secret and to in ("", running.webhook):
        return running.webhook, running.app_secret.encode()
    whose = choose_one_account(load_or_end(errors.settings()), account)
    there = running.web if running else HERE
    return to or f"{there}{whose.webhook}", whose.secrets[0].value


def post_all(
    selection: DeliverySelection,
    count: int,
    to: tuple[str, bytes],
    pace: ReplayPace,
    lanes: int,
    *,
    json: bool,
) -> None:
    """Post all and report the results; exit code 1 if any was refused."""
    tally, began = ReplayTally(), time.monotonic()
    failure: FailedPost | None = None
    interrupted = False
    try:
        with progress_bar(silent=json) as progress:
            task = progress.add_task("Posting", total=count)

            def count_answer(item: Item, status: int, took_ms: int) -> None:
                tally.add(item.where, status, took_ms)
                progress.advance(task)

            with PostLanes(*to, lanes, count_answer) as posting:
                for item in selection:
                    if not posting.wait(began + pace.due_s(item.delivery.received_at)):
                        break
                    posting.post(selection.prepare(item))
            failure = posting.failure
    except KeyboardInterrupt:
        interrupted = True
    finally:
        _report(tally, count, time.monotonic() - began, json=json)
    if failure:
        raise errors.fail(_describe_failure(to[0], failure, tally.answer_count, count))
    if interrupted:
        errors.errors.print(f"Interrupted: {tally.answer_count:,} of {count:,} were answered.")
        raise typer.Exit(errors.INTERRUPTED)
    if not tally.all_kept:
        raise typer.Exit(1)


def _report(tally: ReplayTally, count: int, seconds: float, *, json: bool) -> None:
    if json:
        totals = {"deliveries": count, "answered": tally.answer_count, "seconds": round(seconds, 3)}
        refused = [{"where": where, "status": status} for where, status in tally.refused]
        report = totals | {"by_status": tally.to_dict(), "refused": refused}
        print_json(report)
        return
    for where, status in tally.refused:
        errors.errors.print(f"[red]{status}[/] {escape(where)}")
    for status in tally.took_ms.keys() & ADVICE.keys():
        errors.errors.print(f"[red]{status}[/] {ADVICE[status]}")
    if tally.answer_count:
        open_console().print(tally.table())
        rate = tally.answer_count / max(seconds, 0.001)
        deliveries = pluralize(tally.answer_count, "delivery", "deliveries")
        typer.echo(f"{deliveries} posted in {seconds:.1f} s, {rate:,.0f} a second.")


def _describe_failure(url: str, failure: FailedPost, answer_count: int, count: int) -> str:
    """Describe why and where a replay ended, and what was done until then."""
    match failure.error:
        case httpx.ConnectError() if "refused" in str(failure.error):
            why = f"Nobody listens at {url}"
        case httpx.ConnectError():
            why = f"{url} cannot be reached ({failure.error})"
        case httpx.TimeoutException():
            why = f"No answer from {url} within {TIMEOUT_S:.0f} seconds"
        case UnicodeError() | httpx.InvalidURL():
            why = f"{url} is no web address"
        case httpx.HTTPError():
            why = f"No answer from {url} ({type(failure.error).__name__})"
        case _:
            raise failure.error
    if not answer_count:
        return f"{why}, so nothing was posted."
    return (
        f"{why}: it ended at {failure.item.where}, when {answer_count:,} of {count:,} were posted."
    )
