"""How long each page of the console takes beside few events in the store and many."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from urllib.parse import quote

import httpx

from gateway.core.console.sign_ins import LIFETIME, SignIn, hash_token
from gateway.store.api.lists.list_secret import read_secret
from gateway.store.body_codec import Bodies
from gateway.store.campaigns.campaigns import list_campaigns
from gateway.store.console.jobs import JobProgress, write_progress
from gateway.store.console.sign_ins import add_sign_in
from gateway.store.redis.client import Store
from gateway.store.templates.registry import TemplateRegistry
from gateway.store.templates.sync import sync_templates
from gateway.web.console.handles import conversation_address
from gateway.web.console.page import ROOT
from gateway.web.console.page_table import PAGES
from tests.bench.console.copies import CopiedNames
from tests.bench.console.seeder import Seeder
from tests.bench.sending import cpu_s
from tests.bench.templates import WABA, LongList
from tests.support.factories import NUMBER
from tests.support.servers import Server
from tests.support.stack import Stack, plain_client
from tests.support.store.raw import raw
from tests.support.web.console_client import know_user

FEW, MANY, ASKED = 1_000, 5_000_000, 40
SOME = 20  # addresses of a page that has one for each thing
TOKEN = "token of the benchmark"
JOB = "0123456789abcdef"
# A store of five million events has about 10 GiB, and is written again when it is wanted again.
IN_MEMORY_ONLY = {"appendonly": "no", "maxmemory": "14gb"}


def console_gateway(folder: Path, server: Server) -> Stack:
    """Return a gateway whose account has templates, not yet started."""
    return Stack(folder, server, GATEWAY_LOG_LEVEL="warning", META_WABA_ID=WABA)


class ConsolePages:
    """The pages that a web process shows of a seeded store."""

    def __init__(self, stack: Stack, store: Store, seeder: Seeder) -> None:
        """Take a gateway that is not started, its store, and who fills it; start the gateway."""
        self.stack, self.store, self.seeder = stack, store, seeder
        sign_in(store)
        assert sync_templates(TemplateRegistry(store, WABA), LongList()).step == "fetched"
        stack.start("web")

    def measure(self) -> Iterator[tuple[str, float]]:
        """Yield what is measured and its figure: ms of each page, and the memory of both."""
        beside = f"beside {self.seeder.events:,} events"
        with console_client(self.stack) as client:
            for path, addresses in self.addresses().items():
                for form in ("", ".json"):
                    cpu = self._cpu_s()
                    took = sorted(self._ask(client, form, addresses))
                    name = f"{path.removeprefix('/')}{form}, {beside}"
                    yield f"console p50 ms, {name}", took[ASKED // 2]
                    yield f"console p95 ms, {name}", took[ASKED * 95 // 100 - 1]
                    yield f"console CPU ms, {name}", (self._cpu_s() - cpu) / ASKED * 1_000
        memory = raw(self.store).info("memory")
        yield f"MiB of Redis, {beside}", memory["used_memory"] / (1 << 20)
        yield f"MiB of the web process, {beside}", resident_mib(self.stack.programs["web"].pid)

    def _cpu_s(self) -> float:
        """Return what the web process and Redis used so far: on a busy machine it says most."""
        used = raw(self.store).info("cpu")
        redis_s = float(used["used_cpu_user_main_thread"] + used["used_cpu_sys_main_thread"])
        return cpu_s(self.stack.programs["web"].pid) + redis_s

    def _ask(self, client: httpx.Client, form: str, addresses: Sequence[str]) -> Iterator[float]:
        for address in islice(cycle(addresses), ASKED):
            path, mark, query = address.partition("?")
            began = time.perf_counter()
            answer = client.get(f"{ROOT}{path}{form}{mark}{query}")
            yield (time.perf_counter() - began) * 1_000
            assert answer.status_code == 200, (path, answer.status_code)
            assert "igures unavailable" not in answer.text, path

    def addresses(self) -> Mapping[str, Sequence[str]]:
        """Return the addresses of each page of the table, and of lists that are filtered."""
        write_job(self.store)
        copies = self.seeder.copies
        known = {
            "/messages/{id:path}": [*_stories(copies)],
            "/conversations/{number}/{handle}": [*self._conversations()],
            "/campaigns/{id}": [
                f"/campaigns/{one.id}" for one in list_campaigns(self.store, Bodies())[-SOME:]
            ],
            "/templates/{name}/{language}": ["/templates/order_7/en_US"],
            "/jobs/{id}": [f"/jobs/{JOB}"],
        }
        shown = {one.path: known.get(one.path, [one.path]) for one in PAGES}
        references = [one.reference for one in copies["requested"][:SOME]]
        return {path: some for path, some in shown.items() if some} | {
            "/messages?reference": [f"/messages?reference={quote(one)}" for one in references],
            "/messages?status=failed": ["/messages?status=failed"],
            "/messages?status=expired, which is none": ["/messages?status=expired"],
            "/dead-letters?cause=refused": ["/dead-letters?cause=refused"],
            "/dead-letters?code=1, which is none": ["/dead-letters?code=1"],
        }

    def _conversations(self) -> Iterator[str]:
        secret = read_secret(self.store)
        for contact in self.seeder.customers()[:SOME]:
            yield conversation_address(secret, NUMBER, contact).removeprefix(ROOT)


def _stories(copies: Mapping[str, Sequence[CopiedNames]]) -> Iterator[str]:
    """Yield addresses of messages by their id, their wamid and the id of their event."""
    for kind in ("answered", "requested", "refused"):
        for one in copies[kind][: SOME // 3]:
            for id_ in filter(None, (one.send, one.sent or one.wamid, one.record_id)):
                yield f"/messages/{quote(id_)}"


def sign_in(store: Store) -> None:
    """Let the token of the benchmark be that of an admin who has signed in."""
    user, now = know_user(store, "admin"), datetime.now(UTC)
    add_sign_in(store, SignIn(hash_token(TOKEN), user.name, user.id, now, now + LIFETIME))


def write_job(store: Store) -> None:
    """Let there be a job that is at work."""
    now = datetime.now(UTC)
    write_progress(store, JobProgress(JOB, "redrive dead letters", "admin", 2_000, now, now))


def console_client(stack: Stack) -> httpx.Client:
    """Return a client of the console that has signed in."""
    headers = {"host": f"127.0.0.1:{stack.api_port}", "cookie": f"gateway-console={TOKEN}"}
    return plain_client(base_url=stack.api, headers=headers)


def resident_mib(pid: int) -> float:
    """Return the memory of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return next(int(one.split()[1]) for one in lines if one.startswith("VmRSS")) / 1024
