-- Put before every script. Times are milliseconds of the server's clock, never of a client's.
local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

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

-- A lane's head is done with: the next send may go at once, an empty lane leaves the ready set.
local function leave_lane(number, rank, lane, id, now)
  local key = number .. 'lane:' .. rank .. ':' .. lane
  local head = redis.call('ZRANGE', key, 0, 0)[1]
  redis.call('ZREM', key, id)
  if redis.call('EXISTS', key) == 0 then
    redis.call('ZREM', number .. 'ready:' .. rank, lane)
  elseif head == id then
    redis.call('ZADD', number .. 'ready:' .. rank, now, lane)
  end
end

local function count(number, name, by)
  redis.call('HINCRBY', number .. 'count', name, by or 1)
end
