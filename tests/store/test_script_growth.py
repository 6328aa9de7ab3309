"""No script takes longer where more is stored.

Each script of gateway/store/lua is called in a world with 1,000 of everything and in one with
100,000. What counts is the processor's time that the server took, the least of several calls.
A new script is a new line in CASES.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.core.campaigns.recipient_state import campaign_send_id
from gateway.store.inbox.lease import NOT_PASSED
from gateway.store.lua.scripts import SCRIPTS
from gateway.store.redis.client import Store
from tests.support.servers import Server
from tests.support.store.large_store import World
from tests.support.store.raw import raw

pytestmark = [pytest.mark.store, pytest.mark.alone]
SMALL, LARGE = 1_000, 100_000
CALLS = 9
TIMES, FLOOR_US = 2.0, 200.0
DAY_MS = 86_400_000
CAMPAIGN = "abcdefghijkl"
FAR = 1 << 45
ROW = "{}"
Args = Callable[[int], list[Any]]


@dataclass(frozen=True)
class Case:
    """How a script is called: with which arguments the n-th time, and with which prefix."""

    args: Args
    of: str = "number"
    each: bool = False  # it returns how many it worked off; what counts is the time for each


def digest(n: int) -> bytes:
    return f"digest {n:09}".encode()


def stage(send: str, wamid: str, word: str, rung: int) -> list[Any]:
    return ["stage", 12, send, wamid, word, rung, 1, "", "1", 0, "", "", "", 0]


def action(n: int) -> list[Any]:
    return ["action", 10, f"new{n}", "hot", "reply", 0, FAR, "", "", "r", ROW, ""]


def committed(n: int) -> list[Any]:
    """Commit all verbs for a contact, of whom more is parked than may come back at once."""
    verbs: list[Any] = ["record", 4, f"new{n}", ROW, DAY_MS, "hot", *action(n)]
    verbs += ["notification", 2, f"new{n}", ROW, "call", 3, f"new{n}", "orders", ROW]
    verbs += [*stage(f"unconfirmed{n}", f"new{n}", "sent", 4), "timer", 3, f"new{n}", FAR, ROW]
    verbs += stage(f"overtaking{n}", f"over{n}", "sent", 4)
    know = ["know", 5, digest(n), "p", "message", FAR, FAR]
    return ["hot", "" if n == 1 else "v", "v", ROW, *verbs, *know]


def pumped(n: int, send: str = "attempting") -> list[Any]:
    """Settle an attempt, of a lane in which many sends wait, and take more."""
    return [30_000, 9, 1_000, f"call{n}", "", f"{send}{n}", 1, "accepted", f"out{n}", 0, "", ""]


def overtaking(n: int) -> list[Any]:
    """Settle an attempt of a lane with as many doubts as there may be, and take more."""
    return pumped(n + 20, "overtaking")


def compacted(n: int) -> list[Any]:
    """Compact a send whose row stands among all others."""
    row = [f"dead{n}", b"spot spot %03d" % n, "dead", 1, 13]
    return [DAY_MS, DAY_MS, DAY_MS, *row, b"", b"a record", b"a text", b"\0" * 10, 0]


def requested(n: int) -> list[Any]:
    """Accept a send into a lane in which many wait, with an idempotency key."""
    id_ = f"requested{n}".ljust(24, "x")
    known = [f"{n:032}", f"{id_}0:0", DAY_MS]
    return [id_, "hot", "reply", 0, FAR, "", "", "", ROW, *known, f"task{n}", "hot", ""]


def fired(n: int) -> list[Any]:
    """Let a schedule make a send in a lane in which many wait."""
    return [
        10**9,
        f"schedule{n}",
        1,
        "",
        ROW,
        FAR,
        f"fired{n}",
        "hot",
        "reply",
        0,
        FAR,
        "",
        "",
        "",
        ROW,
    ]


def erased_sends(n: int) -> list[Any]:
    """Erase a send that waits in its lane and many lists, and one that was compacted."""
    return [60_000, f"s{n + 300}", f"gone{n + 300}"]


def expanded(n: int) -> list[Any]:
    """Queue fifty recipients of a campaign that has many."""
    first = (n - 1) * 50
    sends = [[campaign_send_id(CAMPAIGN, first + i), f"c{i}", FAR, "", "r", ROW] for i in range(50)]
    return [
        CAMPAIGN,
        first,
        10**6,
        10**6,
        "next",
        "spring",
        0,
        *(part for send in sends for part in send),
    ]


CASES = {
    "adopt_audience": Case(lambda n: [f"none{n}", "token", 0, DAY_MS, "upload", 0]),
    "note_flag": Case(lambda n: [n, n % 2, 60_000]),
    "remember_check": Case(lambda n: [CAMPAIGN, f"token{n}", n, "checked", ""]),
    "write_chunk": Case(lambda n: [f"upload{n}", DAY_MS, "gw:chunk", DAY_MS, "rows"]),
    "campaign_phase": Case(
        lambda n: [
            CAMPAIGN,
            "running",
            "running",
            "by",
            f"why{n}",
            "",
            DAY_MS,
            "",
            "",
            "mark",
            "{}",
        ]
    ),
    "expand_campaign": Case(expanded),
    "promise_reach": Case(
        lambda n: [CAMPAIGN, f"p{n}", 1, 10, 5, 1, f"{CAMPAIGN}/p{n - 1}", f"other{n}", 2]
    ),
    "find_campaigns": Case(lambda n: [DAY_MS, 20, FAR, f"wamid.{n}", 2, "hot", f"c{n}"]),
    "find_recipient_cells": Case(lambda n: [CAMPAIGN, "hot", f"c{n}"]),
    "find_unreachable": Case(lambda n: ["hot", f"c{n}"]),
    "write_schedules": Case(fired),
    "due_schedules": Case(lambda _: [100]),
    "erase_delivery": Case(lambda n: [f"{n + 20}-0", "redacted||", b"left", DAY_MS], "history"),
    "erase_sends": Case(erased_sends),
    "erase_contact": Case(lambda n: [n, "salt", 1, f"nobody{n}", "", f"nobody{n}"]),
    "resend": Case(lambda n: [f"unconfirmed{n + 20}", 1]),
    "bury_event": Case(lambda n: [digest(n), ROW, DAY_MS, f"0:{n}-0/0", "KeyError"]),
    "commit": Case(committed),
    "compact": Case(compacted),
    "drop_dead_letter": Case(lambda n: [f"send:d{n}", 0]),
    "fence_number": Case(lambda _: ["layout 2"], "fenced"),
    "fence_partition": Case(lambda _: ["layout 2"], "fenced"),
    "forget_records": Case(lambda _: [8], each=True),
    "give_up": Case(lambda n: [f"{n + 500}-0"], "partition"),
    "keep": Case(lambda _: ["meta|0|", b"x" * 200] * 8, "partition"),
    "load": Case(lambda n: [2, "hot", f"c{n}", *map(digest, range(50))]),
    "inspect": Case(lambda _: [], "partition"),
    "hold": Case(lambda n: [b"event:" + digest(n), b"whole", b"head", DAY_MS, 10**9, 200]),
    "hold_in_hand": Case(lambda n: ["holder", 1, 5_000, f"{n}-0/0"], "partition"),
    "list_number": Case(lambda n: [f"{n}", 1_000_000]),
    "take_notifications": Case(lambda _: [1, 60_000, FAR, DAY_MS]),
    "settle_notification": Case(lambda n: [f"notified{n}", 1, "delivered", 0, "", FAR, DAY_MS]),
    "take_calls": Case(lambda _: ["orders", 1, 60_000, 5]),
    "settle_call": Case(lambda n: [f"called{n}", 1, "answered", 0, "HTTP 200", "well", 5, 9, 9]),
    "take_forwards": Case(lambda _: ["crm", 4, 60_000, 1, 5]),
    "settle_forwards": Case(
        lambda n: ["crm", DAY_MS, "up", 0, 5, f"{n + 20:032}-crm", 1, "delivered", 0, "", ""]
    ),
    "oldest_forwards": Case(lambda _: ["crm", FAR, 0, 100]),
    "control_forwards": Case(lambda n: ["queue", "crm", f"{n:031}a-crm", "0:1-0/0", "", "", 900]),
    "take": Case(lambda _: ["holder", 5_000, 64, 512 << 10, 0, 0, 1, *NOT_PASSED], "partition"),
    "note": Case(lambda n: [f"cause{n}", ROW, 1_000, 100]),
    "order_aside": Case(lambda n: [f"{n}-0"], "partition"),
    "prune": Case(lambda _: [0, 0, 0, 8], each=True),
    "pump": Case(pumped),
    "recall": Case(lambda n: [f"sgone{n}", f"wnone{n}"]),
    "register": Case(lambda n: [f"s{n}", f"sent{n}"]),
    "renew": Case(lambda _: ["holder", 1, 5_000], "partition"),
    "report_death": Case(lambda n: [f"process {n}"], "partition"),
    "redrive": Case(lambda n: [f"dead{n}", 0, 12, DAY_MS]),
    "revive": Case(lambda n: [f"gone{n}", b"", 0, "stage", "failed"]),
    "control_number": Case(lambda n: ["hold", f"rule{n}", "why"]),
    "status_stream": Case(lambda _: [0, "1", 10_000, 120_000, 3]),
    "read_owner": Case(lambda _: []),
    "erase_recipients": Case(lambda n: ["gw:chunk", "a", "b", CAMPAIGN, "c", 1, n, f"c{n}"]),
    "compare_and_swap": Case(lambda n: [f"field{n}", "", "value"]),
    "tick": Case(lambda _: [1_000]),
    "trim": Case(lambda _: [0, 8], "partition"),
    "leader": Case(lambda _: ["holder", 1_000]),
    "upcoming": Case(lambda _: [80, 200, 1_500]),
    "accept": Case(requested),
    "forget_results": Case(lambda n: [f"owed{n}", n]),
    "list_due": Case(lambda _: [1 << 47, 0, 50]),
    "list_records": Case(lambda _: [1 << 47, 0, 0, 50]),
    "list_sends": Case(lambda n: [1 << 47, 0, 0, 50, "chot", f"cc{n}"]),
    "change_send": Case(lambda n: [f"new{n}", "cancel", 0, 0]),
    "take_requests": Case(lambda n: [f"key{n}", 10, 20, 1]),
    "note_news": Case(lambda n: [f"t{n} en", "status", n, ROW, "PAUSED", -1, FAR]),
    "resume_template": Case(lambda _: ["order en", 8], each=True),
    "replace_list": Case(lambda n: ["holder", n, 0]),
    "add_sign_in": Case(lambda n: [f"digest{n}", ROW, FAR, 1_000]),
    "take_try": Case(lambda n: [f"name:{n}", f"address:{n}", 5, 20, 60_000, 900_000]),
    "note_action": Case(lambda n: [10_000, "ana", "reveal", f"message {n}", ROW, ""]),
    "note_secrets": Case(lambda n: [100, f"secret{n}", 1]),
}
MORE = {
    "list_sends, of all": ("list_sends", Case(lambda _: [1 << 47, 0, 0, 50])),
    "change_send, to withdraw": (
        "change_send",
        Case(lambda n: [f"requested{n}".ljust(24, "x"), "withdraw", 0, 0, f"{n:032}"]),
    ),
    "pump, past as many doubts as a lane has": ("pump", Case(overtaking)),
    "take, of what waits only": ("take", Case(CASES["take"].args, "history")),
    "trim, of what is old": ("trim", Case(lambda _: [0, 8], "history", each=True)),
    "control_number, to let go on": ("control_number", Case(lambda n: ["release", f"rule{n}"])),
}
ALL = {name: (name, case) for name, case in CASES.items()} | MORE
# Scripts that are called with a key of their own, which holds one value or a bounded hash.
OF_ITS_OWN = {
    "note": "gw:noted",
    "status_stream": "gw:stream",
    "read_owner": "gw:owned",
    "compare_and_swap": "gw:swapped",
    "leader": "gw:turn",
    "take_requests": "gw:requests:",
    "note_secrets": "gw:secrets",
    "add_sign_in": "gw:{console}",
    "take_try": "gw:{console}",
    "note_action": "gw:{console}",
    "note_news": "gw:{t1}",
    "replace_list": "gw:{t1}",
}
OF_ITS_OWN |= {"list_number": "gw:numbers"}


def scripts() -> set[str]:
    """Return all scripts; what others are put together from is none."""
    return {path.stem for path in SCRIPTS.rglob("*.lua") if "lib" not in path.parts}


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, World, World]]:
    folder = tmp_path_factory.mktemp("grown")
    running = Server(folder, appendonly="no").start()
    store = Store(running.url, socket_timeout=60)
    try:
        yield store, World(store, SMALL), World(store, LARGE)
    finally:
        store.close()
        running.kill()


def test_every_script_is_called_here() -> None:
    assert set(CASES) == scripts()


@pytest.mark.parametrize("name", ALL)
def test_a_script_takes_no_longer_where_a_hundred_times_as_much_is_stored(
    worlds: tuple[Store, World, World], name: str
) -> None:
    store, small, large = worlds
    script, case = ALL[name]

    took_us: dict[int, list[float]] = {small.count: [], large.count: []}
    for n in range(1, CALLS + 1):
        for world in (small, large):
            took_us[world.count].append(timed(store, script, case, world, n))

    before, after = min(took_us[small.count]), min(took_us[large.count])
    floor = FLOOR_US / 100 if case.each else FLOOR_US
    assert after <= TIMES * before + floor, took_us


def timed(store: Store, script: str, case: Case, world: World, n: int) -> float:
    """Return what one call took in microseconds, or what each thing took that it worked off."""
    prefix = OF_ITS_OWN.get(script) or getattr(world, case.of)
    spent = spent_us(store)
    reply = store.call(script, prefix, *case.args(n))
    took = spent_us(store) - spent
    return took / max(1, reply) if case.each else took


def spent_us(store: Store) -> float:
    """Return the processor's time of the server, which no other process lengthens."""
    found = raw(store).info("cpu")
    return sum(float(found[f"used_cpu_{of}_main_thread"]) for of in ("user", "sys")) * 1e6
