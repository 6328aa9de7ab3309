"""A number and two partitions that hold `count` of everything a script could come to depend on.

They are filled by scripts, a part at a time: everything in them is as our own scripts write it.
"""

from gateway.store import keys
from gateway.store.lua.constants import write_constants
from gateway.store.lua.scripts import SCRIPTS
from gateway.store.redis.client import Store
from tests.support.store.raw import raw

STEP = 1_000
# What scripts share, of which the world is made.
PARTS = (
    "prelude", "deduplication", "lanes", "generations", "compact_records", "listed_sends",
    "notifications",
)  # fmt: skip

# KEYS 1 a number's prefix; ARGV 1 the first, 2 the last, 3 how many there will be.
NUMBER_LUA = """
local number, now = KEYS[1], clock()
local CAMPAIGN = 'abcdefghijkl'
local soon, size = now + 3600000, math.floor(tonumber(ARGV[3]) / FILL) + 1
local function row(id, stage, rung, lane, ...)
  redis.call('HSET', number .. 'send:' .. id, 'stage', stage, 'rung', rung, 'attempts', 1,
    'lane', lane, 'rank', 'reply', 'planned', now, 'expires', soon, 'repeatable', '',
    'closed', '', 'rule', 'r', 'row', '{"body":{}}', ...)
end
for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  local id, lane = 's' .. i, 'c' .. i
  local digest = struct.pack('>I4I4I4I4', i, i * 2654435761 % 4294967296, i, i)
  redis.call('HSET', number .. 'contact:' .. lane, 'version', 'v', 'state', '{}')
  local bucket = bucket_of(size, digest:sub(5))
  bucket = bucket_key(number, math.floor(now / GENERATION), bucket)
  redis.call('HSET', bucket, digest:sub(5), 'place')
  row(id, 'queued', 0, lane)
  redis.call('ZADD', number .. 'lane:reply:' .. lane, i, id)
  redis.call('ZADD', number .. 'ready:reply', i, lane)
  redis.call('ZADD', number .. 'lane:reply:hot', i, id)
  redis.call('ZADD', number .. 'due', soon + i, id)
  redis.call('ZADD', number .. 'unconfirmed', soon, 'u' .. i)
  redis.call('ZADD', number .. 'parked', soon, 'p' .. i)
  redis.call('ZADD', number .. 'parked:hot', i, 'p' .. i)
  redis.call('ZADD', number .. 'held:held', i, 'h' .. i)
  redis.call('ZADD', number .. 'dead', now, 'send:d' .. i)
  redis.call('HSET', number .. 'call:called' .. i, 'stage', 'waiting', 'attempts', 1,
    'planned', now, 'service', 'orders', 'payload', '{}', 'attempt:1', '1|1|')
  redis.call('SADD', number .. 'services', 'service' .. i % 200)
  redis.call('HSET', number .. 'notification:notified' .. i, 'stage', 'waiting', 'attempts', 1,
    'planned', now, 'payload', '{}')
  if i <= MOST_NOTIFICATIONS - 20 then
    redis.call('ZADD', number .. 'notifications', now, 'notified' .. i)
    redis.call('ZADD', number .. 'notifications_due', i, 'notified' .. i)
    redis.call('ZADD', number .. 'calls', now, 'called' .. i)
    redis.call('ZADD', number .. 'calls_due:orders', i, 'called' .. i)
    local forward = string.format('%032d-crm', i)
    redis.call('HSET', number .. 'forward:' .. forward, 'stage', 'waiting', 'receiver', 'crm',
      'place', '0:' .. i .. '-0/0', 'contact', '', 'lane', 'hot', 'size', 900, 'planned', now,
      'attempts', 1)
    redis.call('ZADD', number .. 'forwards', now, 'crm')
    redis.call('ZADD', number .. 'forwards:crm:lane:hot', i, forward)
    redis.call('ZADD', number .. 'forwards:crm:ready', 1, 'hot')
    redis.call('ZADD', number .. 'forwards:crm:waiting', now, forward)
    redis.call('ZADD', number .. 'forwards:crm:kept', i, forward)
  end
  redis.call('SETRANGE', number .. 'campaign:' .. CAMPAIGN .. ':recipients', i * 4, '\\0\\0\\0\\0')
  redis.call('HSET', number .. 'campaign:' .. CAMPAIGN, 'phase', 'running', 'next', 0,
    'cell:waiting', i)
  redis.call('HSET', number .. 'schedule:schedule' .. i, 'version', 1, 'definition', 'd')
  redis.call('ZADD', number .. 'schedules', i <= 100 and i or soon + i, 'schedule' .. i)
  redis.call('ZADD', number .. 'timers', soon, 't' .. i)
  redis.call('HSET', number .. 'timer', 't' .. i, '{}')
  redis.call('XADD', number .. 'recorded', '*', 'r' .. i, lane)
  redis.call('SET', number .. 'record:r' .. i, '{}')
  redis.call('ZADD', number .. 'records:' .. lane, i, 'r' .. i)
  redis.call('SET', number .. 'wamid:w' .. i, id)
  redis.call('SET', number .. 'pair:' .. lane, now)
  redis.call('ZADD', number .. 'finished', soon + i, id)
  redis.call('XADD', number .. 'done:reply', i .. '-1', 'r', 'a record')
  redis.call('XADD', number .. 'texts', i .. '-1', 't', 'a text')
  local generation, spot = index_now(number, now), spot_of('sgone' .. i)
  write_spot(number, generation, spot, struct.pack(HEAD, i, 1, 0, 3, 1, now))
  redis.call('HINCRBY', number .. 'index:count', generation:match('^%d+'), 1)
  redis.call('HSET', number .. 'late_failures', spot, '1|1||0|{}')
  list_send(number, now, id, i % 2 == 0 and lane or 'hot', 'hot')
  redis.call('ZADD', number .. 'unreadable', now, 'event:' .. i)
  if i <= 100 then
    row('attempting' .. i, 'attempting', 1, 'hot', 'attempting_at', now, 'call', 'x')
    row('unconfirmed' .. i, 'unconfirmed', 2, 'hot', 'doubted', now)
    redis.call('SADD', number .. 'doubts:reply:hot', 'unconfirmed' .. i)
    row('overtaking' .. i, 'attempting', 1, 'doubted' .. i, 'attempting_at', now, 'call', 'x')
    for k = 1, MOST_DOUBTS do
      local doubt = 's' .. (i * 7919 + k * 104729) % tonumber(ARGV[3]) + 1
      redis.call('SADD', number .. 'doubts:reply:doubted' .. i, doubt)
    end
    row('sent' .. i, 'accepted', 3, 'hot', 'wamid', 'w' .. i)
    row('dead' .. i, 'dead', 3, 'hot', 'final', 1)
    redis.call('ZADD', number .. 'dead', now, 'send:dead' .. i)
    row('p' .. i, 'parked', 0, 'hot', 'spent', 1)
    redis.call('HSET', number .. 'stops', 'rule:held', '1|why')
    redis.call('SADD', number .. 'holding', 'held')
  end
end
redis.call('HSET', number .. 'known:' .. math.floor(now / GENERATION), 'size', size, 'ids', ARGV[2])
"""

# KEYS 1 a partition's prefix; ARGV 1 the first, 2 the last, 3 how many there will be, 4 "1" to set
# each aside and to give as many up.
PARTITION_LUA = """
local inbox, now = KEYS[1] .. 'inbox', clock()
for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  local entry = i .. '-0'
  redis.call('XADD', inbox, entry, 'h', 'meta|0|', 'b', string.rep('x', 200))
  if ARGV[4] == '1' then
    set_aside(KEYS[1], entry, i)
    redis.call('HSET', KEYS[1] .. 'aside:tries', entry, 1)
    redis.call('HSET', KEYS[1] .. 'aside:why', entry .. ':first', 'why', entry .. ':last', 'why')
    redis.call('ZADD', KEYS[1] .. 'given_up', now, 'g' .. entry)
  end
end
redis.call('HSET', KEYS[1] .. 'cursor', 'at', math.floor(ARGV[3] / 2) .. '-0')
redis.call('HSET', KEYS[1] .. 'count', 'kept', ARGV[3], 'passed', math.floor(ARGV[3] / 2))
"""


class World:
    """The prefixes of what holds `count` of everything."""

    def __init__(self, store: Store, count: int) -> None:
        """Fill it; worlds of different counts stand beside each other."""
        self.count = count
        self.number = keys.number(f"number{count}")
        self.partition = f"gw:{{p{count}}}:"
        self.fenced = f"gw:{{f{count}}}:"  # holds nothing
        self.history = f"gw:{{p{count}h}}:"  # nothing aside, so half of it may be trimmed
        texts = {path.stem: path.read_text() for path in (SCRIPTS / "lib").rglob("*.lua")}
        parts = [texts[part] for part in PARTS]
        library = write_constants("\n".join(parts))
        for prefix, lua, more in (
            (self.number, NUMBER_LUA, ()),
            (self.partition, PARTITION_LUA, ("1",)),
            (self.history, PARTITION_LUA, ("0",)),
        ):
            for first in range(1, count + 1, STEP):
                last = min(first + STEP - 1, count)
                raw(store).eval(f"{library}\n{lua}", 1, prefix, first, last, count, *more)
