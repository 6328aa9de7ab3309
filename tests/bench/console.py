"""How long pages of the console take beside few things in the store and many.

Things are copies of one send that Meta refused, each under an id of its own, with a contact and a
place in the list of sends; one in fifty is a dead letter. Deliveries, records and the indexes by
contact are not copied. All is written in pipelines of bounded size.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from gateway.core.console.sign_ins import LIFETIME, SignIn, hash_token
from gateway.store import keys, number_list
from gateway.store.console.sign_ins import add_sign_in
from gateway.store.redis.client import Store
from gateway.web.console.page import ROOT
from gateway.web.console.page_table import PAGES
from tests.support.factories import NUMBER
from tests.support.stack import Stack, plain_client
from tests.support.store.dead_sends import died
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import a_send
from tests.support.web.console_client import know_user

FEW, AT_ONCE, ASKED, ONE_IN = 1_000, 2_000, 20, 50
TOKEN = "token of the benchmark"
PREFIX = keys.number(NUMBER)


class ConsoleStore:
    """A store that is filled, and the web process that shows it."""

    def __init__(self, stack: Stack, store: Store) -> None:
        """Take a gateway that is not started and its store, which is empty."""
        self.stack, self.store, self.count = stack, store, 0
        user, now = know_user(store, "admin"), datetime.now(UTC)
        add_sign_in(store, SignIn(hash_token(TOKEN), user.name, user.id, now, now + LIFETIME))
        number_list.add_number(store, NUMBER)
        letter = died(store, a_send("first"))
        self.row = raw(store).dump(f"{PREFIX}send:{letter.id}")
        self.story = f"{ROOT}/messages/{letter.id}"
        stack.start("web")

    def fill(self, count: int) -> None:
        """Write things until there are so many."""
        while self.count < count:
            some = range(self.count, min(count, self.count + AT_ONCE))
            pipe, now = raw(self.store).pipeline(transaction=False), now_ms(self.store)
            for i in some:
                id_ = f"c{i:023d}"
                pipe.restore(f"{PREFIX}send:{id_}", 0, self.row)
                pipe.hset(f"{PREFIX}contact:3519{i:08d}", mapping={"version": "v", "state": "{}"})
                pipe.xadd(f"{PREFIX}listed", {"i": id_})
                if i % ONE_IN == 0:
                    pipe.zadd(f"{PREFIX}dead", {f"send:{id_}": now})
            pipe.execute()
            self.count = some.stop

    def measure(self) -> Iterator[tuple[str, list[float]]]:
        """Yield what is measured and its figures: ms of each page, and the memory of both."""
        beside = f"beside {self.count:,}"
        headers = {"host": f"127.0.0.1:{self.stack.api_port}", "cookie": f"gateway-console={TOKEN}"}
        with plain_client(base_url=self.stack.api, headers=headers) as client:
            places = [ROOT + page.path for page in PAGES if page.label] + [self.story]
            for place in places:
                took = []
                for _ in range(ASKED):
                    began = time.perf_counter()
                    answer = client.get(place)
                    took.append((time.perf_counter() - began) * 1_000)
                    assert answer.status_code == 200, (place, answer.status_code)
                    assert "figures unavailable" not in answer.text, place
                name = "one message" if place == self.story else place.removeprefix(f"{ROOT}/")
                yield f"console p50 ms, {name}, {beside}", [sorted(took)[ASKED // 2]]
                yield f"console p95 ms, {name}, {beside}", [sorted(took)[ASKED * 95 // 100 - 1]]
        used = raw(self.store).info("memory")["used_memory"]
        yield f"MiB of Redis, {beside}", [used / (1 << 20)]
        yield f"MiB of the web process, {beside}", [_resident_mib(self.stack.programs["web"].pid)]


def _resident_mib(pid: int) -> float:
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return next(int(one.split()[1]) for one in lines if one.startswith("VmRSS")) / 1024
