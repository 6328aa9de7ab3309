"""Whatever a script touches, to read or to write, is in the slot of its only key."""

import re
from collections import defaultdict

import pytest
from redis.crc import key_slot

from gateway.store import keys
from gateway.store.maintenance import due_items, retention
from gateway.store.redis.client import Store
from tests.store.test_lifetimes import live
from tests.support.servers import Server
from tests.support.store.raw import raw
from tests.support.store.sends import PREFIX, WEEK, lanes

pytestmark = pytest.mark.store
THE_END = "ECHO the end"


def touched(store: Store, server: Server) -> dict[str, set[str]]:
    """Do everything that there is to do, and return what the scripts with each key touched."""
    found: dict[str, set[str]] = defaultdict(set)
    with raw(store).monitor() as monitor:
        live(store, server)
        lanes(store).pump([], 9)
        due_items.tick(store)
        retention.trim(store, WEEK)
        raw(store).echo("the end")
        prefix = ""
        while (told := monitor.next_command())["command"] != THE_END:
            name, *words = told["command"].split(" ")
            if name in ("EVAL", "EVALSHA"):
                # A trial of the rights has no key.
                prefix = "".join(re.findall(r" 1 (gw:\S+)", told["command"])[:1])
            elif told["client_type"] == "lua" and words:
                found[prefix].add(words[0])
    return found


def test_a_script_reads_and_writes_in_the_slot_of_its_key_only(
    store: Store, server: Server
) -> None:
    found = touched(store, server)

    assert {PREFIX, keys.partition(2)} <= set(found)
    for prefix, names in found.items():
        assert {key_slot(name.encode()) for name in names} == {key_slot(prefix.encode())}, prefix
