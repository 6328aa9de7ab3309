-- Put before every script. Times are milliseconds of the server's clock, never of a client's.
local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local DAY = 86400000

-- Known events live in hashes of some 60 digests. A generation is four days of server time; an
-- event is looked for in the current generation and the two before, and written into the current.
local GENERATION = 345600000

local function known_bucket(number, generation, digest)
  local buckets = redis.call('HGET', number .. 'known:' .. generation, 'buckets')
  if not buckets then return nil end
  local at = struct.unpack('>I4', digest) % tonumber(buckets)
  return number .. 'known:' .. generation .. ':' .. at
end

local function known_place(number, now, digest)
  local current = math.floor(now / GENERATION)
  for generation = current, current - 2, -1 do
    local bucket = known_bucket(number, generation, digest)
    local place = bucket and redis.call('HGET', bucket, digest:sub(5))
    if place then return place end
  end
  return false
end

-- The contact that a name stands for: its key, version and state; no more than its key where that
-- is among those in `told`. A name that became one of another contact holds `alias`; none leads back.
local function contact_of(number, name, told)
  for _ = 1, 32 do
    if told and told[name] then return name, false, false end
    local row = redis.call('HMGET', number .. 'contact:' .. name, 'version', 'state', 'alias')
    if not row[3] then return name, row[1], row[2] end
    name = row[3]
  end
  error('an alias leads nowhere')
end

local function count(number, name, by)
  redis.call('HINCRBY', number .. 'count', name, by or 1)
end

-- A delivery is no longer set aside: why it was goes away with it.
local function leave_aside(partition, entry)
  redis.call('HDEL', partition .. 'aside:why', entry .. ':first', entry .. ':last')
  redis.call('HDEL', partition .. 'aside:tries', entry)
  redis.call('ZREM', partition .. 'aside', entry)
end

-- Let a send's row be compacted once its moment has come, however late that is done. What may be
-- repeated (a tick, "typing", a canary) is many, and after a day nobody asks what became of it.
local function retire(number, id, at)
  local send = number .. 'send:' .. id
  if redis.call('HGET', send, 'repeatable') == '1' then
    redis.call('PEXPIRE', send, DAY)
  else
    redis.call('ZADD', number .. 'finished', 'LT', at, id)
  end
end

-- A dead letter may begin again, so the row stays for as long as it.
local function list_dead_send(number, id, now)
  redis.call('ZADD', number .. 'finished', now + 30 * DAY, id)
  redis.call('ZADD', number .. 'dead', now, 'send:' .. id)
end

local function is_attempting(number, id)
  return redis.call('HGET', number .. 'send:' .. id, 'stage') == 'attempting'
end

-- A lane's head, or what was posted of it, is done with: the next send may go at once, an empty lane
-- leaves the ready set. What came back to its place meanwhile stands before what was posted.
-- The lane is changed last, so that a script which dies in between is healed when it is repeated.
local function leave_lane(number, rank, lane, id, now)
  local key, ready = number .. 'lane:' .. rank .. ':' .. lane, number .. 'ready:' .. rank
  local heads = redis.call('ZRANGE', key, 0, 1)
  local was_head = heads[1] == id
  local head = heads[was_head and 2 or 1]
  if not head then
    redis.call('ZREM', ready, lane)
  elseif (was_head or is_attempting(number, id)) and not is_attempting(number, head) then
    redis.call('ZADD', ready, now, lane)
  end
  redis.call('ZREM', key, id)
end

-- A send becomes one message. A second wamid is found as well, and means that Meta took it twice.
local function learn_wamid(number, id, first, wamid)
  if wamid == '' or wamid == first then return end
  local is_new = redis.call('SET', number .. 'wamid:' .. wamid, id, 'PX', 30 * DAY, 'NX')
  if not first then
    redis.call('HSET', number .. 'send:' .. id, 'wamid', wamid)
  elseif is_new then
    count(number, 'sends.doubled')
  end
end

-- A doubt is a send of which nobody knows whether Meta had it. Once a later send of its lane was
-- accepted, to repeat it would break the order, so it is told.
local function overtake(number, rank, lane, id)
  for _, doubt in ipairs(redis.call('SMEMBERS', number .. 'doubts:' .. rank .. ':' .. lane)) do
    if doubt ~= id then redis.call('HSET', number .. 'send:' .. doubt, 'overtaken', 1) end
  end
end
