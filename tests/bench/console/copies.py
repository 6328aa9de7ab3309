"""Copies of stories, written into the store under names of their own.

What scripts write is written by what scripts share, as in `tests/support/store/large_store.py`: the
known events, the lists and their terms, the index of compacted sends, the list of dead letters.
Rows, records and contacts are those of the story, with its names replaced. The bodies of deliveries
are compressed and stay as they are, so a copy's delivery shows the words and ids of its story.
"""

import base64
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.core.sending.compact_record import pack, packed_name
from gateway.core.sending.send import send_id
from gateway.core.webhook.event_keys import digest
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.lua.constants import write_constants
from gateway.store.lua.scripts import SCRIPTS
from gateway.store.redis.client import Store
from tests.bench.console.stories import Story
from tests.bench.room import PREFIX, WEEK, new_wamid
from tests.support.store.raw import raw

# What scripts share, of which the copies are made.
PARTS = ("prelude", "deduplication", "generations", "compact_records", "listed_sends")

# KEYS 1 the number's prefix, 2 where the story is; ARGV 1 how long records live, then of each copy
# its six names, the packed form of four of them, its text, and a digest of each event.
COPY_LUA = """
local number, mould, now = KEYS[1], KEYS[2], clock()
local story, row = {}, redis.call('HGETALL', mould .. 'row')
local fields = redis.call('HGETALL', mould .. 'story')
for i = 1, #fields, 2 do story[fields[i]] = fields[i + 1] end
local kept = redis.call('XRANGE', mould .. 'kept', '-', '+')
local since = string.format('%.0f', math.max(0, now - ARGV[1]))
local copied, compacted, last, place = 0, 0, {}, redis.call('INCR', number .. 'places')

local function put(text, names)
  for i = 1, #names, 2 do
    local found = names[i] ~= '' and text:find(names[i], 1, true)
    while found do
      text = text:sub(1, found - 1) .. names[i + 1] .. text:sub(found + #names[i])
      found = text:find(names[i], found + #names[i + 1], true)
    end
  end
  return text
end

local function varint(value)
  local groups = ''
  while value >= 128 do
    groups, value = groups .. string.char(value % 128 + 128), math.floor(value / 128)
  end
  return groups .. string.char(value)
end

-- As `know`, which also looks whether a bucket has its expiry: one that was split has it, and the
-- first ones get it below.
local generation_of_known = math.floor(now / GENERATION)
local known, fresh = known_table(number, generation_of_known), 0
local size_before, FEWEST_BUCKETS = known.size, 16
local function know_many(id, place)
  redis.call('HSET', bucket_key(number, generation_of_known, bucket_of(known.size, id)), id, place)
  known.ids, fresh = known.ids + 1, fresh + 1
  if known.ids >= known.size * FILL then split_bucket(number, generation_of_known, known) end
end

local function keep(at, digest, names)
  local f = {}
  for i = 1, #kept[at][2], 2 do f[kept[at][2][i]] = kept[at][2][i + 1] end
  local id = redis.call('XADD', f.prefix .. 'inbox', '*', 'h', f.h, 'b', f.b)
  local ms, sequence = id:match('^(%d+)-(%d+)$')
  local place = string.char(128 + f.nth) .. struct.pack('>I6', ms) .. varint(tonumber(sequence))
  know_many(digest:sub(5), place .. '\\0')
  last[f.prefix] = last[f.prefix] or {many = 0}
  last[f.prefix].id, last[f.prefix].many = id, last[f.prefix].many + 1
  names[#names + 1], names[#names + 2] = f.nth .. ':' .. f.entry, f.nth .. ':' .. id
end

local function write_record(names, contact, id)
  redis.call('XADD', number .. 'recorded', 'MINID', '~', since, '*', id, contact)
  redis.call('SET', number .. 'record:' .. id, put(story.record, names), 'PX', ARGV[1])
  local list = number .. 'records:' .. contact
  redis.call('ZADD', list, 'NX', place + copied / 1000, id)
  redis.call('PEXPIRE', list, ARGV[1])
end

local generation = index_now(number, now)
local function write_compacted(packed, id, wamid, text)
  local entry = redis.call('XADD', number .. 'texts', '*', 't', text)
  redis.call('XADD', number .. 'done:reply', entry, 'r', put(story.compact, packed))
  local ms, nth = entry:match('^(%d+)-(%d+)$')
  local spot = spot_of('s' .. id)
  write_spot(number, generation, spot_of('w' .. wamid), spot)
  write_spot(number, generation, spot, struct.pack('>I6I2', ms, nth) .. story.head)
  compacted = compacted + 1
end

local function write_row(names, id, wamid)
  local own = {}
  for i, value in ipairs(row) do own[i] = put(value, names) end
  redis.call('HSET', number .. 'send:' .. id, unpack(own))
  if story.is_dead == '1' then return list_dead_send(number, id, now) end
  redis.call('SET', number .. 'wamid:' .. wamid, id, 'PX', C.MONTH_MS)
  retire(number, id, now + C.DAY_MS, false)
end

local function write_send(names, packed, contact, id, wamid, reference, text)
  list_send(number, now, id, contact, reference)
  if story.head ~= '' then return write_compacted(packed, id, wamid, text) end
  write_row(names, id, wamid)
end

local function copy(at)
  local contact, wamid, record, send, sent, reference = unpack(ARGV, at, at + 5)
  local names = {story.contact, contact, story.wamid, wamid, story.record_id, record,
    story.send, send, story.sent, sent, story.reference, reference}
  local packed = {story.packed_contact, ARGV[at + 6], story.packed_record, ARGV[at + 7],
    story.packed_send, ARGV[at + 8], story.packed_sent, ARGV[at + 9]}
  for i = 1, #kept do keep(i, ARGV[at + 10 + i], names) end
  if story.state ~= '' then
    local key, state = number .. 'contact:' .. contact, put(story.state, names)
    redis.call('HSET', key, 'version', story.version, 'state', state)
  end
  if story.record ~= '' then write_record(names, contact, record) end
  if story.send ~= '' then
    write_send(names, packed, contact, send, sent, reference, ARGV[at + 10])
  end
  copied = copied + 1
end

for at = 2, #ARGV, 11 + #kept do copy(at) end
count_listed(number)
redis.call('HINCRBY', number .. 'known:' .. generation_of_known, 'ids', fresh)
for i = 0, size_before <= 2 * FEWEST_BUCKETS and known.size - 1 or -1 do
  redis.call('PEXPIREAT', bucket_key(number, generation_of_known, i),
    (generation_of_known + 3) * GENERATION)
end
redis.call('PEXPIRE', number .. 'recorded', ARGV[1])
if compacted > 0 then
  redis.call('HINCRBY', number .. 'index:count', generation:match('^%d+'), compacted)
end
for prefix, one in pairs(last) do
  redis.call('HINCRBY', prefix .. 'count', 'kept', one.many)
  redis.call('HINCRBY', prefix .. 'count', 'passed', one.many)
  redis.call('HSET', prefix .. 'cursor', 'at', one.id, 'item', 0)
end
for name in story.counted:gmatch('%S+') do count(number, name, copied) end
return copied
"""


@dataclass(frozen=True)
class CopiedNames:
    """The names of one copy, each as long as that of its story."""

    contact: str
    wamid: str = ""
    record_id: str = ""
    send: str = ""
    sent: str = ""
    reference: str = ""

    def packed(self) -> tuple[bytes, ...]:
        """Return those that a compact record holds, as it holds them."""
        names = (self.contact, self.record_id, self.send, self.sent)
        return tuple(packed_name(name) if name else b"" for name in names)


class Copier:
    """Writes copies of one story."""

    def __init__(self, store: Store, name: str, story: Story, *, is_compacted: bool) -> None:
        """Put the story where the script reads it; `forget` removes it."""
        self._redis, self._mould = raw(store), f"bench:{name}:"
        self._story, self._bodies = story, Bodies()
        self._sent = story.row.get("wamid", "")
        self._old = CopiedNames(
            story.contact, story.wamid, story.record_id, story.send, self._sent, story.reference
        )
        texts = {path.stem: path.read_text() for path in (SCRIPTS / "lib").rglob("*.lua")}
        script = "\n".join([*(texts[part] for part in PARTS), COPY_LUA])
        self._script = self._redis.script_load(write_constants(script))
        self._text = b""
        self._write_mould(is_compacted)

    @property
    def events(self) -> int:
        """Return how many events a copy has."""
        return len(self._story.kept)

    def _write_mould(self, is_compacted: bool) -> None:
        story, packed = self._story, self._old.packed()
        compact = pack(story.send, story.row, {}) if is_compacted and story.row else None
        self._text = self._bodies.pack(compact.text) if compact else b""
        self._plain_text = compact.text if compact else b""
        self._redis.hset(
            f"{self._mould}story",
            mapping={
                "contact": story.contact,
                "wamid": story.wamid,
                "version": story.version,
                "state": story.state,
                "record_id": story.record_id,
                "record": story.record,
                "send": story.send,
                "sent": self._sent,
                "reference": story.reference,
                "is_dead": int(story.is_dead),
                "compact": compact.record if compact else b"",
                "head": compact.head if compact else b"",
                "packed_contact": packed[0],
                "packed_record": packed[1],
                "packed_send": packed[2],
                "packed_sent": packed[3],
                "counted": " ".join(_counted(story)),
            },
        )
        if story.row:
            self._redis.hset(f"{self._mould}row", mapping=dict(story.row))
        for one in story.kept:
            prefix = keys.partition(one.partition)
            place = {"prefix": prefix, "nth": one.partition, "entry": one.entry}
            self._redis.xadd(f"{self._mould}kept", {**place, "h": one.header, "b": one.body})

    def copy(self, names: Sequence[CopiedNames]) -> None:
        """Write a copy of each of these names."""
        args: list[Any] = [int(WEEK.total_seconds() * 1000)]
        for one in names:
            args += [one.contact, one.wamid, one.record_id, one.send, one.sent, one.reference]
            args += [*one.packed(), self._text_of(one), *self._digests(one)]
        copied = self._redis.evalsha(self._script, 2, PREFIX, self._mould, *args)
        assert copied == len(names), copied

    def new_names(self, contact: str, reference: str = "") -> CopiedNames:
        """Return the names of a copy for a customer, made as the gateway and Meta make them."""
        story, wamid, record_id, key = self._story, "", "", ""
        if story.wamid:
            wamid = new_wamid()
            key = story.kept[0].key.replace(story.wamid, wamid)
            record_id = digest(key).hex() if story.record else ""
        send = (send_id(key, story.row["rule"], 0) if key else _new_id()) if story.send else ""
        sent = new_wamid() if self._sent else ""
        return CopiedNames(contact, wamid, record_id, send, sent, reference)

    def forget(self) -> None:
        """Remove the story from where the script reads it."""
        self._redis.delete(*(f"{self._mould}{what}" for what in ("story", "row", "kept")))

    def _text_of(self, names: CopiedNames) -> bytes:
        if not (self._text and names.reference):
            return self._text
        old, new = self._old.reference.encode(), names.reference.encode()
        return self._bodies.pack(self._plain_text.replace(old, new))

    def _digests(self, names: CopiedNames) -> Iterator[bytes]:
        for one in self._story.kept:
            key = one.key
            for old, new in ((self._old.wamid, names.wamid), (self._old.sent, names.sent)):
                key = key.replace(old, new) if old else key
            yield digest(key)


def _counted(story: Story) -> Iterator[str]:
    """Yield what the gateway counted of a story."""
    yield from (f"events.{one.kind}" for one in story.kept)
    if story.row:
        yield from ("sends.queued", "sends.attempting")
        yield from ("sends.dead",) if story.is_dead else ("sends.accepted", "categories.service")
        yield from (f"sends.{name.split(':')[1]}" for name in story.row if name.startswith("at:"))


def _new_id() -> str:
    return base64.b32encode(secrets.token_bytes(15)).decode().lower()
