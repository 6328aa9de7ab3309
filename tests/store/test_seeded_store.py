"""A store that the benchmark's seeder filled reads as one that the gateway wrote."""

import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.store import keys
from gateway.store.api.lists.chat import read_chat
from gateway.store.api.lists.message_list import MessageFilter, MessageList
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import dead_letters
from gateway.store.monitoring import snapshot
from gateway.store.redis.client import Store
from gateway.store.tracing.traces import Traces
from tests.bench.console.copies import CopiedNames
from tests.bench.console.seeder import BUSY, Seeder
from tests.bench.console.stories import KINDS, Story
from tests.bench.room import PREFIX
from tests.support.factories import NUMBER
from tests.support.servers import Server
from tests.support.store.raw import raw

pytestmark = pytest.mark.store
EVENTS = 2_000
# What differs between any two messages: where they are, and when what happened.
_PLACE = re.compile(r"\b\d{1,2}:\d{13}-\d+\b")
_MOMENT = re.compile(r"datetime\.datetime\([^)]*\)|\b1[78]\d{8}(\d{3})?\b")
_NAMES = ("contact", "wamid", "record_id", "send", "sent", "reference")


@pytest.fixture(scope="module")
def seeder(server: Server) -> Iterator[Seeder]:
    store = Store(server.url)
    filled = Seeder(store)
    filled.fill(EVENTS)
    filled.close()
    yield filled
    store.close()


def _traces(seeder: Seeder, id_: str) -> list[dict[str, Any]]:
    traces = Traces(seeder.store, Bodies())
    found = traces.find_by_wamid(id_) if id_.startswith("wamid.") else traces.find_by_send(id_)
    return [asdict(one) for one in found.traces]


def _anonymous(traces: list[dict[str, Any]], *named: tuple[CopiedNames | Story, str]) -> str:
    """Write traces down without what names a message, or says where or when it was."""
    text = str(traces)
    for one, sent in named:
        for name in _NAMES:
            if value := getattr(one, name, "") or (sent if name == "sent" else ""):
                text = text.replace(value, f"<{name}>")
    return _MOMENT.sub("<moment>", _PLACE.sub("<place>", text))


def _is_compacted(seeder: Seeder, names: CopiedNames) -> bool:
    return not raw(seeder.store).exists(f"{PREFIX}send:{names.send}")


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_is_traced_as_its_story(seeder: Seeder, kind: str) -> None:
    story = seeder.stories[kind][0]
    sent = story.row.get("wamid", "")
    as_compacted = bool(sent)
    copy = next(
        one
        for one in seeder.copies[kind]
        if one.contact != BUSY and (not as_compacted or _is_compacted(seeder, one))
    )
    for name in ("send", "wamid", "sent"):
        known = {"send": story.send, "wamid": story.wamid, "sent": sent}[name]
        if not known:
            continue
        real, copied = _traces(seeder, known), _traces(seeder, getattr(copy, name))

        # A copy's delivery is that of its story, byte for byte.
        names = ((copy, copy.sent), (story, sent))
        assert _anonymous(copied, *names) == _anonymous(real, *names)
        assert real


def test_rows_that_are_not_compacted_have_what_rows_of_the_gateway_have(seeder: Seeder) -> None:
    for kind in ("answered", "refused"):
        row = seeder.stories[kind][0].row
        copies = [one for one in seeder.copies[kind] if not _is_compacted(seeder, one)]

        for one in copies:
            copied = raw(seeder.store).hgetall(f"{PREFIX}send:{one.send}")
            assert {name.decode() for name in copied} == set(row)
            assert copied[b"lane"].decode() == one.contact
        assert copies


def test_lists_find_copies(seeder: Seeder) -> None:
    (one,) = seeder.copies["requested"][:1]

    def find(**wanted: Any) -> set[str]:
        listed = MessageList(seeder.store, Bodies(), [NUMBER], MessageFilter(**wanted))
        return {message.send.id for message in listed.read_page(None, 200).items}

    assert find(reference=one.reference) == {one.send}
    assert one.send in find(recipient=one.contact)
    assert len(find()) == 200
    assert len(read_chat(seeder.store, Bodies(), NUMBER, BUSY, None, 5).entries) >= 5


def test_counters_say_what_there_is(seeder: Seeder) -> None:
    now = snapshot.read(seeder.store, 1 << 34)
    (number,) = (one for one in now.numbers if one.number == NUMBER)
    events = sum(count for name, count in number.counts.items() if name.startswith("events."))
    table = next(raw(seeder.store).scan_iter(f"{PREFIX}known:[0-9]*[0-9]", _type="hash"))
    generation = table.decode().removeprefix(f"{PREFIX}known:").partition("/")[0]
    known = raw(seeder.store).hgetall(f"{PREFIX}known:{generation}")
    buckets = [f"{PREFIX}known:{generation}/{i}" for i in range(int(known[b"size"]))]
    written = seeder.events + sum(len(one.kept) for some in seeder.stories.values() for one in some)

    assert events == now.kept == written
    assert (now.waiting, now.oldest_s) == (0, 0.0)
    assert int(known[b"ids"]) == sum(raw(seeder.store).hlen(one) for one in buckets) == written
    assert all(raw(seeder.store).pttl(one) > keys.DAY_MS for one in buckets)
    letters = list(dead_letters.iter_dead_letters(seeder.store, DeadLetterFilter()))
    assert len(letters) == number.dead == number.stages["dead"]
    assert number.stages["queued"] == raw(seeder.store).xlen(f"{PREFIX}listed")
    assert abs(seeder.events - EVENTS) < 20


def test_what_only_the_seeder_reads_is_gone(seeder: Seeder) -> None:
    assert not list(raw(seeder.store).scan_iter("bench:*"))
