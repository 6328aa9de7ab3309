"""Campaigns of a gateway in trouble: started, sampled all the while, and judged at their end."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import redis

from gateway.core.campaigns.recipient_state import CELLS, count_cells
from tests.support.faults.ledger import PREFIX
from tests.support.servers import wait_until
from tests.support.stack import Stack, api_client
from tests.support.store.campaigns import csv_of, phone

KEY = "a-key-of-the-environment"
PENDING = ("waiting", "queued", "attempting")
LOST = ("failed", "expired", "cancelled")


@dataclass
class TroubledCampaigns:
    """Campaigns to people of their own, each of the same size."""

    stack: Stack
    each: int
    first_person: int = 0
    ids: list[str] = field(default_factory=list)
    people: set[str] = field(default_factory=set)

    @contextmanager
    def api(self) -> Iterator[httpx.Client]:
        headers = {"authorization": f"Bearer {KEY}"}
        base = f"{self.stack.api}/v1"
        with api_client(base, headers) as client:
            yield client

    def start(self, count: int = 1, **others: Any) -> None:
        """Start some campaigns, each to people whom no other writes to."""
        definition = {
            "name": "spring",
            "template": {"name": "spring", "language": "en", "params": ["{{ first }}"]},
            "pace": 10,
            "first": {"size": 0},
            "stop": {"unconfirmed": 100},
        }
        kind = {"content-type": "text/csv"}
        with self.api() as api:
            for _ in range(count):
                made = api.post("/campaigns", json=definition | others).raise_for_status()
                id_, begin = str(made.json()["id"]), self.first_person + len(self.people)
                content = csv_of(self.each, begin)
                api.put(f"/campaigns/{id_}/audience", content=content, headers=kind)
                self.ids.append(id_)
                self.people |= {phone(begin + i) for i in range(self.each)}
            checks = [api.post(f"/campaigns/{id_}/check").raise_for_status() for id_ in self.ids]
            for id_, check in zip(self.ids, checks, strict=True):
                body = {"check_id": check.json()["check_id"]}
                api.post(f"/campaigns/{id_}/start", json=body).raise_for_status()

    def shown(self) -> list[dict[str, Any]]:
        """Return the campaigns as the API shows them."""
        with self.api() as api:
            return [api.get(f"/campaigns/{one}").raise_for_status().json() for one in self.ids]

    def waits_for(self, reason: str) -> None:
        """Wait until each says that it waits for that."""
        wait_until(
            lambda: all((one["waiting_for"] or {}).get("reason") == reason for one in self.shown()),
            f"all wait for {reason}",
        )

    def is_paused_for(self, code: int) -> None:
        """Wait until each is paused by its stop rules, for a code of Meta's."""
        wait_until(
            lambda: all(
                (one["phase"], one["by"]) == ("paused", "stop_rule") and str(code) in one["why"]
                for one in self.shown()
            ),
            f"all are paused for {code}",
        )

    def resume(self) -> None:
        """Let an operator resume each."""
        with self.api() as api:
            for one in self.ids:
                api.post(f"/campaigns/{one}/resume").raise_for_status()

    def has_posted(self, least: int) -> None:
        """Wait until so many of its people were written to."""
        wait_until(lambda: self.posts().total() >= least, f"{least} are posted")

    def completes(self, within_s: float = 90) -> None:
        """Wait until all are complete."""
        wait_until(lambda: self._phases() == {"completed"}, "all are complete", within_s)

    def posts(self) -> Counter[str]:
        """Count the posts that Meta accepted to each of its people."""
        posted = (one["to"].removeprefix("+") for one in self.stack.posted())
        return Counter(one for one in posted if one in self.people)

    def cells(self) -> Counter[str]:
        """Return the funnels of all, added up."""
        with redis.Redis.from_url(self.stack.server.url) as client:
            return sum((look(client, one)[1] for one in self.ids), Counter())

    @contextmanager
    def sampled(self) -> Iterator[None]:
        """Compare funnels with recipients all the while, and fail where they ever differ."""
        wrong: list[tuple[Counter[str], ...]] = []
        over = threading.Event()

        def sample() -> None:
            while not over.wait(0.05):
                try:
                    with redis.Redis.from_url(self.stack.server.url) as client:
                        found = [look(client, one)[1:] for one in self.ids]
                except redis.RedisError:  # the server is killed meanwhile
                    continue
                wrong.extend(
                    pair for pair in found if pair[0] != pair[1] or pair[0].total() != self.each
                )

        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(sample)
            try:
                yield
            finally:
                over.set()
            done.result()
        assert wrong == []

    def assert_each_once_or_in_doubt(self) -> None:
        """Judge them: nobody twice, nobody lost, and who was not written to is in doubt."""
        posts, cells = self.posts(), self.cells()
        assert set(posts.values()) == {1}
        assert not any(cells[cell] for cell in (*PENDING, *LOST)), cells
        # What a sender had in hand when it died: Meta may have had it, or not.
        assert len(self.people) - len(posts) <= cells["unconfirmed"]

    def _phases(self) -> set[str]:
        with redis.Redis.from_url(self.stack.server.url) as client:
            return {look(client, one)[0] for one in self.ids}


def look(client: Any, id_: str) -> tuple[str, Counter[str], Counter[str]]:
    """Return a campaign's phase, its funnel, and its recipients as they are, of one moment."""
    key = f"{PREFIX}campaign:{id_}"
    pipe = client.pipeline(transaction=True)
    pipe.hgetall(key)
    pipe.get(f"{key}:recipients")
    row, packed = pipe.execute()
    funnel = Counter({cell: int(row.get(f"cell:{cell}".encode(), 0)) for cell in CELLS})
    return row[b"phase"].decode(), funnel, Counter(count_cells(packed))
